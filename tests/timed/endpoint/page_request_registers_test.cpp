// SPDX-License-Identifier: Apache-2.0
/// The PRI and PASID capabilities of a device: what software writes there is what the device may do.
#include <catch2/catch.hpp>

#include "models/endpoint/types/dma_bench.h"
#include "tests/timed/endpoint/enumerated.h"
#include "tests/timed/endpoint/fake_host.h"
namespace page_request_registers_test {
using namespace iov;
using namespace iov::test;
using endpoint::DmaStatus;

namespace {
constexpr unsigned success = 0, failure = 15;

struct PriDevice : endpoint::DmaClient {
  static endpoint::DmaBenchParams with_pri() {
    endpoint::DmaBenchParams p;
    p.functions.vf_start_up = p.functions.reset_time = Time();
    p.dma_engine.read_setup = Time();
    p.device_tlb.enabled = true;
    p.device_tlb.page_requests.enabled = true;
    p.device_tlb.page_requests.capacity = 4;
    return p;
  }
  explicit PriDevice(const endpoint::DmaBenchParams& p = with_pri()) : device("dma0", timeline, p, host, 1) {}
  /// Of function number f, with what it may do.
  unsigned channel(unsigned f, Pasid pasid = {}) {
    const unsigned c = device.dma_engine().add_channel(device.requester(f), *this, pasid);
    enumerated.write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    enumerated.write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    return c;
  }
  void touch(unsigned ch, std::uint64_t page) {
    endpoint::DmaRequest r;
    r.address = page * 4096, r.length = 64;
    device.dma_engine().submit(ch, std::move(r));
    timeline.run(timeline.now() + 5_us);
  }
  void dma_done(std::uint32_t, DmaStatus status, ByteBuffer&&) override { done.push_back(status); }
  std::vector<Sent> asked() const {
    std::vector<Sent> some;
    for (const Sent& s : host.log)
      if (s.type == TlpType::message && s.message == MessageCode::page_request) some.push_back(s);
    return some;
  }
  void respond(const Sent& to, unsigned code) {
    host.send_page_response(to.requester, to.address >> 3 & 0x1ff, code, to.pasid);
    timeline.run(timeline.now() + 5_us);
  }
  unsigned pri() const { return enumerated.space(0).layout().extended(PCI_EXT_CAP_ID_PRI); }
  void control(unsigned bits) { enumerated.write(0, pri() + PCI_PRI_CTRL, 2, bits); }
  void allocate(std::uint32_t requests) { enumerated.write(0, pri() + PCI_PRI_ALLOC_REQ, 4, requests); }
  unsigned status() const { return enumerated.space(0).read(pri() + PCI_PRI_STATUS, 2); }
  Timeline timeline{"timeline"};
  FakeHost host{timeline};
  endpoint::DmaBench device;
  Enumerated enumerated{device, 0x4000'0000, 0x5000'0000};
  std::vector<DmaStatus> done;
};
}  // namespace

TEST_CASE("a device advertises PRI with its capacity, in the PF only, and none without page requests", "[E1][B1]") {
  PriDevice d;
  d.enumerated.enable_vfs(1);
  CHECK(d.enumerated.space(0).read(d.pri() + PCI_PRI_MAX_REQ, 4) == 4);
  CHECK((d.status() & (PCI_PRI_STATUS_STOPPED | PCI_PRI_STATUS_PASID)) == (PCI_PRI_STATUS_STOPPED | PCI_PRI_STATUS_PASID));
  CHECK(d.enumerated.space(d.device.functions().number(0, 1)).layout().extended(PCI_EXT_CAP_ID_PRI) == 0);
}

TEST_CASE("without PRI Enable, or without an allocation, a page that is not there fails its DMA", "[E1]") {
  PriDevice d;
  const unsigned c = d.channel(0);
  d.touch(c, 3);
  CHECK(d.asked().empty());
  d.control(PCI_PRI_CTRL_ENABLE);
  d.touch(c, 3);
  CHECK(d.asked().empty());
  CHECK(d.done == std::vector<DmaStatus>(2, DmaStatus::not_translated));
  d.control(0);
  d.allocate(2);
  d.control(PCI_PRI_CTRL_ENABLE);
  d.touch(c, 3);
  CHECK(d.asked().size() == 1);
}

TEST_CASE("the allocation of the register bounds what is outstanding, of a PF and its VFs together", "[E1][B4]") {
  PriDevice d;
  d.enumerated.enable_vfs(1);
  const unsigned vf = d.channel(d.device.functions().number(0, 1)), pf = d.channel(0);
  d.allocate(3);
  d.control(PCI_PRI_CTRL_ENABLE);
  for (std::uint64_t page = 1; page <= 3; ++page) d.touch(vf, page), d.touch(pf, page);
  CHECK(d.asked().size() == 3);
  d.respond(d.asked()[0], 1);
  CHECK(d.asked().size() == 4);
  audit(Invariant::always, d.timeline.now());
}

TEST_CASE("each PF has an interface of its own: its credits, its group indices, and a bound on what is outstanding in all", "[E1][B2]") {
  endpoint::DmaBenchParams p = PriDevice::with_pri();
  p.functions.physical_functions = 3;
  p.device_tlb.page_requests.capacity = 512;
  PriDevice d(p);
  constexpr unsigned pfs = 3, capacity = 512;
  for (unsigned pf = 0; pf < pfs; ++pf) {
    d.enumerated.write(pf, d.pri() + PCI_PRI_ALLOC_REQ, 4, capacity);
    d.enumerated.write(pf, d.pri() + PCI_PRI_CTRL, 2, PCI_PRI_CTRL_ENABLE);
  }
  for (unsigned pf = 0; pf < pfs; ++pf) {
    const unsigned c = d.channel(pf);
    for (std::uint64_t page = 1; page <= capacity + 5; ++page) d.touch(c, page);
  }
  std::map<std::uint16_t, std::set<unsigned>> indices;
  for (const Sent& s : d.asked()) indices[s.requester].insert(s.address >> 3 & 0x1ff);
  REQUIRE(indices.size() == pfs);
  for (const auto& [requester, used] : indices) CHECK(used.size() == capacity);  // every index of its own
  audit(Invariant::always, d.timeline.now());
  unsigned seen = 0;
  for_each<Stat>([&seen](Stat& stat) {
    std::vector<StatRow> rows;
    stat.append_rows(rows);
    for (const StatRow& row : rows)
      if (row.path.ends_with("page_requests.outstanding") && row.field != "mean" && ++seen > 0) CHECK(row.value == pfs * capacity);
  });
  CHECK(seen > 0);
  d.respond(d.asked()[0], 1);
  CHECK(d.asked().size() == pfs * capacity + 1);
  CHECK(d.asked().back().requester == d.asked()[0].requester);
}

TEST_CASE("an allocation beyond the capacity is the capacity, and it is locked while PRI is enabled", "[E1]") {
  PriDevice d;
  const unsigned c = d.channel(0);
  d.allocate(100);
  d.control(PCI_PRI_CTRL_ENABLE);
  d.allocate(1);
  for (std::uint64_t page = 1; page <= 9; ++page) d.touch(c, page);
  CHECK(d.asked().size() == 4);
}

TEST_CASE("disabled, it asks no more, fails what it has not asked for, and is stopped when the last response has come", "[E1]") {
  PriDevice d;
  const unsigned c = d.channel(0);
  d.allocate(2);
  d.control(PCI_PRI_CTRL_ENABLE);
  CHECK((d.status() & PCI_PRI_STATUS_STOPPED) == 0);
  for (std::uint64_t page = 1; page <= 3; ++page) d.touch(c, page);
  d.control(0);
  CHECK(d.done.empty());  // page 3 had no credit and fails, but in its turn
  CHECK((d.status() & PCI_PRI_STATUS_STOPPED) == 0);
  for (const std::size_t i : {0u, 1u}) d.host.translations[i + 1] = (i + 0x41) << 12 | 3, d.respond(d.asked()[i], success);
  CHECK((d.status() & PCI_PRI_STATUS_STOPPED) != 0);
  CHECK(d.done == std::vector<DmaStatus>{DmaStatus::success, DmaStatus::not_translated, DmaStatus::success});  // 2 waits for its completion
  audit(Invariant::at_rest, d.timeline.now());
}

TEST_CASE("a reset forgets what nobody has answered: credits are back, late responses are unexpected", "[E1]") {
  PriDevice d;
  const unsigned c = d.channel(0);
  d.allocate(1);
  d.control(PCI_PRI_CTRL_ENABLE);
  d.touch(c, 1);
  d.control(PCI_PRI_CTRL_ENABLE | PCI_PRI_CTRL_RESET);  // no effect while enabled (10.5.2.2)
  CHECK(d.done.empty());
  d.control(0);
  d.control(PCI_PRI_CTRL_RESET);
  CHECK(d.done == std::vector<DmaStatus>(1, DmaStatus::not_translated));
  CHECK((d.status() & PCI_PRI_STATUS_STOPPED) != 0);
  d.respond(d.asked()[0], success);
  CHECK((d.status() & PCI_PRI_STATUS_UPRGI) != 0);
  d.enumerated.write(0, d.pri() + PCI_PRI_STATUS, 2, PCI_PRI_STATUS_UPRGI);
  CHECK((d.status() & PCI_PRI_STATUS_UPRGI) == 0);
  d.control(PCI_PRI_CTRL_ENABLE);
  d.touch(c, 2);
  CHECK(d.asked().size() == 2);
}

TEST_CASE("a response failure shows in the status, stops the function until it is enabled anew", "[E1]") {
  PriDevice d;
  const unsigned c = d.channel(0);
  d.allocate(4);
  d.control(PCI_PRI_CTRL_ENABLE);
  d.touch(c, 1), d.touch(c, 2);
  d.respond(d.asked()[0], failure);
  CHECK((d.status() & PCI_PRI_STATUS_RF) != 0);
  CHECK(d.done == std::vector<DmaStatus>(2, DmaStatus::not_translated));  // nothing else is waited for either
  d.touch(c, 3);
  CHECK(d.asked().size() == 2);
  d.respond(d.asked()[1], success);  // ignored
  d.enumerated.write(0, d.pri() + PCI_PRI_STATUS, 2, PCI_PRI_STATUS_RF);
  d.control(0);
  d.control(PCI_PRI_CTRL_ENABLE);
  d.touch(c, 3);
  CHECK(d.asked().size() == 3);
}

TEST_CASE("a response without the PASID of its request is unexpected", "[E1][L6]") {
  PriDevice d;
  d.enumerated.write(0, d.pri() + PCI_PRI_ALLOC_REQ, 4, 4);
  d.control(PCI_PRI_CTRL_ENABLE);
  const unsigned c = d.channel(0, {5});
  d.touch(c, 1);
  REQUIRE(d.asked().size() == 1);
  d.host.send_page_response(0x0100, d.asked()[0].address >> 3 & 0x1ff, success);
  CHECK((d.status() & PCI_PRI_STATUS_UPRGI) != 0);
  CHECK(d.done.empty());
}

TEST_CASE("a reset of the PF turns PRI off and frees its VFs' waiting DMA", "[E1][B20]") {
  PriDevice d;
  d.enumerated.enable_vfs(1);
  const unsigned vf = d.channel(d.device.functions().number(0, 1)), pf = d.channel(0);
  d.allocate(4);
  d.control(PCI_PRI_CTRL_ENABLE);
  d.touch(vf, 1), d.touch(pf, 1);
  d.enumerated.function_level_reset(0);
  d.timeline.run(d.timeline.now() + 5_us);
  CHECK((d.enumerated.space(0).read(d.pri() + PCI_PRI_CTRL, 2) & PCI_PRI_CTRL_ENABLE) == 0);
  CHECK(d.done == std::vector<DmaStatus>(2, DmaStatus::not_translated));
  audit(Invariant::always, d.timeline.now());
}

TEST_CASE("a PASID leaves the device only while PASID Enable is set, which ATS Enable locks", "[L6]") {
  PriDevice d;
  const unsigned pasid = d.enumerated.space(0).layout().extended(PCI_EXT_CAP_ID_PASID);
  REQUIRE(pasid != 0);
  const unsigned ats = d.enumerated.space(0).layout().extended(PCI_EXT_CAP_ID_ATS);
  const unsigned c = d.channel(0, {5});
  d.host.translations[1] = 0x41 << 12 | 3;
  d.enumerated.write(0, pasid + PCI_PASID_CTRL, 2, 0);  // refused
  d.touch(c, 1);
  CHECK(d.done == std::vector<DmaStatus>(1, DmaStatus::success));
  d.enumerated.write(0, ats + PCI_ATS_CTRL, 2, 0);
  d.enumerated.write(0, pasid + PCI_PASID_CTRL, 2, 0);
  d.touch(c, 1);
  CHECK(d.done.back() == DmaStatus::not_pasid);
  d.enumerated.write(0, pasid + PCI_PASID_CTRL, 2, PCI_PASID_CTRL_ENABLE);
  d.touch(c, 1);
  CHECK(d.done.back() == DmaStatus::success);
}

}  // namespace page_request_registers_test
