// SPDX-License-Identifier: Apache-2.0
/// The endpoint's configuration space by TLPs, and what it allows and forbids.
#include "tests/timed/endpoint/nic_bench.h"
using namespace iov;
using namespace iov::test;
using endpoint::Destination;

namespace {
struct ConfigBench : NicBench {
  explicit ConfigBench(const endpoint::Nic::Params& p = quick()) : NicBench(p) {}
  Sent request(RequesterId id, unsigned offset, unsigned bytes, bool write = false, std::uint32_t value = 0,
               bool type1 = false) {
    Tlp tlp;
    tlp.type = write ? TlpType::config_write : TlpType::config_read;
    tlp.completer = id;
    tlp.type1 = type1;
    tlp.address = offset;
    tlp.length = bytes;
    tlp.tag = 3;
    if (write) tlp.data = pool.copy({reinterpret_cast<const std::uint8_t*>(&value), bytes});
    host.inject(std::move(tlp));
    timeline.run(timeline.now() + params.register_latency);
    return host.log.back();
  }
  std::uint32_t read(std::uint16_t id, unsigned offset, unsigned bytes = 4, bool type1 = false) {
    const Sent answer = request(RequesterId{id}, offset, bytes, false, 0, type1);
    if (answer.status != CompletionStatus::success) return ~0u;
    std::uint32_t value = 0;
    std::memcpy(&value, answer.data.data(), answer.data.size());
    return value;
  }
  CompletionStatus status(std::uint16_t id, bool type1 = false) {
    return request(RequesterId{id}, PCI_VENDOR_ID, 4, false, 0, type1).status;
  }
  unsigned sriov() const { return enumerated.space(0).layout().extended(PCI_EXT_CAP_ID_SRIOV); }
  BytePool pool;
};
endpoint::Nic::Params slow() {
  auto p = NicBench::quick();
  p.functions.vf_start_up = p.functions.reset_time = Time(100, sc_core::SC_MS);
  return p;
}
}  // namespace

TEST_CASE("a configuration request is answered after the register latency, with the register's bytes", "[B1]") {
  ConfigBench b;
  Tlp tlp;
  tlp.type = TlpType::config_read;
  tlp.completer = {0x0100};
  tlp.length = 4;
  b.host.inject(std::move(tlp));
  b.timeline.run(b.params.register_latency - 1_ps);
  CHECK(b.host.log.empty());
  b.timeline.run(b.params.register_latency);
  REQUIRE(b.host.log.size() == 1);
  CHECK(b.host.log[0].data == std::vector<std::uint8_t>{0x86, 0x80, 0xfb, 0x10});
  CHECK(b.read(0x0100, b.sriov() + PCI_SRIOV_TOTAL_VF, 2) == 64);
  CHECK(b.status(0x0101) == CompletionStatus::unsupported_request);
  CHECK(b.status(0x0200, true) == CompletionStatus::unsupported_request);
}

TEST_CASE("the bus number is captured from type 0 writes, and every request then carries it", "[B6]") {
  ConfigBench b;
  CHECK(b.enable_vfs(2) == 2);
  b.request(RequesterId{0x0700}, PCI_COMMAND, 2, true, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
  CHECK(b.nic.requester(0).value == 0x0700);
  CHECK(b.nic.requester(1).value == 0x0780);
  b.set_vector(0, 0);
  b.rx_ring(0, 0, 0x10000, 0);
  b.nic.sorter().set_default(Destination{0});
  b.nic.frame(NicBench::make_frame(NicBench::mac(0), 1));
  b.timeline.run(b.timeline.now() + 2_us);
  unsigned seen = 0;
  for (const Sent& s : b.host.log)
    if (s.type == TlpType::memory_write || s.type == TlpType::memory_read) seen += s.requester == 0x0700 ? 1 : 100;
  CHECK((seen > 2 && seen < 100));
  b.request(RequesterId{0x0900}, PCI_COMMAND, 2, true, 0, true);  // type 1: not for this device, and nothing captured
  CHECK(b.nic.requester(0).value == 0x0700);
}

TEST_CASE("a VF does not exist before VF Enable, asks for a retry while it starts up, then reads FFFFh IDs",
          "[B8][B9][C5]") {
  ConfigBench b(slow());
  CHECK(b.read(0x0180, PCI_VENDOR_ID) == ~0u);
  CHECK(b.status(0x0180) == CompletionStatus::unsupported_request);
  const Time begin = b.timeline.now();
  CHECK(b.enable_vfs(3) == 3);
  CHECK(b.status(0x0180) == CompletionStatus::retry);
  b.host.mmio_read(b.bar(1), 4, 9);
  b.timeline.run(b.timeline.now() + 1_us);
  CHECK(b.host.log.back().status == CompletionStatus::unsupported_request);
  b.timeline.run(begin + Time(100, sc_core::SC_MS) - b.params.register_latency - 1_ps);
  CHECK(b.status(0x0180) == CompletionStatus::retry);
  b.timeline.run(begin + Time(100, sc_core::SC_MS));
  CHECK(b.status(0x0180) == CompletionStatus::success);
  CHECK(b.read(0x0180, PCI_VENDOR_ID) == ~0u);
  CHECK(b.read(0x0180, PCI_CLASS_REVISION) == 0x0200'0001);
  CHECK(b.status(0x0184) == CompletionStatus::success);
  CHECK(b.status(0x0186) == CompletionStatus::unsupported_request);  // a fourth was not asked for
  b.enumerated.disable_vfs();
  CHECK(b.status(0x0180) == CompletionStatus::unsupported_request);
}

TEST_CASE("NumVFs beyond TotalVFs, changed while enabled, or zero: as the registers say", "[B14][B17]") {
  ConfigBench b;
  const auto vfs = [&] { return b.nic.functions().vfs(); };
  const auto num_vfs = [&](std::uint32_t n) { b.enumerated.write(0, b.sriov() + PCI_SRIOV_NUM_VF, 2, n); };
  const auto control = [&](std::uint32_t bits) { b.enumerated.write(0, b.sriov() + PCI_SRIOV_CTRL, 2, bits); };
  num_vfs(65);
  CHECK(b.read(0x0100, b.sriov() + PCI_SRIOV_NUM_VF, 2) == 0);
  control(PCI_SRIOV_CTRL_VFE);
  CHECK(vfs() == 0);
  control(0);
  num_vfs(8);
  CHECK(vfs() == 0);  // written, not enabled
  control(PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE);
  CHECK(vfs() == 8);
  num_vfs(64);
  CHECK(vfs() == 8);
  CHECK(b.read(0x0100, b.sriov() + PCI_SRIOV_NUM_VF, 2) == 8);
  control(0);
  CHECK(vfs() == 0);
}

TEST_CASE("without Bus Master Enable a function's DMA and interrupts stay inside", "[C3]") {
  ConfigBench b;
  b.enumerated.write(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
  b.set_vector(0, 0);
  b.rx_ring(0, 0, 0x10000, 0);
  b.nic.sorter().set_default(Destination{0});
  b.nic.frame(NicBench::make_frame(NicBench::mac(0), 1));
  b.timeline.run(5_us);
  CHECK(b.host.sent(TlpType::memory_write).empty());
  CHECK(b.host.sent(TlpType::memory_read).empty());
  b.audit(Invariant::at_rest);
  b.enumerated.write(0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
  b.rx_ring(0, 0, 0x10000, 0);
  b.nic.frame(NicBench::make_frame(NicBench::mac(0), 2));
  b.timeline.run(10_us);
  CHECK(b.get_header(0x11000).id == 2);
}

TEST_CASE("without Memory Space Enable no BAR answers, a VF's follow VF MSE of the PF", "[B10]") {
  ConfigBench b;
  CHECK(b.enable_vfs(1) == 1);
  const auto answers = [&](unsigned f) {
    b.host.mmio_read(b.bar(f) + nic::reg_status, 4);
    b.timeline.run(b.timeline.now() + 1_us);
    return b.host.log.back().status == CompletionStatus::success;
  };
  CHECK((answers(0) && answers(1)));
  b.enumerated.write(0, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
  CHECK_FALSE(answers(0));
  CHECK(answers(1));
  b.enumerated.write(0, b.sriov() + PCI_SRIOV_CTRL, 2, PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_ARI);
  CHECK_FALSE(answers(1));
}

TEST_CASE("MSI-X Enable and Function Mask hold messages back, what waited is pending, then sent") {
  ConfigBench b;
  const unsigned flags = b.enumerated.capability(0, PCI_CAP_ID_MSIX) + PCI_MSIX_FLAGS;
  b.set_vector(0, 2);
  b.rx_ring(0, 0, 0x10000, 2);
  b.nic.sorter().set_default(Destination{0});
  b.enumerated.write(0, flags, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
  b.nic.frame(NicBench::make_frame(NicBench::mac(0), 1));
  b.timeline.run(5_us);
  CHECK(b.interrupts().empty());
  b.host.mmio_read(b.enumerated.msix(0) + 0x1000, 8);
  b.timeline.run(6_us);
  CHECK(b.host.log.back().data[0] == 1 << 2);
  b.enumerated.write(0, flags, 2, 0);
  b.timeline.run(7_us);
  CHECK(b.interrupts().empty());
  b.enumerated.write(0, flags, 2, PCI_MSIX_FLAGS_ENABLE);
  b.timeline.run(8_us);
  CHECK(b.interrupts().size() == 1);
}

TEST_CASE("Device Control sets the size of writes and read requests") {
  ConfigBench b;
  const unsigned control = b.enumerated.capability(0, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;
  b.rx_ring(0, 0, 0x10000, 0);
  b.nic.sorter().set_default(Destination{0});
  b.timeline.run(2_us);
  b.host.log.clear();
  b.enumerated.write(0, control, 2, 0);  // 128 B
  b.nic.frame(NicBench::make_frame(NicBench::mac(0), 1, 600));
  b.timeline.run(4_us);
  std::uint32_t largest = 0;
  for (const Sent& s : b.host.sent(TlpType::memory_write)) largest = std::max(largest, s.length);
  CHECK(largest == 128);
}

TEST_CASE("the PFs of a device have queues, IDs and VFs of their own, whatever the port", "[B2]") {
  const unsigned pfs = 8;
  auto params = NicBench::quick();
  params.functions.physical_functions = pfs;
  params.functions.first_vf_offset = params.functions.vf_stride = 0;
  params.functions.total_vfs = 4;
  ConfigBench b(params);
  CHECK(b.enable_vfs(4) == 4);
  for (unsigned pf = 0; pf < pfs; ++pf) {
    CHECK(b.nic.requester(pf).value == 0x0100 + pf);
    b.nic.sorter().add_filter(NicBench::mac(pf), std::nullopt, Destination{pf});
    b.rx_ring(pf, 0, 0x10000 + pf * 0x10000ull, 0);
  }
  const unsigned vf = b.nic.functions().number(0, 3);
  CHECK(vf == 8 + 2);
  CHECK(b.nic.requester(vf).value == 0x0100 + 8 + 2 * 8);
  b.nic.sorter().add_filter(NicBench::mac(100), std::nullopt, Destination{vf});
  b.rx_ring(vf, 0, 0xa0000, 0);
  b.timeline.run(5_us);
  for (unsigned pf = 0; pf < pfs; ++pf) b.nic.frame(NicBench::make_frame(NicBench::mac(pf), pf + 1));
  b.nic.frame(NicBench::make_frame(NicBench::mac(100), 100));
  b.timeline.run(10_us);
  for (unsigned pf = 0; pf < pfs; ++pf) {
    CHECK(b.get_header(0x11000 + pf * 0x10000ull).id == pf + 1);
    CHECK(b.nic.table().count(pf, endpoint::FunctionTable::rx_frames) == 1);
  }
  CHECK(b.get_header(0xa1000).id == 100);
  b.audit(Invariant::at_rest);
}
