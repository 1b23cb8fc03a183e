// SPDX-License-Identifier: Apache-2.0
/// A link: what its two ends agreed on, what one end advertises as receive buffer, and how long its
/// wire is busy with a TLP.
///
/// Spec    PCIe Base 5.0 2.2 (sizes), 2.6.1.2 (UpdateFC rate), 3.6.3.1 (Ack latency limit), 4.2 (line codes,
///         framing, SKP); PCIe Base 6.0 4.2.3 (FLIT: 236 of 256 B carry TLPs).
/// Models  line code, framing and LCRC, SKP, Ack and UpdateFC DLLPs as an even share of the wire; bit errors: replay.h.
/// Omits   link training's steps, FLIT assembly delay, scaled flow control's encoding.
/// Units   generation_rows: GT/s per lane, bytes, symbol times.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "models/core/params.h"
#include "models/core/units.h"
#include "models/protocol/tlp_port.h"

namespace iov::pcie {

/// Receive buffer that one end advertises; 0: infinite (PCIe Base 5.0 2.6.1).
struct CreditParams {
  unsigned posted_headers = 92, posted_data = 368;
  unsigned non_posted_headers = 72, non_posted_data = 4;
  unsigned completion_headers = 0, completion_data = 0;

  template <class V>
  void describe(V& v) {
    const Range<unsigned> headers{0, 2032}, data{0, 32752, "16 B"};
    const char* host = "92 posted cache lines of a Xeon root port: Vuppalapati et al., SIGCOMM 2024";
    const char* xeon = "Intel Xeon C5500/C3500 datasheet vol. 1, IIO credits of an x16 port";
    const char* spec = "PCIe Base 5.0 2.6.1: end points and root ports advertise infinite completion credits";
    v.field("posted_headers", posted_headers, headers, "posted TLPs; 0: infinite", host);
    v.field("posted_data", posted_data, data, "posted payload in units of 16 B; 0: infinite", host);
    v.field("non_posted_headers", non_posted_headers, headers, "non-posted TLPs; 0: infinite", xeon);
    v.field("non_posted_data", non_posted_data, data, "non-posted payload in units of 16 B; 0: infinite", xeon);
    v.field("completion_headers", completion_headers, headers, "completions; 0: infinite", spec);
    v.field("completion_data", completion_data, data, "completion payload in units of 16 B; 0: infinite", spec);
  }
  unsigned headers(FcClass fc) const {
    return fc == FcClass::posted ? posted_headers : fc == FcClass::non_posted ? non_posted_headers : completion_headers;
  }
  unsigned data(FcClass fc) const {
    return fc == FcClass::posted ? posted_data : fc == FcClass::non_posted ? non_posted_data : completion_data;
  }
};

struct LinkParams {
  unsigned generation = 3;
  unsigned width = 8;
  Bytes max_payload = 256_B;
  Bytes max_read_request = 512_B;
  Bytes read_completion_boundary = 64_B;
  unsigned tags = 256;
  Time propagation = 105_ns;
  double ack_rate = 1;
  double update_fc_rate = 1;
  double bit_error_rate = 0;
  Time replay_timeout = 24_us;
  Time retrain_time = 20_us;
  Time training_time{20, sc_core::SC_MS};
  CreditParams receive;

  template <class V>
  void describe(V& v) {
    const char* host = "PCIe set-up of the Broadwell host of pcie-bench, Neugebauer et al., SIGCOMM 2018";
    v.field("generation", generation, Range<unsigned>{1, 6}, "PCIe generation: 2.5, 5, 8, 16, 32, 64 GT/s", host);
    v.field("width", width, Range<unsigned>{1, 32}, "lanes: 1, 2, 4, 8, 12, 16 or 32", host);
    v.field("max_payload", max_payload, Range<Bytes>{128_B, 4096_B}, "MPS: largest payload of a TLP", host);
    v.field("max_read_request", max_read_request, Range<Bytes>{128_B, 4096_B}, "MRRS: largest read request", host);
    v.field("read_completion_boundary", read_completion_boundary, Range<Bytes>{64_B, 128_B},
            "RCB: completions of one read are cut at multiples of it", host);
    v.field("tags", tags, Range<unsigned>{32, 768}, "outstanding non-posted requests per requester: 32, 256, 768",
            "PCIe Base 5.0 2.2.6.2");
    v.field("propagation", propagation, Range<Time>{0_ns, 10_us},
            "one way: transmit and receive pipelines of both ends and the flight",
            "calibrated: 64 B DMA read of 480 ns without DMA engine, pcie-bench data set");
    v.field("ack_rate", ack_rate, Range<double>{0, 1}, "Ack DLLPs sent, as a share of the specification's rate",
            "PCIe Base 5.0 3.6.3.1; 1 as in the pcie-bench model, SIGCOMM 2018");
    v.field("update_fc_rate", update_fc_rate, Range<double>{0, 1},
            "UpdateFC DLLPs sent, as a share of the specification's rate",
            "PCIe Base 5.0 2.6.1.2; 1 as in the pcie-bench model, SIGCOMM 2018");
    v.field("bit_error_rate", bit_error_rate, Range<double>{0, 1e-4}, "of the transmit wire: damaged bits as a share of all; 0: none",
            "PCIe Base 5.0 4.3, 8.4: at most 1e-12; more only to study replays");
    v.field("replay_timeout", replay_timeout, Range<Time>{1_us, 1000_us}, "REPLAY_TIMER: an unacknowledged TLP is sent again",
            "PCIe Base 5.0 3.6.2.1, simplified limit: 24 000 symbol times, of 1 ns at 8 GT/s");
    v.field("retrain_time", retrain_time, Range<Time>{0_ns, Time(10, sc_core::SC_MS)},
            "in Recovery after 4 replays without progress", no_source);
    v.field("training_time", training_time, Range<Time>{1_us, Time(1, sc_core::SC_SEC)}, "from a hot reset until the link is up again",
            "PCIe Base 5.0 6.6.1: training begins within 20 ms after reset");
    v.group("receive", receive, "receive buffer that this end of the link advertises");
    v.require(is_width(width), "width must be 1, 2, 4, 8, 12, 16 or 32");
    v.require(is_power_of_two(max_payload.count), "max_payload must be a power of two");
    v.require(is_power_of_two(max_read_request.count), "max_read_request must be a power of two");
    v.require(is_power_of_two(read_completion_boundary.count), "read_completion_boundary must be 64 or 128 B");
    v.require(tags == 32 || tags == 256 || tags == 768, "tags must be 32, 256 or 768");
    v.require(receive.posted_data == 0 || receive.posted_data * 16ull >= max_payload.count,
              "receive.posted_data must hold one TLP of max_payload");
    v.require(receive.completion_data == 0 || receive.completion_data * 16ull >= max_payload.count,
              "receive.completion_data must hold one TLP of max_payload");
  }
  LinkLimits limits() const {
    return {static_cast<std::uint32_t>(max_payload.count), static_cast<std::uint32_t>(max_read_request.count),
            static_cast<std::uint32_t>(read_completion_boundary.count), tags, generation, width};
  }

 private:
  static bool is_width(unsigned w) { return w == 12 || (w <= 32 && is_power_of_two(w)); }
  static bool is_power_of_two(std::uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }
};

struct GenerationRow {
  double gigatransfers;     ///< per lane and second
  double code;              ///< share of the transfers that carries bytes of TLPs and DLLPs
  unsigned bits_per_symbol; ///< on the wire, for one byte
  unsigned framing;         ///< bytes around a TLP: start, sequence number, LCRC, end
  unsigned dllp;            ///< bytes of a DLLP on the wire
  double internal_delay;    ///< symbol times from a TLP's arrival to the DLLP's departure
  double skip;              ///< share of SKP ordered sets
};
/// PCIe Base 5.0 4.2 and tables 3-7..3-9. SKP: 4 of 1538 symbols; Gen3+ sends one block of ~371, the same
/// share. FLIT: Acks and credits ride in the flit's own bytes.
inline constexpr std::array<GenerationRow, 6> generation_rows{{
    {2.5, 0.8, 10, 8, 8, 19, 4.0 / 1538},
    {5.0, 0.8, 10, 8, 8, 70, 4.0 / 1538},
    {8.0, 128.0 / 130, 8, 8, 8, 115, 4.0 / 1538},
    {16.0, 128.0 / 130, 8, 8, 8, 115, 4.0 / 1538},
    {32.0, 128.0 / 130, 8, 8, 8, 115, 4.0 / 1538},
    {64.0, 236.0 / 256, 8, 0, 0, 115, 0},
}};
/// AckFactor = UpdateFactor by MPS (up to 256 B, more) and width (up to x4, x8, wider).
inline constexpr double ack_factor[2][3] = {{1.4, 2.5, 3.0}, {1.0, 1.0, 2.0}};
inline constexpr double tlp_overhead = 28;  ///< TLPOverhead of the latency-limit formula, symbols

inline const GenerationRow& row(const LinkParams& p) { return generation_rows.at(p.generation - 1); }

/// Ack (and UpdateFC) latency limit in symbol times: (MPS + 28) * AckFactor / width + internal delay.
inline double ack_limit(const LinkParams& p) {
  const double factor = ack_factor[p.max_payload.count > 256][p.width <= 4 ? 0 : p.width == 8 ? 1 : 2];
  return std::floor((static_cast<double>(p.max_payload.count) + tlp_overhead) * factor / p.width +
                    row(p).internal_delay);
}
inline Bandwidth raw_bandwidth(const LinkParams& p) {
  return {row(p).gigatransfers * 1e9 / 8 * row(p).code * p.width};
}
/// What is left for TLPs. One Ack and one UpdateFC per latency limit, counted against the link as the
/// pcie-bench model does (a byte per symbol time): pessimistic on wide links.
inline Bandwidth tlp_bandwidth(const LinkParams& p) {
  const double dllps = row(p).dllp * (p.ack_rate + p.update_fc_rate) / ack_limit(p);
  return {raw_bandwidth(p).bytes_per_second * (1 - dllps - row(p).skip)};
}
inline Time symbol_time(const LinkParams& p) { return from_fs(row(p).bits_per_symbol / row(p).gigatransfers * 1e6); }
/// From a receiver's decision to send a DLLP (credits, Nak) to its effect in the transmitter.
inline Time dllp_latency(const LinkParams& p) {
  return symbol_time(p) * row(p).internal_delay + raw_bandwidth(p).time_for(row(p).dllp) + p.propagation;
}

/// How long the wire is busy with a TLP of so many header and payload bytes; computed once.
class WireTimes {
 public:
  explicit WireTimes(const LinkParams& p) : framing_(row(p).framing), rate_(tlp_bandwidth(p)) {
    for (std::uint32_t bytes = 0; bytes <= largest; bytes += 4) times_.push_back(rate_.time_for(bytes + framing_));
  }
  const Time& of(std::uint32_t header_and_payload) const { return times_[header_and_payload / 4]; }
  std::uint32_t framing() const { return framing_; }
  Time of_part(std::uint32_t bytes) const { return rate_.time_for(bytes); }  ///< headers, payload and framing alike

 private:
  static constexpr std::uint32_t largest = 4096 + 4 + 20;  ///< payload, misalignment, header and prefix
  std::uint32_t framing_;
  Bandwidth rate_;
  std::vector<Time> times_;
};

}  // namespace iov::pcie
