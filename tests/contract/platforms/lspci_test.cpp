// SPDX-License-Identifier: Apache-2.0
// The real lspci (package pciutils) reads what `iovsim lspci` prints; what it says is what is checked.
#include "tests/lspci_reader.h"

using namespace iov;

namespace {
Lspci dump_of(const std::string& options) { return Lspci(output_of("'" IOVSIM_BINARY "' lspci " + options)); }
}  // namespace

TEST_CASE("lspci reads a booted server: tree, root port, PF and VF", "[K4][B1][C5]") {
  const Lspci dump = dump_of("platforms/server_10g.json --after-boot --set nic0.device_tlb.enabled=true");
  auto f = dump.functions();
  CHECK(f.size() == 3);
  says(dump("-t"), {"-[0000:00]---01.0-[01]--+-00.0", "\\-10.0"});
  says(f["00:01.0"], {"0604: 1b36:000c", "Bus: primary=00, secondary=01, subordinate=01", "[size=", "Root Port",
                     "LnkCap:\tPort #1, Speed 8GT/s, Width x8", "ARIFwd+", "Root Port (Slot+)", "Slot #1", "HotPlug+ Surprise-",
                     "HPIrq+ LinkChg+", "PresDet+", "ACSCap:\tSrcValid+ TransBlk+ ReqRedir- CmpltRedir- UpstreamFwd- EgressCtrl- DirectTrans-"});
  says(f["01:00.0"],
      {"0200: 8086:10fb (rev 01)", "Control: I/O- Mem+", "Region 0: Memory at 400", "(64-bit, prefetchable)",
       "Power Management version 3", "MSI-X: Enable+ Count=64 Masked-", "Vector table: BAR=2 offset=00000000",
       "PBA: BAR=2 offset=00001000", "Express (v2) Endpoint", "FLReset+", "MaxPayload 256 bytes",
       "LnkCap:\tPort #0, Speed 8GT/s, Width x8", "LnkSta:\tSpeed 8GT/s", "Width x8", "Advanced Error Reporting",
       "Alternative Routing-ID Interpretation (ARI)", "ARICap:\tMFVC- ACS-, Next Function: 0",
       "Address Translation Service (ATS)", "Invalidate Queue Depth: 00", "Single Root I/O Virtualization (SR-IOV)",
       "IOVCtl:\tEnable+ Migration- Interrupt- MSE+ ARIHierarchy+", "Initial VFs: 64, Total VFs: 64, Number of VFs: 1",
       "VF offset: 128, stride: 2, Device ID: 10ed", "System Page Size: 00000001", "Region 0: Memory at 00000400"});
  says(f["01:10.0"], {"Control: I/O- Mem- BusMaster+", "MSI-X: Enable+ Count=3 Masked-", "Express (v2) Endpoint",
                     "Address Translation Service (ATS)", "ATSCtl:\tEnable+"});
}

TEST_CASE("lspci reads a server before it boots: the PF alone, nothing enabled", "[B8]") {
  auto f = dump_of("platforms/server_10g.json").functions();
  CHECK(f.size() == 2);
  says(f["01:00.0"], {"Mem- BusMaster-", "IOVCtl:\tEnable- Migration- Interrupt- MSE- ARIHierarchy-",
                     "Number of VFs: 0", "VF offset: 384, stride: 2"});
}

TEST_CASE("lspci reads a guest's function as a complete device, though it is a VF", "[C4]") {
  auto f = dump_of("platforms/server_10g.json --guest vm0").functions();
  CHECK(f.size() == 1);
  says(f["00:05.0"], {"0200: 8086:10ed", "Control: I/O- Mem+ BusMaster+", "Region 0: Memory at 38000", "64-bit, prefetchable",
                     "Power Management version 3", "MSI-X: Enable+ Count=3 Masked-", "Express (v2) Endpoint"});
  for (const char* hidden : {"SR-IOV", "ATS", "ARI)"}) CHECK(f["00:05.0"].find(hidden) == std::string::npos);
}

TEST_CASE("lspci reads eight PFs with VFs on several buses", "[B2][B6]") {
  const Lspci dump = dump_of("platforms/server_10g.json --after-boot --set nic0.functions.physical_functions=8"
                  " --set nic0.functions.first_vf_offset=0 --set nic0.functions.vf_stride=0"
                  " --set nic0.functions.first_vf_offset_without_ari=0 --set nic0.functions.vf_stride_without_ari=0");
  auto f = dump.functions();
  CHECK(f.size() == 10);
  says(f["00:01.0"], {"secondary=01, subordinate=03"});  // 8 + 8 * 64 functions
  for (unsigned pf = 0; pf < 8; ++pf)
    says(f["01:00." + std::to_string(pf)], {"8086:10fb", "Function Dependency Link: 0" + std::to_string(pf),
                                           "Next Function: " + std::to_string(pf < 7 ? pf + 1 : 0), "stride: 8"});
}

TEST_CASE("iovsim lspci: what it cannot show is an error with its reason") {
  CHECK(output_of("'" IOVSIM_BINARY "' lspci platforms/server_10g.json --guest vm7", 2).find("there is no VM \"vm7\"; there is vm0") !=
        std::string::npos);
  CHECK(output_of("'" IOVSIM_BINARY "' lspci platforms/server_10g.json --guest vm0 --set vm0.path=vhost", 2)
            .find("vm0: no function is assigned to this VM") != std::string::npos);
  CHECK(output_of("'" IOVSIM_BINARY "' lspci platforms/none.json", 2).find("platforms/none.json") != std::string::npos);
  CHECK(output_of("'" IOVSIM_BINARY "' lspci platforms/pcie_bench_broadwell.json --guest vm0", 2).find("the platform has no VM") !=
        std::string::npos);
}

TEST_CASE("lspci reads the DMA microbenchmark: an accelerator of another vendor") {
  auto f = dump_of("platforms/pcie_bench_broadwell.json").functions();
  says(f["01:00.0"], {"1200: 19ee:6000", "Mem+ BusMaster+", "MSI-X: Enable+ Count=1", "Process Address Space ID (PASID)",
                     "PASIDCap: Exec- Priv-, Max PASID Width: 14", "PASIDCtl: Enable+ Exec- Priv-"});
  CHECK(f["01:00.0"].find("Page Request Interface") == std::string::npos);
}

TEST_CASE("lspci reads a device that asks for pages: PRI with its capacity, enabled by the host, PASID and ATS beside it", "[E1]") {
  auto f = dump_of("platforms/demand_paging.json --after-boot --set dma0.requesters=2 --set host.page_faults.allocation=8").functions();
  says(f["01:00.0"], {"Page Request Interface (PRI)", "PRICtl: Enable+ Reset-", "PRISta: RF- UPRGI- Stopped-",
                     "Page Request Capacity: 00000020, Page Request Allocation: 00000008", "PASIDCtl: Enable+", "ATSCtl:\tEnable+"});
  unsigned functions_with_pri = 0;
  for (const auto& [id, text] : f) functions_with_pri += text.find("Page Request Interface") != std::string::npos;
  CHECK(functions_with_pri == 1);  // the VF uses its PF's
}

TEST_CASE("lspci reads a NIC below a switch: root port, upstream and downstream port, PF and VF", "[K4][C5]") {
  const Lspci dump = dump_of("platforms/server_switch_10g.json --after-boot");
  auto f = dump.functions();
  CHECK(f.size() == 5);
  says(dump("-t"), {"-[0000:00]---01.0-[01-03]----00.0-[02-03]----00.0-[03]--+-00.0"});
  says(f["00:01.0"], {"Root Port", "MSI: Enable+ Count=1/1 Maskable- 64bit+", "primary=00, secondary=01, subordinate=03"});
  says(f["01:00.0"], {"Upstream Port", "primary=01, secondary=02, subordinate=03"});
  says(f["02:00.0"], {"Downstream Port (Slot+)", "ARIFwd+", "MSI: Enable+ Count=1/1", "Slot #32", "HPIrq+ LinkChg+",
                     "ACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl+ DirectTrans+"});
  says(f["03:00.0"], {"8086:10fb", "Total VFs: 64, Number of VFs: 1"});
}

TEST_CASE("lspci reads every NIC preset with as many VFs as it has", "[B12][B14][G15]") {
  struct Preset {
    const char *file, *vfs, *link;
  };
  for (const Preset& p : {Preset{"intel_82576", "8", "--set link0.generation=2 --set link0.width=4"},
                          Preset{"intel_82599", "64", "--set link0.generation=2 --set link0.width=8"},
                          Preset{"intel_e810_25g", "256", ""},
                          Preset{"intel_e810_100g", "256", "--set link0.width=16"},
                          Preset{"connectx6_200g", "1000", "--set link0.generation=4 --set link0.width=16"},
                          Preset{"connectx7_400g", "1000", "--set link0.generation=5 --set link0.width=16"}}) {
    const std::string vfs = p.vfs;
    INFO(p.file);
    auto f = dump_of("platforms/server_10g.json --after-boot --set nic0.use=configs/endpoint/" + std::string(p.file) +
                     ".json --set host.vfs=" + vfs + " " + p.link).functions();
    CHECK(f.size() == 2 + std::stoul(vfs));
    says(f["01:00.0"], {"Initial VFs: " + vfs + ", Total VFs: " + vfs + ", Number of VFs: " + vfs, "IOVCtl:\tEnable+"});
  }
}
