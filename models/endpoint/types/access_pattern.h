// SPDX-License-Identifier: Apache-2.0
/// AccessPattern -- which bytes a DMA microbenchmark touches next, and on whose behalf. A mechanism: no time.
///
/// Spec    pcie-bench (Neugebauer et al., SIGCOMM 2018) section 4: a window of units; a unit is offset + transfer
///         size, rounded up to whole cache lines; units are visited at random or in sequence.
/// Models  one window per tenant (function or PASID); tenants in turn, at random, or in bursts.
/// Units   bytes
#pragma once
#include <vector>

#include "models/core/params.h"
#include "models/core/random.h"
#include "models/core/units.h"

namespace iov::endpoint {

enum class DmaPattern : std::uint8_t { read, write, read_write, write_then_read };
inline constexpr Names<4> dma_pattern_names{"read", "write", "read_write", "write_then_read"};
enum class AddressOrder : std::uint8_t { random, sequential };
inline constexpr Names<2> address_order_names{"random", "sequential"};
enum class Tenants : std::uint8_t { functions, pasids };
inline constexpr Names<2> tenants_names{"functions", "pasids"};
enum class Interleave : std::uint8_t { round_robin, random, burst };
inline constexpr Names<3> interleave_names{"round_robin", "random", "burst"};

struct AccessParams {
  DmaPattern pattern = DmaPattern::read;
  Bytes transfer_size = 64_B;
  Bytes window = 8_KiB;
  Bytes offset = 0_B;
  Bytes stride = 0_B;
  AddressOrder order = AddressOrder::random;
  unsigned requesters = 1;
  Tenants tenants = Tenants::functions;
  Interleave interleave = Interleave::round_robin;
  unsigned burst_length = 32;

  template <class V>
  void describe(V& v) {
    const char* bench = "pcie-bench, Neugebauer et al., SIGCOMM 2018, section 4";
    v.choice("pattern", pattern, dma_pattern_names,
             "what a transaction is: a read, a write, one of each at once, or a write and then a read of the same bytes", bench);
    v.field("transfer_size", transfer_size, Range<Bytes>{1_B, 1_MiB}, "bytes of one read or write", bench);
    v.field("window", window, Range<Bytes>{64_B, {std::uint64_t{1} << 40}}, "bytes that each function's transfers lie in",
            bench);
    v.field("offset", offset, Range<Bytes>{0_B, 4095_B}, "of a transfer from the begin of its unit", bench);
    v.field("stride", stride, Range<Bytes>{0_B, {std::uint64_t{1} << 30}},
            "from one unit to the next; 0: offset + transfer_size, rounded up to cache lines of 64 B", bench);
    v.choice("order", order, address_order_names, "in which the units of a window are visited", bench);
    v.field("requesters", requesters, Range<unsigned>{1, 65534},
            "tenants that take part: the PF and requesters - 1 VFs, or as many PASIDs of the PF",
            "VT-d has 65536 domain IDs, one is reserved and one the host's");
    v.choice("tenants", tenants, tenants_names, "what tells the requesters apart: requester IDs, or PASIDs of one requester ID",
             "Scalable IOV: assignable interfaces share a requester ID and have a PASID each");
    v.choice("interleave", interleave, interleave_names, "which function has the next transaction",
             "HyperSIO (MICRO 2017): tenants round robin, random, or in bursts");
    v.field("burst_length", burst_length, Range<unsigned>{1, 65536},
            "transactions of one function in a row, when interleave is burst", no_source);
    v.require(unit() <= window.count, "a unit (stride, or offset + transfer_size in cache lines) must fit into the window");
    v.require(offset.count + transfer_size.count <= window.count, "offset + transfer_size must fit into the window");
  }
  std::uint64_t unit() const {
    constexpr std::uint64_t line = 64;
    return stride.count ? stride.count : (offset.count + transfer_size.count + line - 1) / line * line;
  }
  /// How many units there are: the last one's transfer ends within the window.
  std::uint64_t units() const { return (window.count - offset.count - transfer_size.count) / unit() + 1; }
};

class AccessPattern {
 public:
  struct Access {
    unsigned function;
    std::uint64_t at;  ///< from the begin of the function's window
  };
  AccessPattern(const AccessParams& params, std::uint64_t seed, const char* stream)
      : params_(params), units_(params.units()), random_(seed, stream), next_unit_(params.requesters) {}

  Access next() {
    const unsigned function = next_function();
    return {function, next_unit(function) * params_.unit() + params_.offset.count};
  }

 private:
  unsigned next_function() {
    switch (params_.interleave) {
      case Interleave::random: return static_cast<unsigned>(random_.below(params_.requesters));
      case Interleave::round_robin: return static_cast<unsigned>(count_++ % params_.requesters);
      case Interleave::burst: return static_cast<unsigned>(count_++ / params_.burst_length % params_.requesters);
    }
    return 0;
  }
  std::uint64_t next_unit(unsigned function) {
    if (params_.order == AddressOrder::random) return random_.below(units_);
    const std::uint64_t unit = next_unit_[function];
    next_unit_[function] = unit + 1 == units_ ? 0 : unit + 1;
    return unit;
  }

  const AccessParams params_;
  const std::uint64_t units_;
  Random random_;
  std::uint64_t count_ = 0;
  std::vector<std::uint64_t> next_unit_;
};

}  // namespace iov::endpoint
