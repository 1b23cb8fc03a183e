// SPDX-License-Identifier: Apache-2.0
#include "models/software/vf_manager.h"

#include <catch2/catch.hpp>

#include "models/host/processors.h"
#include "tests/unit/protocol/config_samples.h"
using namespace iov;
using namespace iov::software;

namespace {

/// The registers of a PF and its VFs, at once; what may happen between two accesses happens before one.
struct PfRegisters : ConfigIo {
  explicit PfRegisters(Timeline& t) : timeline(t) {}
  struct Write {
    Time when;
    unsigned offset;
    std::uint32_t value;
    friend bool operator==(const Write&, const Write&) = default;
  };
  Task read(host::Strand&, RequesterId function, unsigned offset, unsigned bytes, std::uint32_t& value) override {
    const bool own = function == config::samples::pf_id;
    value = gone ? ~0u >> (32 - 8 * bytes) : own ? pf.read(offset, bytes) : pf.read_vf(1, offset, bytes);
    co_return;
  }
  Task write(host::Strand&, RequesterId, unsigned offset, unsigned bytes, std::uint32_t value) override {
    if (offset == sriov + PCI_SRIOV_NUM_VF && std::exchange(enable_before_number, false)) enable_behind();
    writes.push_back({timeline.now(), offset - sriov, value});
    if (!gone) pf.write(offset, bytes, value);
    co_return;
  }
  void enable_behind() { pf.write(sriov + PCI_SRIOV_CTRL, 2, both); }
  std::uint32_t control() const { return pf.read(sriov + PCI_SRIOV_CTRL, 2); }

  static constexpr std::uint32_t both = PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE;
  Timeline& timeline;
  config::PhysicalFunction pf{config::samples::physical_function(), config::samples::pf_id};
  const unsigned sriov = config::samples::sriov_at(pf);
  bool gone = false, enable_before_number = false;
  std::vector<Write> writes;
};

struct ManagerBench {
  ManagerBench() {
    PciFunction f;
    f.id = config::samples::pf_id;
    f.sriov = registers.sriov;
    f.total_vfs = 8;
    tree.functions.push_back(f);
  }
  Timeline timeline{"timeline"};
  host::Core core{"core", timeline, host::Core::Params{}, 0};
  host::Thread thread{core, host::Thread::Kind::process, "admin"};
  host::Strand strand{core, host::Level::thread_low, &thread};
  PfRegisters registers{timeline};
  PciTree tree;
  Ownership owners;
  PciPolicy policy{.vf_wait = 100_us, .vf_disable_wait = 700_us};
  VfManager manager{"manager", timeline, registers, tree, owners, policy};
  std::string refusal = "not asked";
  Task task;

  void enable(unsigned vfs) {
    task = manager.enable(strand, 0, vfs, refusal);
    task.start();
  }
};
using Writes = std::vector<PfRegisters::Write>;
constexpr auto both = PfRegisters::both;

}  // namespace

TEST_CASE("VFs are enabled at once where none were, and there after the wait", "[B8][B17]") {
  ManagerBench b;
  b.enable(3);
  b.timeline.run(100_us - 1_ps);
  CHECK(b.registers.writes == Writes{{Time(), PCI_SRIOV_NUM_VF, 3}, {Time(), PCI_SRIOV_CTRL, both}});
  CHECK(b.manager.vfs(0) == 0);
  b.timeline.run(100_us);
  CHECK(b.task.done());
  CHECK(b.refusal == "");
  CHECK(b.manager.vfs(0) == 3);
}

TEST_CASE("VF Enable that somebody else set is cleared and waited for before NumVFs is written", "[B8][B17]") {
  ManagerBench b;
  b.registers.enable_behind();
  b.enable(3);
  b.timeline.run(700_us - 1_ps);
  CHECK(b.registers.control() == 0);
  CHECK(b.registers.writes == Writes{{Time(), PCI_SRIOV_CTRL, 0}});
  b.timeline.run(800_us - 1_ps);
  CHECK(b.registers.writes == Writes{{Time(), PCI_SRIOV_CTRL, 0}, {700_us, PCI_SRIOV_NUM_VF, 3}, {700_us, PCI_SRIOV_CTRL, both}});
  CHECK_FALSE(b.task.done());
  b.timeline.run(800_us);
  CHECK(b.task.done());
  CHECK(b.refusal == "");
  CHECK(b.registers.pf.vfs() == 3);
  CHECK(b.manager.hot_adds.value() == 3);
}

TEST_CASE("VF Enable that comes during the wait, or before NumVFs is written, is cleared, too", "[B8][B17]") {
  ManagerBench b;
  b.registers.enable_behind();
  b.registers.enable_before_number = true;
  b.enable(3);
  b.timeline.run(300_us);
  b.registers.enable_behind();
  b.timeline.run(10000_us);
  CHECK(b.registers.writes == Writes{{Time(), PCI_SRIOV_CTRL, 0}, {700_us, PCI_SRIOV_CTRL, 0}, {1400_us, PCI_SRIOV_NUM_VF, 3},
                                     {1400_us, PCI_SRIOV_CTRL, 0}, {2100_us, PCI_SRIOV_NUM_VF, 3}, {2100_us, PCI_SRIOV_CTRL, both}});
  CHECK(b.refusal == "");
  CHECK(b.registers.pf.vfs() == 3);
}

TEST_CASE("a function that is gone is refused at once: all ones are not VF Enable", "[B8][C7]") {
  ManagerBench b;
  b.registers.gone = true;
  b.enable(3);
  CHECK(b.task.done());
  CHECK(b.refusal != "");
  CHECK(b.manager.refusals.value() == 1);
  for (const PfRegisters::Write& w : b.registers.writes) CHECK(w.offset != PCI_SRIOV_CTRL);
}

TEST_CASE("more VFs than the device has are refused, without a wait, and none is enabled", "[B8][B14]") {
  ManagerBench b;
  b.enable(9);
  CHECK(b.task.done());
  CHECK(b.refusal == "the device does not take NumVFs 9: TotalVFs is 8");
  CHECK(b.registers.control() == 0);
}
