// SPDX-License-Identifier: Apache-2.0
// Who may touch which page, and who may interrupt whom: two VMs, their memory, their functions, real tables.
#include <algorithm>
#include <map>

#include "models/iommu/fault_reason.h"
#include "tests/contract/platforms/machine_bench.h"

using namespace iov;
using namespace iov::platform;
using iommu::FaultReason;

namespace {

/// VMs on VFs behind 4 KiB pages, drivers up, nothing sent. VM i has VF i + 1.
struct TwoVms : MachineBench {
  explicit TwoVms(const Settings& others = {}, bool begin = true)
      : MachineBench(silent + more_vms(2, "sriov", {{"iommu_log2_page", 12}}) + Settings{{"iommu.audit", true}} + others) {
    start();
    workload->begin_window(timeline.now());
    if (begin) run(1000_us);  // the VFs come up through their mailboxes
  }
  /// Where VM `vm` has put its first receive buffer (a guest-physical address, which its VF uses as IOVA).
  Iova first_buffer(unsigned vm) {
    const auto ring = read_register(vm + 1, nic::rx_register(0, nic::queue_base), 8);
    return Iova(vms[vm].memory->load<nic::RxDescriptor>(Gpa(ring)).read.address);
  }
  Hpa host(unsigned vm, Iova iova) const { return vms[vm].memory->host(Gpa(iova.value)); }
  std::array<std::uint8_t, 4096> page(Hpa address) const {
    std::array<std::uint8_t, 4096> bytes;
    cpu_memory->peek(Hpa(address.value & vtd::page_mask), bytes);
    return bytes;
  }
  MacAddress destination_at(Hpa address) const {
    std::array<std::uint8_t, FrameHeader::header_bytes> bytes;
    cpu_memory->peek(address, bytes);
    return FrameHeader::read(bytes).destination;
  }
  void check_fault(unsigned function, std::uint64_t address, FaultReason reason, bool read) const {
    const vtd::FaultRecord record = iommu->fault_record(0);
    REQUIRE(record.valid());
    CHECK(record.source() == nic->requester(function).value);
    CHECK(record.page() == (address & vtd::page_mask));
    CHECK(record.reason() == static_cast<std::uint8_t>(reason));
    CHECK(record.read() == read);
  }
  std::uint64_t lost(unsigned function, DropReason reason) const {
    return nic->table().dropped(function, reason);
  }
};

}  // namespace

TEST_CASE("two functions use the same address and reach different pages, each its own VM's", "[B7][D1][D2]") {
  TwoVms m;
  const Iova buffer = m.first_buffer(0);
  REQUIRE(m.first_buffer(1) == buffer);
  m.frame_arrives(m.mac(0));
  m.frame_arrives(m.mac(1));
  m.run(50_us);
  CHECK(m.destination_at(m.host(0, buffer)) == m.mac(0));
  CHECK(m.destination_at(m.host(1, buffer)) == m.mac(1));
}

TEST_CASE("with swapped context entries the data goes to the other VM's page", "[B7]") {
  TwoVms m({}, false);
  const Hpa first = m.context_entry(1), second = m.context_entry(2);
  const auto entry = m.cpu_memory->peek<vtd::Pair>(first);
  m.cpu_memory->poke_value(first, m.cpu_memory->peek<vtd::Pair>(second));
  m.cpu_memory->poke_value(second, entry);
  m.run(1000_us);
  // The first VF up fetched what the other VM had not written yet: look beyond what it holds on chip.
  const Iova buffer(m.first_buffer(0).value + 60 * 2048);
  for (unsigned i = 0; i <= 60; ++i) m.frame_arrives(m.mac(0));
  m.run(200_us);
  CHECK(m.destination_at(m.host(1, buffer)) == m.mac(0));
  CHECK(m.destination_at(m.host(0, buffer)) == MacAddress{});
}

TEST_CASE("a received frame for an unmapped page is blocked, recorded, and changes no byte", "[D4]") {
  TwoVms m;
  const Iova buffer = m.first_buffer(0);
  m.cpu_memory->poke_value(m.leaf_entry(1, buffer), std::uint64_t{0});
  std::array<std::uint8_t, 4096> before;
  before.fill(0xa5);
  m.cpu_memory->poke(Hpa(m.host(0, buffer).value & vtd::page_mask), before);
  const auto others = m.page(m.host(1, buffer));
  m.frame_arrives(m.mac(0), 1514);
  m.run(50_us);
  m.check_fault(1, buffer.value, FaultReason::write_denied, false);
  CHECK(m.page(m.host(0, buffer)) == before);
  CHECK(m.page(m.host(1, buffer)) == others);
  CHECK(m.root_complex->inbound.dropped_writes.value() >= 1);
}

TEST_CASE("with a device TLB the refused translation stops the frame inside the device", "[D4][E1]") {
  TwoVms m({{"nic0.device_tlb.enabled", true}});
  const Iova buffer = m.first_buffer(0);
  m.cpu_memory->poke_value(m.leaf_entry(1, buffer), std::uint64_t{0});
  const auto before = m.page(m.host(0, buffer));
  const auto sent = m.root_complex->inbound.writes.value();
  m.frame_arrives(m.mac(0));
  m.run(50_us);
  CHECK(m.lost(1, DropReason::blocked_by_iommu) == 1);
  CHECK(m.page(m.host(0, buffer)) == before);
  CHECK(m.root_complex->inbound.dropped_writes.value() == 0);
  CHECK(m.root_complex->inbound.writes.value() - sent <= 2);  // the write-back of the descriptor and its interrupt
}

TEST_CASE("a descriptor that points into another VM's memory sends nothing of it", "[D4]") {
  TwoVms m;
  const auto ring = m.read_register(1, nic::tx_register(0, nic::queue_base), 8);
  const std::uint64_t victim = m.vms[1].memory->base().value + 0x5000;
  m.vms[0].memory->store(Gpa(ring), nic::TxDescriptor{victim, 60 | nic::tx_end_of_packet | nic::tx_report_status, 0});
  m.write_register(1, nic::tx_register(0, nic::queue_tail), 1, 4);
  m.run(50_us);
  m.check_fault(1, victim, FaultReason::read_denied, true);
  CHECK(m.lost(1, DropReason::blocked_by_iommu) == 1);
  CHECK(m.workload->ledger().unknown.value() == 0);  // nothing reached the wire
  CHECK(m.vms[0].memory->load<nic::TxDescriptor>(Gpa(ring)).status == nic::descriptor_done);
}

TEST_CASE("a write through another VM's host address is blocked and changes no byte of it", "[D4]") {
  TwoVms m;
  const Hpa victim = m.vms[1].memory->base() + 0x7000;
  const auto ring = m.read_register(1, nic::rx_register(0, nic::queue_base), 8);
  for (unsigned i = 0; i < 512; ++i) {
    nic::RxDescriptor d{};
    d.read = {victim.value, 0};
    m.vms[0].memory->store(Gpa(ring + 16 * i), d);
  }
  const auto before = m.page(victim);
  for (unsigned i = 0; i < 64; ++i) m.frame_arrives(m.mac(0));  // more than the device had prefetched
  m.run(100_us);
  m.check_fault(1, victim.value, FaultReason::write_denied, false);
  CHECK(m.page(victim) == before);
}

TEST_CASE("a rogue VF cannot raise a vector by a compatibility-format message: blocked and recorded", "[F2][F3]") {
  TwoVms m;
  const auto before = m.processors->core(0).interrupts();
  m.write_msix(1, 0, vtd::compatibility_msi_address(0));
  m.write_msix(1, 8, 0x30);
  m.frame_arrives(m.mac(0));
  m.run(50_us);
  const vtd::FaultRecord record = m.iommu->fault_record(0);
  REQUIRE(record.valid());
  CHECK(record.source() == m.nic->requester(1).value);
  CHECK(record.reason() == static_cast<std::uint8_t>(FaultReason::compatibility_blocked));
  CHECK(m.processors->core(0).interrupts() == before);
}

TEST_CASE("a rogue VF cannot use the table entry of another VF: the source is checked", "[F3]") {
  TwoVms m;
  const auto posted = m.counter("vm1.vcpu0.posted");  // by its mailbox
  const auto victim = m.read_register(2, 0, 4, config::msix_bar);  // the remappable address of VM 1's vector
  m.write_msix(1, 0, victim);
  m.frame_arrives(m.mac(0));
  m.run(50_us);
  const vtd::FaultRecord record = m.iommu->fault_record(0);
  REQUIRE(record.valid());
  CHECK(record.source() == m.nic->requester(1).value);
  CHECK(record.reason() == static_cast<std::uint8_t>(FaultReason::source_mismatch));
  CHECK(m.counter("vm1.vcpu0.posted") == posted);
}

TEST_CASE("without an IOMMU the same rogue message interrupts the processor it names", "[F2]") {
  MachineBench m(silent + Settings{{"iommu", nullptr}, {"vm0.path", "native"}});
  m.start();
  m.run(1000_us);
  const auto before = m.processors->core(0).interrupts();
  m.write_msix(0, 0, vtd::compatibility_msi_address(0));
  m.write_msix(0, 8, 0x30);
  m.frame_arrives(m.mac(0));
  m.run(50_us);
  CHECK(m.processors->core(0).interrupts() == before + 1);
}

TEST_CASE("four VMs' domains at work: each shows what it moved, and only the misbehaving one was refused anything", "[D6]") {
  MachineBench m(short_run + more_vms(4, "sriov", {{"iommu_log2_page", 12}}) +
                 Settings{{"workload.direction", "receive"},
                          {"workload.measure.warm_up", "1 ms"},
                          {"script", nlohmann::ordered_json::array({{{"do", "rogue_dma"}, {"vm", "vm1"}, {"at", "1200 us"},
                                                                     {"address", 0x7000'0000'0000}, {"count", 3}}})}});
  m.measure();
  std::map<std::string, std::map<std::string, double>> domains;
  for (const StatRow& row : m.result.stats)
    if (row.path.find("iommu.domains") != std::string::npos) domains[row.path][row.field] = row.value;
  unsigned moving = 0;
  std::vector<double> blocked;
  for (auto& [name, fields] : domains) {
    moving += fields["granted_bytes"] > 10'000;
    if (fields["blocked"] > 0) blocked.push_back(fields["blocked"]);
  }
  CHECK(moving == 4);
  CHECK(blocked == std::vector<double>{3});
  CHECK(m.iommu->fault_record(0).source() == m.nic->requester(2).value);
}
