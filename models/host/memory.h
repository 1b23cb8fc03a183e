// SPDX-License-Identifier: Apache-2.0
/// Memory -- host memory: real sparse bytes behind a last-level cache (DDIO) and DRAM.
///
/// Spec    IEEE 1666-2011 ch. 10-16 (TLM-2.0 base protocol); models/protocol/memory_port.h for how
///         delay is read. Intel DDIO as in llc.h.
/// Models  LLC and DRAM latency, LLC and DRAM bandwidth as bookings in time, dirty evictions. Any
///         number of initiators bind to the one socket; foreign ones need no MemoryHint.
///         A functional write counts as written by a processor: its lines are in the LLC afterwards.
/// Omits   DRAM banks and refresh, NUMA, DMI, byte enables, streaming.
/// Timing  a read or an LLC write is done at (end of its bookings) + latency of the slowest line.
#pragma once
#include <array>
#include <cstdint>
#include <systemc>
#include <tlm>

#include "models/core/invariant.h"
#include "models/core/params.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/host/bandwidth_calendar.h"
#include "models/host/llc.h"
#include "models/host/sparse_bytes.h"
#include "models/protocol/memory_port.h"

namespace iov::host {

enum class LlcModel : std::uint8_t { tracked, always_hit, always_miss };
inline constexpr Names<3> llc_model_names{"tracked", "always_hit", "always_miss"};

/// How long so many lines take, one after the other.
class LineTimes {
 public:
  explicit LineTimes(const Time& line) {
    for (std::size_t lines = 0; lines < times_.size(); ++lines) times_[lines] = Time::from_value(line.value() * lines);
  }
  Time of(std::uint64_t lines) const {
    return lines < times_.size() ? times_[lines] : Time::from_value(times_[1].value() * lines);
  }

 private:
  std::array<Time, 66> times_;  ///< of the lines of a TLP, computed once
};

/// (DirectMemory comes first: its calls then need no thunk that corrects `this`.)
class Memory : public DirectMemory, public sc_core::sc_module, public tlm::tlm_fw_transport_if<> {
 public:
  struct Params {
    Bytes size{std::uint64_t{64} << 30};
    LlcModel llc_model = LlcModel::tracked;
    Bytes llc_size{std::uint64_t{20} << 20};
    unsigned llc_ways = 20;
    unsigned ddio_ways = 2;
    Time llc_latency{19, sc_core::SC_NS};
    Time dram_latency{70, sc_core::SC_NS};
    Bandwidth llc_bandwidth{160e9};
    Bandwidth dram_bandwidth{68.2e9};

    template <class V>
    void describe(V& v);
  };
  Memory(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params);

  bool access(const MemoryAccess& access, Time& when) override;
  bool peek(Hpa address, std::span<std::uint8_t> bytes) override;
  bool poke(Hpa address, std::span<const std::uint8_t> bytes, std::uint32_t written) override;
  void prefetch(Hpa address) const override;
  void prefetch_page(Hpa address) const override;
  void add_to(WorkingSet& set, Hpa address) const override;
  void find(Hpa address, FoundEntry& entry) final;
  void read_found(const FoundEntry& entry, std::uint32_t length, Time& when, Hpa guess, FoundEntry* next) override;

  const Params& params() const { return params_; }
  std::uint64_t pages() const { return bytes_.pages(); }  ///< 4 KiB pages ever written

  /// Bind any number of initiator sockets.
  tlm::tlm_target_socket<32, tlm::tlm_base_protocol_types, 0, sc_core::SC_ZERO_OR_MORE_BOUND> socket{
      "socket"};

  Counter reads{"reads", "1", "timed read accesses"};
  Counter writes{"writes", "1", "timed write accesses"};
  Counter read_bytes{"read_bytes", "B", "bytes read, as asked for"};
  Counter written_bytes{"written_bytes", "B", "bytes written, as asked for"};
  Counter lines{"lines", "1", "64 B lines touched"};
  Counter llc_hits{"llc_hits", "1", "lines found in the LLC"};
  Counter llc_misses{"llc_misses", "1", "lines not found in the LLC"};
  Counter llc_evictions{"llc_evictions", "1", "dirty lines that device writes pushed out to DRAM"};
  Counter address_errors{"address_errors", "1", "accesses outside the memory"};
  BusyTime llc_busy{"llc_busy", "time that the LLC moved data"};
  BusyTime dram_busy{"dram_busy", "time that DRAM moved data"};

 private:
  struct Lines {
    std::uint64_t llc = 0, dram = 0;  ///< that each moves
    std::uint64_t hits = 0, evicted = 0;
    bool waits_for_dram = false;
  };
  void b_transport(tlm::tlm_generic_payload& payload, Time& delay) override;
  unsigned transport_dbg(tlm::tlm_generic_payload& payload) override;
  tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     Time& delay) override;
  bool get_direct_mem_ptr(tlm::tlm_generic_payload&, tlm::tlm_dmi&) override { return false; }

  bool cached(std::uint64_t line, bool allocate) {
    return params_.llc_model == LlcModel::tracked ? allocate && llc_.read(line) : params_.llc_model == LlcModel::always_hit;
  }
  Time move_line(bool hit, const Time& start);
  [[gnu::noinline]] bool access_lines(const MemoryAccess& access, Time& when, std::uint32_t length);
  [[gnu::noinline]] bool read_line(const MemoryAccess& access, Time& when, std::uint32_t length);
  [[gnu::cold]] bool refuse();
  Lines look_up(std::uint64_t first, std::uint64_t last, const MemoryAccess& access);
  [[gnu::noinline]] Lines look_up_otherwise(std::uint64_t first, std::uint64_t last, const MemoryAccess& access);
  void bypass_line(std::uint64_t line, const MemoryAccess& access, Lines& result);
  Time finish(const Time& start, const Lines& moved);
  Time move_llc(std::uint64_t lines, const Time& start);
  Time move_dram(std::uint64_t lines, const Time& start);

  Timeline& timeline_;
  const Params params_;
  const LineTimes llc_times_, dram_times_;
  SparseBytes bytes_;
  Llc llc_;
  BandwidthCalendar llc_calendar_, dram_calendar_;
  Invariant lines_add_up_{
      "lines_add_up", Invariant::always, "every line touched is either a hit or a miss", [this] {
        const std::uint64_t sum = llc_hits.value() + llc_misses.value();
        return sum == lines.value() ? std::string()
                                    : std::to_string(sum) + " of " + std::to_string(lines.value());
      }};
};

template <class V>
void Memory::Params::describe(V& v) {
  constexpr double giga = 1e9;
  constexpr std::uint64_t largest = std::uint64_t{4} << 40;
  static_assert(largest >> Llc::log2_sector < 0xffff'ffff, "the LLC numbers sectors in 32 bits");
  v.field("size", size, Range<Bytes>{{1 << 20}, {largest}}, "bytes of host memory", no_source);
  v.choice("llc_model", llc_model, llc_model_names,
           "tracked: lines are looked up; always_hit / always_miss: cheaper, one latency for all", no_source);
  v.field("llc_size", llc_size, Range<Bytes>{{64 << 10}, {std::uint64_t{1} << 30}}, "last-level cache",
          "Intel Xeon E5-2600 v3/v4 datasheets: 2.5 MiB per core, 8 cores");
  v.field("llc_ways", llc_ways, Range<unsigned>{1, 64}, "associativity of the LLC",
          "Intel Xeon E5-2600 v3/v4: 20 ways");
  v.field("ddio_ways", ddio_ways, Range<unsigned>{0, 64},
          "ways in which device writes may allocate; 0: DDIO off, writes that miss go to DRAM",
          "Farshin et al., USENIX ATC 2020: 2 by default");
  v.field("llc_latency", llc_latency, Range<Time>{{0, sc_core::SC_NS}, {1, sc_core::SC_US}},
          "LLC hit, unloaded, without the transfer of the line",
          "derived: DRAM 70 ns less 51 ns (47-63), LLC versus DRAM source in Neugebauer et al., SIGCOMM 2018 "
          "(pcie-bench data)");
  v.field("dram_latency", dram_latency, Range<Time>{{0, sc_core::SC_NS}, {10, sc_core::SC_US}},
          "LLC miss served by DRAM, unloaded, without the transfer of the line",
          "Vuppalapati et al., SIGCOMM 2024: 70 ns unloaded read");
  v.field("llc_bandwidth", llc_bandwidth, Range<Bandwidth>{{1 * giga}, {10000 * giga}},
          "what the LLC moves for devices, both directions together", no_source);
  v.field("dram_bandwidth", dram_bandwidth, Range<Bandwidth>{{1 * giga}, {10000 * giga}},
          "what DRAM moves, both directions together", "JEDEC DDR4-2133, 4 channels of 8 B: 68.2 GB/s");
  v.require(ddio_ways <= llc_ways, "ddio_ways must not exceed llc_ways");
  v.require(llc_ways > 0 && llc_size.count % (64ull * llc_ways) == 0,
            "llc_size must be a multiple of llc_ways lines of 64 B");
}

}  // namespace iov::host
