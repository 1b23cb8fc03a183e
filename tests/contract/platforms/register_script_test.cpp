// SPDX-License-Identifier: Apache-2.0
// One unmodified driver on a physical and on an emulated NIC: the same register accesses, one by one.
#include "models/software/emulated_nic.h"
#include "models/software/nic_driver.h"
#include "tests/contract/platforms/machine_bench.h"

using namespace iov;
using namespace iov::platform;
using host::Strand;

namespace {

/// Writes down every access and passes it on.
struct Recorder : software::RegisterIo {
  explicit Recorder(software::RegisterIo& io) : inner(io) {}
  Task write(Strand& strand, std::uint32_t offset, std::uint64_t value, unsigned bytes, JourneyRef journey) override {
    script.push_back("write " + std::to_string(offset) + " " + std::to_string(value) + " " + std::to_string(bytes));
    return inner.write(strand, offset, value, bytes, journey);
  }
  Task read(Strand& strand, std::uint32_t offset, unsigned bytes, std::uint64_t& value) override {
    script.push_back("read " + std::to_string(offset) + " " + std::to_string(bytes));
    return inner.read(strand, offset, bytes, value);
  }
  software::RegisterIo& inner;
  std::vector<std::string> script;
};

struct Uplink : software::NetDevice {
  Task transmit(Strand&, Frame&, bool) override {
    ++sent;
    co_return;
  }
  Task flush(Strand&) override { co_return; }
  void set_receiver(software::PacketReceiver&) override {}
  std::size_t room() const override { return 100; }
  unsigned sent = 0;
};

/// No VM, no IOMMU: addresses in descriptors are offsets into the driver's memory for both devices.
struct Bench : MachineBench {
  Bench() : MachineBench(silent + Settings{{"iommu", nullptr}, {"vm0.path", "native"}}, current, 1, Power::off) {}
  software::PacketServices services{timeline, workload->book()};
  const software::SoftwareCosts& costs = host_params.costs;
  const software::NicDriver::Params params = io_path::VmParams().emulated_driver;

  Frame frame(MacAddress to) const {
    Frame f;
    f.header.destination = to;
    return f;
  }
  Task send(software::NicDriver& driver, Strand& strand) {
    Frame f = frame(MacAddress{0x02'00'00'00'00'99ull});
    co_await driver.transmit(strand, f, false);
  }
  Task receive(software::HostNetwork& network, Strand& strand) {
    Frame f = frame(mac(0));
    co_await network.receive(strand, f);
  }
  void finish(Task task) {  // each operation ends before the next begins
    task.start();
    run(300_us);
    REQUIRE(task.done());
  }
};

struct Physical {
  explicit Physical(Bench& bench) : b(bench) {}
  std::vector<std::string> play(unsigned sends, unsigned receives) {
    b.boot();
    mapped.map(b.bar(0));
    const auto vector = core.allocate_vector(bind<&software::NicDriver::interrupt>(&driver));
    b.write_msix(0, 0, vtd::compatibility_msi_address(0));
    b.write_msix(0, 8, vector);
    b.finish(driver.initialise(application));
    for (unsigned i = 0; i < sends; ++i) b.finish(b.send(driver, application));
    for (unsigned i = 0; i < receives; ++i) b.frame_arrives(b.mac(0)), b.run(300_us);
    CHECK(b.nic->table().count(0, endpoint::FunctionTable::tx_frames) == sends);
    CHECK(b.counter("physical_driver.received") == receives);
    return registers.script;
  }
  Bench& b;
  host::Core& core = b.processors->core(0);
  software::MemoryView memory{*b.cpu_memory, Hpa(0), 64u << 20, 0};
  host::Thread thread{core, host::Thread::Kind::process, "application"};
  Strand application{core, host::Level::thread_low, &thread}, softirq{core, host::Level::host_softirq};
  software::MappedRegisters mapped{*b.root_complex, host::Context::host_kernel, b.costs};
  Recorder registers{mapped};
  software::NicDriver driver{"physical_driver", b.services, b.params, b.costs, registers, memory,
                             {softirq, host::Context::host_kernel, host::Context::irq, 0, 0}};
};

struct Emulated {
  explicit Emulated(Bench& bench) : b(bench) {
    network.set_uplink(uplink);
    device.set_vector(vcpu.allocate_vector(bind<&software::NicDriver::interrupt>(&driver)));
    device.start();
  }
  std::vector<std::string> play(unsigned sends, unsigned receives) {
    b.finish(driver.initialise(vcpu.application()));
    for (unsigned i = 0; i < sends; ++i) b.finish(b.send(driver, vcpu.application()));
    for (unsigned i = 0; i < receives; ++i) b.finish(b.receive(network, softirq));
    CHECK(uplink.sent == sends);
    CHECK(b.counter("emulated_driver.received") == receives);
    return registers.script;
  }
  Bench& b;
  software::MemoryView memory{*b.cpu_memory, Hpa(512u << 20), 64u << 20, 0};
  Strand softirq{b.processors->core(1), host::Level::host_softirq};
  Uplink uplink;
  software::HostNetwork network{"network", b.services, {}, b.costs};
  software::Vcpu vcpu{"vcpu", b.processors->core(2), {}, b.costs, b.posting()};
  software::EmulatedNic device{"device", b.services, {}, {}, b.costs, software::EmulatedNic::Location::user, memory, vcpu, network,
                               network.add_tap(b.mac(0)), b.processors->core(1)};
  Recorder registers{device};
  software::NicDriver driver{"emulated_driver", b.services, b.params, b.costs, registers, memory,
                             {vcpu.softirq(), host::Context::guest, host::Context::guest, 0, 0}};
};

}  // namespace

TEST_CASE("the driver's register accesses on the emulated NIC are those on the physical NIC, one by one", "[A1]") {
  Bench b;
  Physical physical(b);
  Emulated emulated(b);
  const auto hardware = physical.play(3, 40), software = emulated.play(3, 40);
  CHECK(hardware.size() == 9 + 3 * 4 + 40 * 3 + 2);  // set-up; tail, cause, mask, unmask; cause, mask, unmask; two refills
  CHECK(software == hardware);
}
