// SPDX-License-Identifier: Apache-2.0
/// Workload parameters: what the applications and the peer do, and for how long it is measured.
///
/// packet_bytes, request_bytes and response_bytes count an Ethernet frame from destination address to
/// FCS, as network people do: 64 is the smallest frame, 1518 the largest without VLAN tag. In memory
/// the frame is 4 bytes shorter (the NIC makes the FCS); on the wire 20 longer (preamble, gap).
#pragma once
#include <string>

#include "models/core/params.h"
#include "models/core/units.h"
#include "models/protocol/frame.h"

namespace iov::workload {

inline constexpr std::uint32_t min_packet_bytes = 64, max_packet_bytes = 1518;  ///< IEEE 802.3 4.4.2

enum class Direction : std::uint8_t { transmit, receive, bidirectional, request_response };
inline constexpr Names<4> direction_names{"transmit", "receive", "bidirectional", "request_response"};
enum class Arrivals : std::uint8_t { saturate, constant, poisson, trace };
inline constexpr Names<4> arrivals_names{"saturate", "constant", "poisson", "trace"};
enum class Sizes : std::uint8_t { fixed, imix, trace };
inline constexpr Names<3> sizes_names{"fixed", "imix", "trace"};

inline constexpr Range<Bandwidth> bit_rates{{0}, {1.6e12 / 8}};
/// Less would be no packet in an hour.
template <class V>
void check_bit_rate(V& v, Bandwidth rate) {
  v.require(rate.bytes_per_second == 0 || rate.bytes_per_second >= 1e3 / 8, "bit_rate must be 0 or at least 1 kb/s");
}

struct Measure {
  Time warm_up{1, sc_core::SC_MS};
  Time duration{4, sc_core::SC_MS};
  Time drain_limit{5, sc_core::SC_MS};
  Time interval;

  template <class V>
  void describe(V& v) {
    const Range<Time> range{{0, sc_core::SC_MS}, {100, sc_core::SC_SEC}};
    v.field("warm_up", warm_up, range, "traffic before anything is counted", no_source);
    v.field("duration", duration, Range<Time>{{1, sc_core::SC_US}, {100, sc_core::SC_SEC}}, "what is counted",
            no_source);
    v.field("drain_limit", drain_limit, range,
            "after the sources stopped: wait for what is under way, at most", no_source);
    v.field("interval", interval, range, "of timeline.csv, each VM's throughput over time; 0: none", no_source);
    v.require(interval * 100'000.0 >= warm_up + duration || interval == Time(), "interval: more than 100000 of them");
  }
};

struct Wire {
  Bandwidth rate{10e9 / 8};  ///< no parameter: the device at the other end has it
  Time propagation{50, sc_core::SC_NS};
  bool hairpin = false;
  unsigned bridge_queue = 1000;

  template <class V>
  void describe(V& v) {
    v.field("propagation", propagation, Range<Time>{{0, sc_core::SC_NS}, {100, sc_core::SC_MS}},
            "from the peer to the NIC and back, each way",
            "10 m of cable at 5 ns/m, two thirds of the speed of light");
    v.flag("hairpin", hairpin, "a bridge at the far end returns frames for other VMs behind the same port (VEPA)",
           "IEEE 802.1Qbg 5.5, reflective relay");
    v.field("bridge_queue", bridge_queue, Range<unsigned>{1, 1u << 20}, "frames that bridge holds for the NIC", no_source);
  }
};

enum class SendsTo : std::uint8_t { peer, next_vm };

struct Params {
  SendsTo to = SendsTo::peer;
  Direction direction = Direction::transmit;
  Arrivals arrivals = Arrivals::saturate;
  double packet_rate = 0;
  Bandwidth bit_rate{0};
  Sizes sizes = Sizes::fixed;
  unsigned packet_bytes = 1500;
  unsigned request_bytes = 0, response_bytes = 0;
  std::string trace;
  double time_scale = 1;
  bool trace_loop = true;
  unsigned flows = 1;
  unsigned socket_queue = 1024;
  unsigned outstanding = 1;
  Time think_time;
  Time retry_after{1, sc_core::SC_MS};
  bool carry_payload = false;
  Wire wire;
  Measure measure;

  /// Of arrivals that have one and no packet_rate.
  Bandwidth open_loop_rate() const { return bit_rate.bytes_per_second > 0 ? bit_rate : Bandwidth{1e9 / 8}; }
  bool needs_trace() const { return sizes == Sizes::trace || arrivals == Arrivals::trace; }

  template <class V>
  void describe(V& v) {
    describe_load(v);
    describe_trace(v);
    describe_closed_loop(v);
    v.flag("carry_payload", carry_payload,
           "all bytes of every packet exist and are checked on arrival (slower)", no_source);
    v.group("wire", wire, "Ethernet between NIC and peer");
    v.group("measure", measure, "the measured window");
  }

 private:
  template <class V>
  void describe_load(V& v) {
    v.choice("to", to, Names<2>{"peer", "next_vm"},
             "whom VMs that send send to: the station at the far end of the wire, or the VM after them in turn", no_source);
    v.choice("direction", direction, direction_names,
             "transmit: VMs send; receive: the peer sends; request_response: the peer asks, the VMs answer",
             no_source);
    v.choice(
        "arrivals", arrivals, arrivals_names,
        "saturate: as fast as the path (the wire) takes it; trace: the capture's gaps; the rest open loop",
        no_source);
    v.field("packet_rate", packet_rate, Range<double>{0, 1e9, "1/s"},
            "open loop, packets per second per VM and direction; 0: bit_rate counts", no_source);
    v.field("bit_rate", bit_rate, bit_rates, "open loop, frame bits (FCS included) per second per VM and direction; 0 beside "
            "packet_rate 0: 1 Gb/s", no_source);
    check_bit_rate(v, bit_rate);
    v.choice("sizes", sizes, sizes_names,
             "fixed; imix: 64, 570, 1518 B as 7:4:1; trace: the lengths of the capture",
             "simple IMIX, as used by traffic generators");
    v.field("packet_bytes", packet_bytes, Range<unsigned>{min_packet_bytes, max_packet_bytes, "B"},
            "Ethernet frame, destination address to FCS", no_source);
    const bool paced = arrivals == Arrivals::constant || arrivals == Arrivals::poisson;
    const char* said = arrivals_names[static_cast<std::size_t>(arrivals)];
    v.silent(!paced && packet_rate > 0, "packet_rate", "arrivals", said);
    v.silent(!paced && bit_rate.bytes_per_second > 0, "bit_rate", "arrivals", said);
    v.silent(sizes != Sizes::fixed, "packet_bytes", "sizes", sizes_names[static_cast<std::size_t>(sizes)]);
    v.field("flows", flows, Range<unsigned>{1, 65536}, "flows per VM that packets take in turn (RSS)",
            no_source);
    v.field("socket_queue", socket_queue, Range<unsigned>{1, 1u << 20},
            "packets that wait while the application or the wire is behind; more are dropped",
            "Linux txqueuelen 1000");
  }
  template <class V>
  void describe_trace(V& v) {
    v.file("trace", trace, "pcap file, for sizes or arrivals `trace`", no_source);
    v.field("time_scale", time_scale, Range<double>{1e-6, 1e6}, "the capture's gaps are multiplied by this",
            no_source);
    v.flag("trace_loop", trace_loop, "begin again at the end of the capture", no_source);
    v.require(!needs_trace() || !trace.empty(), "sizes or arrivals `trace` need a capture in `trace`");
  }
  template <class V>
  void describe_closed_loop(V& v) {
    v.field("request_bytes", request_bytes, Range<unsigned>{0, max_packet_bytes, "B"},
            "frame with FCS; 0: packet_bytes", no_source);
    v.field("response_bytes", response_bytes, Range<unsigned>{0, max_packet_bytes, "B"},
            "frame with FCS; 0: packet_bytes", no_source);
    v.field("outstanding", outstanding, Range<unsigned>{1, 65536}, "requests under way per VM", no_source);
    v.field("think_time", think_time, Range<Time>{{0, sc_core::SC_NS}, {1, sc_core::SC_SEC}},
            "from an answer to the next request", no_source);
    v.field("retry_after", retry_after, Range<Time>{{1, sc_core::SC_US}, {10, sc_core::SC_SEC}},
            "from the loss of a request or answer to its replacement (ideal loss detection)", no_source);
    v.require(direction != Direction::request_response || arrivals == Arrivals::saturate,
              "request_response is a closed loop, in which an answer makes the next request: arrivals must be saturate; "
              "outstanding and think_time say how often");
    for (const auto& [key, bytes] : {std::pair("request_bytes", request_bytes), std::pair("response_bytes", response_bytes)})
      v.require(bytes == 0 || bytes >= min_packet_bytes, std::string(key) + " must be 0 or at least 64");
  }
};

}  // namespace iov::workload
