// SPDX-License-Identifier: Apache-2.0
// The same two VMs with a VF each, behind an aperture and behind VT-d: both work, only one keeps them apart.
#include "tests/contract/platforms/machine_bench.h"

using namespace iov;
using namespace iov::platform;

namespace {
constexpr const char* with_gart = "platforms/server_gart.json";
const nlohmann::ordered_json by_vmm{{"assigned_interrupts", "vmm_inject"}, {"vf", {{"spoof_check", false}}}};

/// VM 0's driver is taken over: what its VF is told to send and where to receive is the attacker's.
struct Attack : MachineBench {
  explicit Attack(const char* platform) : MachineBench(silent + more_vms(2, "sriov", by_vmm), platform) {
    start();
    workload->begin_window(timeline.now());
    run(2000_us);  // the VFs come up
  }
  Gpa ring(std::uint32_t register_offset) {
    return vms[0].memory->from_dma(read_register(1, register_offset, 8));
  }
  void send_from(std::uint64_t victim) {
    vms[0].memory->store(ring(nic::tx_register(0, nic::queue_base)),
                         nic::TxDescriptor{victim, 60 | nic::tx_end_of_packet | nic::tx_report_status, 0});
    write_register(1, nic::tx_register(0, nic::queue_tail), 1, 4);
    run(50_us);
  }
  void receive_to(std::uint64_t victim) {
    const Gpa descriptors = ring(nic::rx_register(0, nic::queue_base));
    for (unsigned i = 0; i < 512; ++i) {
      nic::RxDescriptor d{};
      d.read = {victim, 0};
      vms[0].memory->store(descriptors + 16 * i, d);
    }
    for (unsigned i = 0; i < 64; ++i) frame_arrives(mac(0));  // more than the device had prefetched
    run(100_us);
  }
  bool frame_at(Hpa address) {
    std::array<std::uint8_t, FrameHeader::header_bytes> bytes;
    cpu_memory->peek(address, bytes);
    return FrameHeader::read(bytes).destination == mac(0);
  }
  Hpa victim() const { return vms[1].memory->base() + 0x7000; }
};
}  // namespace

TEST_CASE("behind an aperture an assigned VF works: every byte arrives both ways", "[D3]") {
  MachineBench m(short_run + Settings{{"workload.carry_payload", true}, {"workload.direction", "bidirectional"}}, with_gart);
  m.measure();
  CHECK(m.workload->results().delivered > 300);
  CHECK(m.dropped(DropReason::malformed) == 0);
  CHECK(m.gart->tlb.lookups.value() > 300);
  CHECK(m.gart->blocked.value() == 0);
}

TEST_CASE("behind an aperture a rogue VF sends another VM's memory and writes into it: no isolation", "[D3][N5]") {
  Attack m(with_gart);
  m.send_from(m.vms[1].memory->dma(Gpa(0x5000)));  // the other VM's range of the aperture
  CHECK(m.workload->ledger().unknown.value() == 1);  // it is on the wire
  REQUIRE_FALSE(m.frame_at(m.victim()));
  m.receive_to(m.victim().value);  // or simply its host address
  CHECK(m.frame_at(m.victim()));
}

TEST_CASE("behind VT-d the same attacks reach nothing and are recorded", "[D3][D4][N5]") {
  Attack m(current);
  m.send_from(m.victim().value);
  CHECK(m.workload->ledger().unknown.value() == 0);
  CHECK(m.iommu->fault_record(0).valid());
  m.receive_to(m.victim().value);
  CHECK_FALSE(m.frame_at(m.victim()));
  CHECK(m.iommu->fault_record(0).source() == m.nic->requester(1).value);
}

TEST_CASE("an aperture over host memory is bad input", "[D3]") {
  CHECK_THROWS_WITH(MachineBench(Settings{{"gart.aperture_base", 0}}, with_gart), Catch::Contains("gart.aperture_base"));
}

TEST_CASE("an aperture too small for the VMs' memory is bad input", "[D3]") {
  CHECK_THROWS_WITH(MachineBench(Settings{{"gart.aperture", "32 MiB"}}, with_gart),
                    Catch::Contains("vm0.memory") && Catch::Contains("aperture of 32 MiB"));
}

TEST_CASE("a platform has an IOMMU or an aperture, not both", "[D3]") {
  CHECK_THROWS_WITH(MachineBench(Settings{{"gart", {{"kind", "gart"}}}}, current), Catch::Contains("one or the other"));
}
