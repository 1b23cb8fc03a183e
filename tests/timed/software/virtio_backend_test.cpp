// SPDX-License-Identifier: Apache-2.0
// A back end in user space, to the picosecond: the I/O thread on one core, the guest on another.
#include "models/software/virtio_backend.h"
#include "tests/timed/software/vcpu_bench.h"

namespace virtio_backend_test {
using namespace iov;
using namespace iov::host;
using namespace iov::software;

namespace {
struct OpenBook : PacketBook {
  void dropped(PacketId, DropReason) override { FAIL("a packet was dropped"); }
  JourneyRef journey(PacketId id) override { return id == followed_id ? followed : JourneyRef(); }
  bool under_way(PacketId) const override { return false; }
  static constexpr PacketId followed_id{77};
  JourneyRef followed;
};
struct Uplink : NetDevice {
  explicit Uplink(Timeline& t) : timeline(t) {}
  Task transmit(Strand& strand, Frame&, bool) override {
    sent.push_back(to_ps(timeline.now()));
    by.push_back(&strand);
    co_return;
  }
  Task flush(Strand&) override { co_return; }
  void set_receiver(PacketReceiver&) override {}
  std::size_t room() const override { return 1000; }
  Timeline& timeline;
  std::vector<std::uint64_t> sent;  ///< ps
  std::vector<Strand*> by;
};

/// Costs of nothing but world switches, wake-ups and 1 us per packet of the back end.
struct VirtioBench : VcpuBench {
  explicit VirtioBench(const VirtioBackend::Params& params)
      : backend("backend", services, params, {.tap_burst = 0, .look_spread = 0}, free_costs(), VirtioBackend::Location::user, front,
                guest_memory, vcpu, network, network.add_tap(MacAddress{2}), processors.core(1)) {
    network.set_uplink(uplink);
    backend.start();
    task = front.initialise(vcpu.application());
    task.start();
    run(100_us);
  }
  SoftwareCosts& free_costs() {
    costs = {};
    costs.virtqueue_front = costs.virtqueue_back = costs.line_move = costs.tap = costs.bridge = costs.copy_fixed = Time();
    costs.driver_reclaim = costs.event_loop = costs.eventfd_signal = costs.register_emulation = Time();
    costs.copy_cold = costs.copy_warm = Bandwidth{1e12};
    costs.user_packet = 1_us;
    costs.thread_wakeup = 700_ns;
    return costs;
  }
  Task sends(unsigned packets) {
    for (unsigned n = 0; n < packets; ++n) {
      Frame frame;
      frame.bytes = 60;
      frame.header.destination = MacAddress{9};
      co_await front.transmit(vcpu.application(), frame, false);
    }
    back_in_guest = to_ps(timeline.now());
  }
  void send(unsigned packets = 1) {
    task = sends(packets);
    task.start();
  }
  OpenBook book;
  JourneyLog journeys{"journeys"};
  PacketServices services{timeline, book, nullptr};
  MemoryView guest_memory{port, Hpa(0x200000), 0x200000, 0};
  Vcpu vcpu{"vcpu", core, idles, costs, posting};
  VirtioNet front{"front", services, VirtioNet::Params{.event_index = false}, costs, guest_memory, vcpu, nullptr};
  Uplink uplink{timeline};
  HostNetwork network{"network", services, {}, costs};
  VirtioBackend backend;
  std::uint64_t back_in_guest = 0;
  Task task;
};
using Times = std::vector<std::uint64_t>;
Time to_device_model() { return 600_ns + 900_ns; }  // exit, and on to user space
Time per_packet() { return 1_us + 30_ns + 60_ps; }  // the system call that writes it to the tap; 60 B at 1 TB/s
}  // namespace

TEST_CASE("with ioeventfd a kick costs the guest its exit and a wake-up, and the I/O thread sends from a bottom half", "[A5][mutex]") {
  VirtioBench b({});
  b.send();
  const Time signalled = 100_us + 600_ns + 700_ns;
  // awake in its system call, back from it; reads the eventfd's queue
  const Time sent = signalled + 20_ns + per_packet();
  b.run(sent - 1_ps);
  CHECK(b.uplink.sent.empty());
  b.run(sent + 1_ps);
  CHECK(b.uplink.sent.size() == 1);
  CHECK(b.back_in_guest == to_ps(signalled + 400_ns));
}

TEST_CASE("without ioeventfd and with a timer the vCPU only starts the timer, and the I/O thread sends when it is due", "[A5][mutex]") {
  VirtioBench b({.ioeventfd = false, .transmit_timer = 150_us});
  b.send(3);
  const Time started = 100_us + to_device_model();  // timer_settime() is called
  const Time due = started + 150_us;
  const Time first = due + 20_ns + per_packet();
  b.run(first - 1_ps);
  CHECK(b.uplink.sent.empty());
  CHECK(b.back_in_guest == to_ps(started + 30_ns + 700_ns + 400_ns));
  b.run(first + 1_ps);
  CHECK(b.uplink.sent.size() == 1);
  b.run(200_us + 150_us);
  CHECK(b.uplink.sent.size() == 3);
  CHECK(b.core.exits(ExitCause::kick) == 2);  // of the receive queue when it was filled, and of the first packet
}

TEST_CASE("a kick waits for the mutex while the I/O thread sends, and its journey says so", "[A5][mutex]") {
  VirtioBench b({.ioeventfd = false, .transmit_timer = 150_us});
  b.send(10);
  const Time due = 100_us + to_device_model() + 150_us;
  b.run(due + 1_us);  // sends ten, a microsecond each, and asks for kicks from the beginning
  b.book.followed = b.journeys.begin(Stage::application, b.timeline.now());
  const auto one = [&]() -> Task {
    Frame frame;
    frame.bytes = 60;
    frame.header.destination = MacAddress{9};
    frame.header.id = OpenBook::followed_id;
    frame.journey = b.book.followed;
    co_await b.front.transmit(b.vcpu.application(), frame, false);
    b.back_in_guest = to_ps(b.timeline.now());
  };
  b.back_in_guest = 0;
  b.task = one();
  b.task.start();
  b.run(due + 10_us);
  CHECK(b.back_in_guest == 0);
  b.run(due + 30_us);
  CHECK(b.back_in_guest > to_ps(due + 11_us));
  // from its kick in the device model until the I/O thread itself copies it: nobody had stopped looking. Each packet takes 1.05 us
  const Time copied = 20_ns + 10 * (per_packet() + 20_ns) + 1_us;
  CHECK(b.book.followed.get()->spent[static_cast<std::size_t>(Stage::emulator_mutex)] == copied - (1_us + to_device_model()));
  CHECK(b.uplink.sent.size() == 11);
  b.journeys.finish(b.book.followed, b.timeline.now(), false);
}

TEST_CASE("a kick while the timer runs sends at once, on the vCPU's thread", "[A5][mutex]") {
  VirtioBench b({.ioeventfd = false, .transmit_timer = 150_us});
  b.send();
  b.run(110_us);
  REQUIRE(b.uplink.sent.empty());
  const auto kicks = [&]() -> Task { co_await b.backend.kick(b.vcpu.application(), VirtioNet::transmit_queue, {}); };
  Task task = kicks();
  task.start();
  const Time sent = 110_us + to_device_model() + per_packet();
  b.run(sent - 1_ps);
  CHECK(b.uplink.sent.empty());
  b.run(sent + 1_ps);
  REQUIRE(b.uplink.sent.size() == 1);
  CHECK(b.uplink.by[0] == &b.vcpu.application());
  b.run(400_us);
  CHECK(b.uplink.sent.size() == 1);
}

}  // namespace virtio_backend_test
