// SPDX-License-Identifier: Apache-2.0
// The real lspci (package pciutils) reads what `iovsim lspci` prints; what it says is what is checked.
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <unistd.h>

namespace {
std::string run(const std::string& command, int expected = 0) {
  std::string text;
  FILE* pipe = ::popen(("cd " IOVSIM_SOURCE_DIR " && PATH=$PATH:/sbin:/usr/sbin; " + command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  char part[4096];
  while (const std::size_t n = std::fread(part, 1, sizeof part, pipe)) text.append(part, n);
  const int status = ::pclose(pipe);
  INFO(command << ": " << text);
  REQUIRE(WEXITSTATUS(status) == expected);
  return text;
}

class Dump {
 public:
  explicit Dump(const std::string& options)
      : file_((std::filesystem::temp_directory_path() / ("iovsim_dump_" + std::to_string(::getpid()))).string()) {
    std::ofstream(file_) << run(IOVSIM_BINARY " lspci " + options);
  }
  ~Dump() { std::filesystem::remove(file_); }
  std::string operator()(const std::string& options) const { return run("lspci -F " + file_ + " " + options); }
  std::map<std::string, std::string> functions() const {
    std::map<std::string, std::string> by_id;
    std::istringstream in((*this)("-vvv -n"));
    std::string id;
    for (std::string line; std::getline(in, line);) {
      if (line.rfind("lspci:", 0) == 0) continue;
      if (!line.empty() && line[0] != '\t') id = line.substr(0, line.find(' '));
      by_id[id] += line + "\n";
    }
    return by_id;
  }

 private:
  std::string file_;
};

void has(const std::string& text, const std::vector<std::string>& expected) {
  for (const std::string& e : expected)
    if (text.find(e) == std::string::npos) FAIL_CHECK("lspci does not say \"" << e << "\" but:\n" << text);
}
}  // namespace

TEST_CASE("lspci reads a booted server: tree, root port, PF and VF", "[K4][B1][C5]") {
  const Dump dump("platforms/server_10g.json --after-boot --set nic0.device_tlb.enabled=true");
  auto f = dump.functions();
  CHECK(f.size() == 3);
  has(dump("-t"), {"-[0000:00]---01.0-[01]--+-00.0", "\\-10.0"});
  has(f["00:01.0"], {"0604: 1b36:000c", "Bus: primary=00, secondary=01, subordinate=01", "[size=", "Root Port",
                     "LnkCap:\tPort #1, Speed 8GT/s, Width x8", "ARIFwd+"});
  has(f["01:00.0"],
      {"0200: 8086:10fb (rev 01)", "Control: I/O- Mem+", "Region 0: Memory at 400", "(64-bit, prefetchable)",
       "Power Management version 3", "MSI-X: Enable+ Count=64 Masked-", "Vector table: BAR=2 offset=00000000",
       "PBA: BAR=2 offset=00001000", "Express (v2) Endpoint", "FLReset+", "MaxPayload 256 bytes",
       "LnkCap:\tPort #0, Speed 8GT/s, Width x8", "LnkSta:\tSpeed 8GT/s", "Width x8", "Advanced Error Reporting",
       "Alternative Routing-ID Interpretation (ARI)", "ARICap:\tMFVC- ACS-, Next Function: 0",
       "Address Translation Service (ATS)", "Invalidate Queue Depth: 00", "Single Root I/O Virtualization (SR-IOV)",
       "IOVCtl:\tEnable+ Migration- Interrupt- MSE+ ARIHierarchy+", "Initial VFs: 64, Total VFs: 64, Number of VFs: 1",
       "VF offset: 128, stride: 2, Device ID: 10ed", "System Page Size: 00000001", "Region 0: Memory at 00000400"});
  has(f["01:10.0"], {"Control: I/O- Mem- BusMaster+", "MSI-X: Enable+ Count=3 Masked-", "Express (v2) Endpoint",
                     "Address Translation Service (ATS)", "ATSCtl:\tEnable+"});
}

TEST_CASE("lspci reads a server before it boots: the PF alone, nothing enabled", "[B8]") {
  auto f = Dump("platforms/server_10g.json").functions();
  CHECK(f.size() == 2);
  has(f["01:00.0"], {"Mem- BusMaster-", "IOVCtl:\tEnable- Migration- Interrupt- MSE- ARIHierarchy-",
                     "Number of VFs: 0", "VF offset: 384, stride: 2"});
}

TEST_CASE("lspci reads a guest's function as a complete device, though it is a VF", "[C4]") {
  auto f = Dump("platforms/server_10g.json --guest vm0").functions();
  CHECK(f.size() == 1);
  has(f["00:05.0"], {"0200: 8086:10ed", "Control: I/O- Mem+ BusMaster+", "Region 0: Memory at 38000", "64-bit, prefetchable",
                     "Power Management version 3", "MSI-X: Enable+ Count=3 Masked-", "Express (v2) Endpoint"});
  for (const char* hidden : {"SR-IOV", "ATS", "ARI)"}) CHECK(f["00:05.0"].find(hidden) == std::string::npos);
}

TEST_CASE("lspci reads eight PFs with VFs on several buses", "[B2][B6]") {
  const Dump dump("platforms/server_10g.json --after-boot --set nic0.functions.physical_functions=8"
                  " --set nic0.functions.first_vf_offset=0 --set nic0.functions.vf_stride=0"
                  " --set nic0.functions.first_vf_offset_without_ari=0 --set nic0.functions.vf_stride_without_ari=0");
  auto f = dump.functions();
  CHECK(f.size() == 10);
  has(f["00:01.0"], {"secondary=01, subordinate=03"});  // 8 + 8 * 64 functions
  for (unsigned pf = 0; pf < 8; ++pf)
    has(f["01:00." + std::to_string(pf)], {"8086:10fb", "Function Dependency Link: 0" + std::to_string(pf),
                                           "Next Function: " + std::to_string(pf < 7 ? pf + 1 : 0), "stride: 8"});
}

TEST_CASE("iovsim lspci: what it cannot show is an error with its reason") {
  CHECK(run(IOVSIM_BINARY " lspci platforms/server_10g.json --guest vm7", 2).find("there is no VM \"vm7\"; there is vm0") !=
        std::string::npos);
  CHECK(run(IOVSIM_BINARY " lspci platforms/server_10g.json --guest vm0 --set vm0.path=vhost", 2)
            .find("vm0: no function is assigned to this VM") != std::string::npos);
  CHECK(run(IOVSIM_BINARY " lspci platforms/none.json", 2).find("platforms/none.json") != std::string::npos);
  CHECK(run(IOVSIM_BINARY " lspci platforms/pcie_bench_broadwell.json --guest vm0", 2).find("the platform has no VM") !=
        std::string::npos);
}

TEST_CASE("lspci reads the DMA microbenchmark: an accelerator of another vendor") {
  auto f = Dump("platforms/pcie_bench_broadwell.json").functions();
  has(f["01:00.0"], {"1200: 19ee:6000", "Mem+ BusMaster+", "MSI-X: Enable+ Count=1"});
}
