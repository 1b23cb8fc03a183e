// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <deque>

#include "models/core/invariant.h"
#include "models/workload/workload.h"

using namespace iov;
using namespace iov::workload;
using namespace iov::literals;

namespace {
constexpr MacAddress vm0{0x0200'0000'0010}, vm1{0x0200'0000'0011};

/// Stands for NIC, driver and application: packets cross it in a fixed time, both ways.
class Pipe : public FrameSink {
 public:
  Pipe(Timeline& timeline, Workload& workload, const Time& delay)
      : timeline_(timeline), workload_(workload), delay_(delay) {
    workload.connect(*this);
  }
  void add(MacAddress mac, GuestTraffic& traffic) {
    guests_.push_back({mac, &traffic});
    traffic.on_due(bind<&Pipe::pump>(this));
  }
  void frame(Frame&& frame) override {
    arrivals.push_back(timeline_.now());
    if (lose_next) {
      lose_next = false;
      return workload_.book().dropped(frame.header.id, DropReason::no_receive_descriptor);
    }
    inward_.push_back({timeline_.now() + delay_, std::move(frame)});
    in_.before(inward_.front().first);
  }
  void pump() {
    Time next = sc_core::sc_max_time();
    for (auto& [mac, traffic] : guests_) {
      OutPacket packet;
      while (outward_.size() < 2 && traffic->take(timeline_.now(), packet)) {
        Frame frame;
        frame.header = packet.header, frame.bytes = packet.bytes, frame.journey = packet.journey;
        if (traffic->carry_payload()) {
          frame.data = pool_.take(packet.bytes);
          traffic->payload(packet, frame.data.bytes());
        }
        outward_.push_back({timeline_.now() + delay_, std::move(frame)});
      }
      next = std::min(next, traffic->next_due());
    }
    if (!outward_.empty()) out_.before(outward_.front().first);
    if (outward_.size() < 2 && next < sc_core::sc_max_time()) due_.before(std::max(next, timeline_.now()));
  }
  std::vector<Time> arrivals;
  bool lose_next = false;

 private:
  void deliver() {
    auto [when, frame] = std::move(inward_.front());
    inward_.pop_front();
    if (!inward_.empty()) in_.at(inward_.front().first);
    for (auto& [mac, traffic] : guests_)
      if (mac == frame.header.destination)
        traffic->received(frame.header, frame.data ? frame.data.bytes() : std::span<const std::uint8_t>(), frame.bytes, when);
  }
  void send() {
    Frame frame = std::move(outward_.front().second);
    outward_.pop_front();
    workload_.wire().frame(std::move(frame));
    pump();
  }
  Timeline& timeline_;
  Workload& workload_;
  const Time delay_;
  BytePool pool_;
  std::vector<std::pair<MacAddress, GuestTraffic*>> guests_;
  std::deque<std::pair<Time, Frame>> inward_, outward_;
  Event in_{timeline_, bind<&Pipe::deliver>(this)}, out_{timeline_, bind<&Pipe::send>(this)},
      due_{timeline_, bind<&Pipe::pump>(this)};
};

struct WorkloadBench {
  WorkloadBench(const Params& params, const Time& delay)
      : workload("workload", timeline, params, 1), pipe(timeline, workload, delay) {
    pipe.add(vm0, workload.add_vm(vm0));
    pipe.add(vm1, workload.add_vm(vm1));
  }
  void run(const Time& window) {
    workload.begin_window(timeline.now());
    workload.start();
    timeline.run(window);
    workload.end_window(timeline.now());
    workload.stop_sources();
    timeline.run(window + 1_us * 1000);
    CHECK_NOTHROW(audit(Invariant::at_rest, timeline.now()));
  }
  Timeline timeline{"timeline"};
  Workload workload;
  Pipe pipe;
};
}  // namespace

TEST_CASE("the peer saturates the wire: frame, preamble, FCS and gap to the picosecond") {
  Params params;
  params.direction = Direction::receive;
  params.packet_bytes = 64;
  params.carry_payload = true;
  WorkloadBench bench(params, 1_us);
  bench.run(100_us);
  // 64 B + 8 preamble at 0.8 ns per byte, 50 ns of cable; the next 84 B slot later
  CHECK(bench.pipe.arrivals[0] == 107.6_ns);
  CHECK(bench.pipe.arrivals[1] == 107.6_ns + 67.2_ns);
  CHECK(bench.pipe.arrivals[1000] == 107.6_ns + 67200_ns);
  const Results r = bench.workload.results();
  CHECK(r.delivered == (100'000'000 - 1'107'600) / 67'200 + 1);
  CHECK(r.offered_mpps() == Approx(14.88).epsilon(0.001));
  CHECK(r.dropped_packets() == 0);
  CHECK(bench.workload.latency().min_ns() == Approx(1107.6));
  CHECK(bench.workload.latency().max_ns() == Approx(1107.6));
}

TEST_CASE("1500 B packets at wire rate carry 9.87 Gb/s, shared equally by the VMs") {
  Params params;
  params.direction = Direction::receive;
  WorkloadBench bench(params, 0_ns);
  bench.run(1_us * 2000);
  CHECK(bench.workload.results().throughput_gbps() == Approx(10.0 * 1500 / 1520).epsilon(0.001));
  const auto& vms = bench.workload.ledger().vms;
  CHECK(vms.at(0, PacketLedger::delivered) - vms.at(1, PacketLedger::delivered) <= 1);
}

TEST_CASE("an open-loop packet waits for its due time, not 1 ps longer") {
  Params params;
  params.direction = Direction::receive;
  params.arrivals = Arrivals::constant;
  params.packet_rate = 50000;  // per VM: every 10 us one to either
  WorkloadBench bench(params, 0_ns);
  bench.run(35_us);
  REQUIRE(bench.pipe.arrivals.size() == 3);
  for (unsigned i = 0; i < 3; ++i) CHECK(bench.pipe.arrivals[i] == 10_us * (i + 1) + 1206.4_ns + 50_ns);
}

TEST_CASE("open-loop load above the wire rate fills the peer's queue and is then dropped") {
  Params params;
  params.direction = Direction::receive;
  params.arrivals = Arrivals::constant;
  params.packet_rate = 1e6;  // 2 Mpps on a wire of 0.822 Mpps
  params.socket_queue = 16;
  WorkloadBench bench(params, 0_ns);
  bench.run(1_us * 1000);
  const Results r = bench.workload.results(Way::receive);
  CHECK(r.throughput_gbps() == Approx(9.87).epsilon(0.01));
  CHECK(r.offered == Approx(2000).epsilon(0.01));
  CHECK(r.dropped[static_cast<std::size_t>(DropReason::driver_queue_full)] ==
        Approx(2000 - 822 - 16).epsilon(0.02));
  CHECK(bench.workload.latency().max_ns() == Approx(17 * 1216.0).epsilon(0.1));
}

TEST_CASE("a VM that is behind drops what its socket queue cannot hold, latency counts from the due time") {
  Params params;
  params.arrivals = Arrivals::constant;
  params.packet_rate = 2e6;
  params.socket_queue = 8;
  params.carry_payload = true;
  WorkloadBench bench(params, 2_us);  // the pipe carries two packets per 2 us
  bench.run(1_us * 1000);
  const Results r = bench.workload.results(Way::transmit);
  CHECK(r.delivered == Approx(1000).epsilon(0.02));
  CHECK(r.offered == 4000);  // two VMs: what is due counts, sent or not
  CHECK(r.offered == r.sent + r.dropped[static_cast<std::size_t>(DropReason::driver_queue_full)] + 2 * 8);
  CHECK(bench.workload.latency().max_ns() > 4000);
}

TEST_CASE("a saturating VM always has a packet until its sources stop") {
  Params params;
  WorkloadBench bench(params, 1_us);
  bench.run(1_us * 100);
  CHECK(bench.workload.results(Way::transmit).delivered ==
        2 * 100);  // two leave the pipe each us, the last at 100 us
  CHECK(bench.workload.results(Way::receive).offered == 0);
}

TEST_CASE("a round trip is the sum of its parts, and the next request follows it") {
  Params params;
  params.direction = Direction::request_response;
  params.packet_bytes = 64;
  params.think_time = 5_us;
  params.carry_payload = true;
  Timeline timeline("timeline");
  Workload workload("workload", timeline, params, 1);
  Pipe pipe(timeline, workload, 3_us);
  pipe.add(vm0, workload.add_vm(vm0));
  workload.begin_window(0_ns);
  workload.start();
  timeline.run(100_us);
  workload.end_window(100_us);
  const Time round_trip =
      57.6_ns + 50_ns + 3_us + 3_us + 50_ns;  // request on the wire, pipe in, pipe out, cable
  CHECK(workload.latency().min_ns() == Approx(to_ns(round_trip)));
  CHECK(workload.latency().max_ns() == Approx(to_ns(round_trip)));
  CHECK(pipe.arrivals.at(1) == round_trip + 5_us + 107.6_ns);
  CHECK(workload.results().round_trips == 9);
  CHECK(workload.ledger().journeys.finished() == 9);
}

TEST_CASE("a lost request is replaced after retry_after and then answered") {
  Params params;
  params.direction = Direction::request_response;
  params.packet_bytes = 64;
  params.retry_after = 40_us;
  params.think_time = 1_us * 1000;
  Timeline timeline("timeline");
  Workload workload("workload", timeline, params, 1);
  Pipe pipe(timeline, workload, 1_us);
  pipe.add(vm0, workload.add_vm(vm0));
  pipe.lose_next = true;
  workload.begin_window(0_ns);
  workload.start();
  timeline.run(200_us);
  REQUIRE(pipe.arrivals.size() == 2);
  CHECK(pipe.arrivals[1] == 107.6_ns + 40_us + 107.6_ns);
  CHECK(workload.ledger().round_trip.count() == 1);
  CHECK_NOTHROW(audit(Invariant::at_rest, timeline.now()));
}

TEST_CASE("the shipped capture replays at its own pace without loss") {
  Params params;
  params.direction = Direction::bidirectional;
  params.arrivals = Arrivals::trace;
  params.sizes = Sizes::trace;
  params.trace = IOVSIM_SOURCE_DIR "/experiments/traces/redis_nginx.pcap";
  params.trace_loop = false;
  WorkloadBench bench(params, 1_us);
  bench.workload.begin_window(0_ns);
  bench.workload.start();
  bench.timeline.run(1_us * 200'000);
  bench.workload.end_window(bench.timeline.now());
  CHECK(bench.workload.results(Way::transmit).offered == 2171);
  CHECK(bench.workload.results(Way::receive).offered == 3898 - 2171);
  CHECK(bench.workload.results().delivered == 3898);
  CHECK(bench.workload.results().delivered_bytes == 2548939 + 3898 * 4);
  CHECK_NOTHROW(audit(Invariant::at_rest, bench.timeline.now()));
}
