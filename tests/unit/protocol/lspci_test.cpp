// SPDX-License-Identifier: Apache-2.0
// The real lspci (package pciutils) reads our dumps; what it prints is what is checked.
#include "models/protocol/config_space/composed_config.h"
#include "models/protocol/config_space/lspci_dump.h"
#include "tests/lspci_reader.h"
#include "tests/unit/protocol/config_samples.h"
using namespace iov;
using namespace iov::config;
using namespace iov::config::samples;

namespace {
/// A root port (00:01.0), a switch below it (01:00.0, 02:00.0) and a PF (03:00.0), as a boot would leave
/// them.
struct Hierarchy {
  Layout root_layout = build_layout(bridge(PortType::root_port));
  Layout up_layout = build_layout(bridge(PortType::upstream_port));
  Layout down_layout = build_layout(bridge(PortType::downstream_port));
  ConfigSpace root{root_layout}, up{up_layout}, down{down_layout};
  PhysicalFunction pf{samples::physical_function(), RequesterId{0x0300}};

  Hierarchy() {
    set_buses(root, 0x04'01'00);
    set_buses(up, 0x04'02'01);
    set_buses(down, 0x04'03'02);
    pf.write(0x10, 4, 0xe000'0000);
    pf.write(0x14, 4, 0x12);
    pf.write(0x18, 4, 0xc000);
    pf.write(0x1c, 4, 0xfe80'0000);
    pf.write(0x04, 2, 0x7);
    const unsigned s = sriov_at(pf);
    pf.write(s + 0x24, 4, 0xe010'0000);
    pf.write(s + 0x28, 4, 0x12);
    pf.write(s + 0x30, 4, 0xe020'0000);
    pf.write(s + 0x34, 4, 0x12);
  }
  static void set_buses(ConfigSpace& port, std::uint32_t numbers) {
    port.write(0x18, 4, numbers);
    port.write(0x20, 4, 0xfe80'fe80);
    port.write(0x24, 4, 0xe030'e000);
    port.write(0x28, 4, 0x12);
    port.write(0x2c, 4, 0x12);
    port.write(0x04, 2, 0x6);
    port.write(walk(port, 0x10) + 0x28, 2, 0x20);  // ARI forwarding, where there is any
  }
  std::string dump(std::optional<std::uint16_t> domain = std::nullopt) const {
    std::ostringstream out;
    write_lspci(out, {RequesterId{0x0008}, "root port", domain}, root);
    write_lspci(out, {RequesterId{0x0100}, "switch upstream port", domain}, up);
    write_lspci(out, {RequesterId{0x0200}, "switch downstream port", domain}, down);
    write_lspci(out, {pf.id(), "physical function", domain}, pf.config());
    for (unsigned n = 1; n <= pf.vfs(); ++n)
      write_lspci(out, {*pf.vf_id(n), "virtual function", domain}, pf.vf(n));
    return out.str();
  }
};
}  // namespace

TEST_CASE("lspci reads a root port and a switch port: type, buses, windows, link, capabilities") {
  const Hierarchy h;
  auto f = Lspci(h.dump()).functions();
  says(f["00:01.0"],
      {"0604: 1b36:000c", "Bus: primary=00, secondary=01, subordinate=04",
       "Memory behind bridge: fe800000-fe8fffff",
       "Prefetchable memory behind bridge: 00000012e0000000-00000012e03fffff", "[size=4M] [64-bit]",
       "Capabilities: [40] Power Management version 3", "Express (v2) Root Port (Slot-)",
       "LnkCap:\tPort #5, Speed 16GT/s, Width x16", "LnkSta:\tSpeed 16GT/s, Width x16",
       "LnkCap2: Supported Link Speeds: 2.5-16GT/s", "RootCap: CRSVisible+", "ARIFwd+",
       "Completion Timeout: Range ABCD, TimeoutDis+", "Advanced Error Reporting", "RootCmd: CERptEn-",
       "Access Control Services", "ACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd+"});
  says(f["01:00.0"], {"Bus: primary=01, secondary=02, subordinate=04", "Express (v2) Upstream Port"});
  says(f["02:00.0"], {"Bus: primary=02, secondary=03, subordinate=04", "Express (v2) Downstream Port (Slot+)", "HotPlug+ Surprise-", "Slot #77",
                     "SltSta:\tStatus: AttnBtn- PowerFlt- MRL- CmdCplt- PresDet+ Interlock-", "PresDet- LinkState-",
                    
                     "DLActive+", "ARIFwd+", "Access Control Services"});
  CHECK(f["01:00.0"].find("Access Control Services") == std::string::npos);
}

TEST_CASE("lspci reads a PF: IDs, BARs, every capability, SR-IOV not yet enabled", "[B1]") {
  const Hierarchy h;
  auto f = Lspci(h.dump()).functions();
  REQUIRE(f.size() == 4);  // no VF answers yet
  says(f["03:00.0"], {"0200: 8086:10c9 (rev 01)",
                     "Subsystem: 8086:a03c",
                     "Region 0: Memory at 12e0000000 (64-bit, prefetchable)",
                     "Region 2: I/O ports at c000",
                     "Region 3: Memory at fe800000 (32-bit, non-prefetchable)",
                     "Interrupt: pin A",
                     "Power Management version 3",
                     "MSI-X: Enable- Count=25 Masked-",
                     "Vector table: BAR=3 offset=00000000",
                     "PBA: BAR=3 offset=00002000",
                     "Express (v2) Endpoint",
                     "MaxPayload 512 bytes",
                     "ExtTag+",
                     "FLReset+",
                     "MaxPayload 128 bytes, MaxReadReq 512 bytes",
                     "LnkCap:\tPort #0, Speed 16GT/s, Width x8",
                     "LnkSta:\tSpeed 16GT/s, Width x8",
                     "Advanced Error Reporting",
                     "Alternative Routing-ID Interpretation (ARI)",
                     "ARICap:\tMFVC- ACS-, Next Function: 1",
                     "Access Control Services",
                     "Address Translation Service (ATS)",
                     "ATSCap:\tInvalidate Queue Depth: 18",  // 24, in hexadecimal
                     "Page Request Interface (PRI)",
                     "Page Request Capacity: 00000040",
                     "Process Address Space ID (PASID)",
                     "PASIDCap: Exec+ Priv+, Max PASID Width: 14",
                     "Single Root I/O Virtualization (SR-IOV)",
                     "IOVCap:\tMigration-",
                     "IOVCtl:\tEnable- Migration- Interrupt- MSE- ARIHierarchy-",
                     "Initial VFs: 8, Total VFs: 8, Number of VFs: 0",
                     "VF offset: 384, stride: 2, Device ID: 10ca",
                     "Supported Page Size: 00000553, System Page Size: 00000001",
                     "Region 0: Memory at 00000012e0100000 (64-bit, prefetchable)",
                     "Region 3: Memory at 00000012e0200000 (64-bit, prefetchable)"});
  CHECK(f["03:00.0"].find("[size") == std::string::npos);
  CHECK(f["03:00.0"].find("Unknown") == std::string::npos);
}

TEST_CASE("lspci reads the VFs once they are enabled, and the tree they hang in", "[B8][B9]") {
  Hierarchy h;
  const unsigned s = sriov_at(h.pf);
  h.pf.write(s + 0x10, 2, 7);
  h.pf.write(s + 0x08, 2, 0x10);
  h.pf.write(s + 0x08, 2, 0x19);
  const Lspci lspci(h.dump());
  auto f = lspci.functions();
  REQUIRE(f.size() == 4 + 7);
  says(f["03:00.0"], {"IOVCtl:\tEnable+ Migration- Interrupt- MSE+ ARIHierarchy+", "Number of VFs: 7",
                     "VF offset: 128, stride: 2"});
  for (const char* id : {"03:10.0", "03:10.2", "03:10.4", "03:10.6", "03:11.0", "03:11.2", "03:11.4"}) {
    INFO(id);
    REQUIRE(f.count(id) == 1);
    says(f[id],
        {"0200: ffff:ffff (rev 01)", "Subsystem: 8086:a03c", "MSI-X: Enable- Count=3 Masked-",
         "Express (v2) Endpoint", "FLReset+", "LnkCap:\tPort #0, Speed 16GT/s, Width x8",
         "Advanced Error Reporting", "Alternative Routing-ID Interpretation (ARI)", "Access Control Services",
         "Address Translation Service (ATS)", "Invalidate Queue Depth: 00"});
    for (const char* absent : {"Region", "Interrupt:", "PASID", "Page Request", "SR-IOV", "Power Management"})
      CHECK(f[id].find(absent) == std::string::npos);
  }
  says(lspci("-t"),
      {"-[0000:00]---01.0-[01-04]----00.0-[02-04]----00.0-[03-04]--+-00.0", "+-10.0", "\\-11.4"});
}

TEST_CASE("lspci reads VFs on the bus behind the PF's, and a domain") {
  Hierarchy h;
  const unsigned s = sriov_at(h.pf);
  h.pf.write(s + 0x10, 2, 8);
  h.pf.write(s + 0x08, 2, 0x09);
  const Lspci lspci(h.dump(std::uint16_t{0x00ab}));
  const auto f = lspci.functions();
  CHECK(f.size() == 4 + 8);
  for (const char* id :
       {"00ab:00:01.0", "00ab:03:00.0", "00ab:04:10.0", "00ab:04:11.6"})  // 03:00.0 + 384 = 04:10.0
    CHECK(f.count(id) == 1);
}

TEST_CASE("lspci reads the guest's view of a VF as an ordinary function", "[C4]") {
  Hierarchy h;
  const unsigned s = sriov_at(h.pf);
  h.pf.write(s + 0x10, 2, 2);
  h.pf.write(s + 0x08, 2, 0x09);
  const Composition composition(h.pf.description(), h.pf.config().layout(), h.pf.vf_layout());
  ComposedConfig guest(composition, h.pf.vf(1), h.pf.config());
  guest.write(0x10, 4, 0xc000'0000);
  guest.write(0x14, 4, 0x20);
  guest.write(0x04, 2, 6);
  std::ostringstream out;
  write_lspci(out, {RequesterId{0x0028}, "as the guest sees it"}, guest);
  auto f = Lspci(out.str()).functions();
  says(f["00:05.0"], {"0200: 8086:10ca (rev 01)", "Subsystem: 8086:a03c", "Mem+ BusMaster+",
                     "Region 0: Memory at 20c0000000 (64-bit, prefetchable)", "Power Management version 3",
                     "MSI-X: Enable- Count=3 Masked-", "Express (v2) Endpoint", "FLReset+",
                     "LnkSta:\tSpeed 16GT/s, Width x8", "MaxReadReq 512 bytes"});
  CHECK(f["00:05.0"].find("SR-IOV") == std::string::npos);
}
