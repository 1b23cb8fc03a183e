// SPDX-License-Identifier: Apache-2.0
/// VmLoad -- where the traffic of one VM differs from what the workload says of all.
///
/// Units   as the workload's parameters of the same name.
#pragma once
#include "models/workload/params.h"

namespace iov::workload {

struct VmLoad {
  enum class Way : std::uint8_t { as_workload, transmit, receive, bidirectional, request_response };
  enum class Source : std::uint8_t { as_workload, off, saturate, constant, poisson };
  static constexpr Names<5> way_names{"as_workload", "transmit", "receive", "bidirectional", "request_response"};
  static constexpr Names<5> source_names{"as_workload", "off", "saturate", "constant", "poisson"};
  Way direction = Way::as_workload;
  Source arrivals = Source::as_workload;
  double packet_rate = 0;
  Bandwidth bit_rate{0};
  unsigned packet_bytes = 0;

  friend auto operator<=>(const VmLoad&, const VmLoad&) = default;

  bool off() const { return arrivals == Source::off; }
  /// What of it would say nothing beside what the workload says; empty when all counts.
  std::string ignored(const Params& all) const {
    const Params own = over(all);
    const bool rates = packet_rate > 0 || bit_rate.bytes_per_second > 0;
    const bool loop = own.direction == Direction::request_response;
    const bool paced = arrivals == Source::constant || arrivals == Source::poisson;
    if (off()) return {};
    if (loop && (paced || rates)) return "request_response is a closed loop: arrivals, packet_rate and bit_rate say nothing there";
    if (rates && own.arrivals == Arrivals::saturate) return "packet_rate and bit_rate need arrivals that are constant or poisson";
    return {};
  }
  /// The parameters of this VM's sources.
  Params over(const Params& all) const {
    Params own = all;
    if (direction != Way::as_workload) own.direction = static_cast<Direction>(static_cast<int>(direction) - 1);
    if (arrivals != Source::as_workload && !off()) own.arrivals = static_cast<Arrivals>(static_cast<int>(arrivals) - 2);
    if (packet_rate > 0 || bit_rate.bytes_per_second > 0) own.packet_rate = packet_rate;
    if (bit_rate.bytes_per_second > 0) own.bit_rate = bit_rate;
    if (packet_bytes > 0) own.sizes = Sizes::fixed, own.packet_bytes = packet_bytes;
    return own;
  }

  template <class V>
  void describe(V& v) {
    v.choice("direction", direction, way_names, "who sends, as the workload's direction", no_source);
    v.choice("arrivals", arrivals, source_names, "off: nobody sends; else as the workload's arrivals", no_source);
    v.field("packet_rate", packet_rate, Range<double>{0, 1e9, "1/s"}, "open loop, packets per second each way; 0: bit_rate counts",
            no_source);
    v.field("bit_rate", bit_rate, bit_rates,
            "open loop, frame bits (FCS included) per second each way; 0 and packet_rate 0: the workload's rate", no_source);
    v.field("packet_bytes", packet_bytes, Range<unsigned>{0, max_packet_bytes, "B"},
            "Ethernet frame, destination address to FCS; 0: the workload's sizes", no_source);
    check_bit_rate(v, bit_rate);
    v.require(packet_bytes == 0 || packet_bytes >= min_packet_bytes, "packet_bytes must be 0 or at least 64");
  }
};

}  // namespace iov::workload
