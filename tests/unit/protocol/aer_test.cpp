// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/aer.h"

#include <linux/pci_regs.h>

#include <catch2/catch.hpp>

#include "models/protocol/config_space/build_layout.h"
#include "models/protocol/tlp_header_image.h"
using namespace iov;
using namespace iov::config;

namespace {
struct Device {
  Layout layout;
  ConfigSpace space{layout};
  unsigned aer, express;
  explicit Device(PortType type = PortType::endpoint)
      : layout(build_layout(description(type))),
        aer(layout.extended(PCI_EXT_CAP_ID_ERR)),
        express(layout.capability(PCI_CAP_ID_EXP)) {}
  static FunctionDescription description(PortType type) {
    FunctionDescription d;
    d.express.type = type;
    if (type != PortType::endpoint) d.class_code = 0x060400;
    d.acs = AcsCapability{};
    return d;
  }
  void report(unsigned bits) { space.write(express + PCI_EXP_DEVCTL, 2, bits); }
  MessageCode log(PcieError error, const TlpHeader* tlp = nullptr) { return log_error(space, space, error, tlp); }
  std::uint32_t status() const { return space.dword(aer + PCI_ERR_UNCOR_STATUS); }
};
Tlp read_of(std::uint64_t address, std::uint16_t tag = 0x15) {
  Tlp tlp;
  tlp.requester = RequesterId{0x0108};
  tlp.tag = tag;
  tlp.address = address;
  tlp.length = 8;
  return tlp;
}
}  // namespace

TEST_CASE("aer: a request that is answered with UR is logged and at most advised") {
  Device d;
  const Tlp read = read_of(0x1234'5678'9abc);
  CHECK(d.log(PcieError::unsupported_request, &read) == MessageCode::none);  // reporting is off
  CHECK(d.status() == PCI_ERR_UNC_UNSUP);
  const auto detected = d.space.read(d.express + PCI_EXP_DEVSTA, 2);
  CHECK((detected & (PCI_EXP_DEVSTA_URD | PCI_EXP_DEVSTA_CED)) == (PCI_EXP_DEVSTA_URD | PCI_EXP_DEVSTA_CED));
  CHECK((detected & PCI_EXP_DEVSTA_NFED) == 0);
  d.report(PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_URRE);
  CHECK(d.log(PcieError::unsupported_request, &read) == MessageCode::none);  // advisory errors are masked by default
  d.space.write(d.aer + PCI_ERR_COR_MASK, 4, 0);
  CHECK(d.log(PcieError::unsupported_request, &read) == config::error_correctable);
  Tlp write = read_of(0x1000);
  write.type = TlpType::memory_write;
  CHECK(d.log(PcieError::unsupported_request, &write) == config::error_nonfatal);  // nobody else would tell
  d.report(PCI_EXP_DEVCTL_NFERE);
  CHECK(d.log(PcieError::unsupported_request, &write) == MessageCode::none);  // URRE is off
}

TEST_CASE("aer: the first error that counts keeps the header log until its status is cleared") {
  Device d;
  Tlp first = read_of(0x1'2345'6788), second = read_of(0x2000);
  first.type = second.type = TlpType::memory_write;
  d.log(PcieError::poisoned_tlp, &first);
  d.log(PcieError::malformed_tlp, &second);
  CHECK(d.status() == (PCI_ERR_UNC_POISON_TLP | PCI_ERR_UNC_MALF_TLP));
  CHECK((d.space.dword(d.aer + PCI_ERR_CAP) & 0x1f) == 12);
  for (unsigned i = 0; i < 4; ++i) CHECK(d.space.dword(d.aer + PCI_ERR_HEADER_LOG + 4 * i) == header_dwords(first)[i]);
  d.space.write(d.aer + PCI_ERR_UNCOR_STATUS, 4, PCI_ERR_UNC_POISON_TLP);  // write 1 to clear
  d.log(PcieError::completion_timeout);
  CHECK((d.space.dword(d.aer + PCI_ERR_CAP) & 0x1f) == 14);
  CHECK(d.space.dword(d.aer + PCI_ERR_HEADER_LOG) == 0);  // a timeout has no TLP
}

TEST_CASE("aer: severity and mask decide about the message") {
  Device d;
  d.report(PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE);
  CHECK(d.log(PcieError::malformed_tlp) == config::error_fatal);  // by default
  CHECK(d.log(PcieError::completion_timeout) == config::error_nonfatal);
  d.space.write(d.aer + PCI_ERR_UNCOR_SEVER, 4, PCI_ERR_UNC_COMP_TIME);
  CHECK(d.log(PcieError::completion_timeout) == config::error_fatal);
  d.space.write(d.aer + PCI_ERR_UNCOR_MASK, 4, PCI_ERR_UNC_COMP_TIME);
  CHECK(d.log(PcieError::completion_timeout) == MessageCode::none);
  CHECK(d.log(PcieError::bad_tlp) == config::error_correctable);
  CHECK((d.space.dword(d.aer + PCI_ERR_COR_STATUS) & PCI_ERR_COR_BAD_TLP) != 0);
  d.report(0);
  CHECK(d.log(PcieError::malformed_tlp) == MessageCode::none);
  d.space.write(PCI_COMMAND, 2, PCI_COMMAND_SERR);
  CHECK(d.log(PcieError::acs_violation) == config::error_nonfatal);
}

TEST_CASE("aer: a VF logs its own errors under its PF's masks, and none of the link") {
  FunctionDescription pf = Device::description(PortType::endpoint);
  pf.sriov = SriovCapability{};
  const Layout pf_layout = build_layout(pf), vf_layout = build_layout(virtual_function(pf));
  ConfigSpace pf_space(pf_layout), vf_space(vf_layout);
  const unsigned aer = vf_layout.extended(PCI_EXT_CAP_ID_ERR);
  REQUIRE(aer != 0);
  CHECK(log_error(vf_space, pf_space, PcieError::completion_timeout, nullptr) == MessageCode::none);
  CHECK(vf_space.dword(aer + PCI_ERR_UNCOR_STATUS) == PCI_ERR_UNC_COMP_TIME);
  log_error(vf_space, pf_space, PcieError::malformed_tlp, nullptr);
  CHECK(vf_space.dword(aer + PCI_ERR_UNCOR_STATUS) == PCI_ERR_UNC_COMP_TIME);
  pf_space.write(pf_layout.capability(PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_NFERE);
  CHECK(log_error(vf_space, pf_space, PcieError::poisoned_tlp, nullptr) == config::error_nonfatal);
  pf_space.write(pf_layout.extended(PCI_EXT_CAP_ID_ERR) + PCI_ERR_UNCOR_MASK, 4, PCI_ERR_UNC_POISON_TLP);
  CHECK(log_error(vf_space, pf_space, PcieError::poisoned_tlp, nullptr) == MessageCode::none);
}

TEST_CASE("aer: a root port keeps who sent the first message of each kind, and that there were more") {
  Device root(PortType::root_port);
  const auto status = [&] { return root.space.dword(root.aer + PCI_ERR_ROOT_STATUS); };
  CHECK_FALSE(log_error_message(root.space, config::error_correctable, RequesterId{0x0100}));
  CHECK(status() == PCI_ERR_ROOT_COR_RCV);
  root.space.write(root.aer + PCI_ERR_ROOT_COMMAND, 4, PCI_ERR_ROOT_CMD_FATAL_EN);
  CHECK(log_error_message(root.space, config::error_fatal, RequesterId{0x0201}));
  CHECK(status() == (PCI_ERR_ROOT_COR_RCV | PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_FIRST_FATAL | PCI_ERR_ROOT_FATAL_RCV));
  CHECK_FALSE(log_error_message(root.space, config::error_nonfatal, RequesterId{0x0302}));
  CHECK((status() & (PCI_ERR_ROOT_MULTI_UNCOR_RCV | PCI_ERR_ROOT_NONFATAL_RCV)) ==
        (PCI_ERR_ROOT_MULTI_UNCOR_RCV | PCI_ERR_ROOT_NONFATAL_RCV));
  CHECK(root.space.dword(root.aer + PCI_ERR_ROOT_ERR_SRC) == 0x0201'0100);
  CHECK_FALSE(log_error_message(root.space, config::error_fatal, RequesterId{0x0302}));  // one is pending
  root.space.write(root.aer + PCI_ERR_ROOT_STATUS, 4, ~0u);
  CHECK(log_error_message(root.space, config::error_fatal, RequesterId{0x0302}));
}

TEST_CASE("header image: requests, completions and messages as the specification lays them out") {
  Tlp read = read_of(0x1'0000'0006, 0x215);
  read.length = 5;
  CHECK(header_dwords(read) == std::array<std::uint32_t, 4>{0x2080'0002, 0x0108'157c, 1, 4});
  Tlp write = read_of(0x1002);
  write.type = TlpType::memory_write;
  write.length = 1;
  write.poisoned = true;
  CHECK(header_dwords(write) == std::array<std::uint32_t, 4>{0x4000'4001, 0x0108'1504, 0x1000, 0});
  Tlp answer = read_of(0x1046);
  answer.type = TlpType::completion;
  answer.status = CompletionStatus::abort;
  answer.completer = RequesterId{0x0200};
  answer.byte_count = 4096;
  answer.length = 0;
  CHECK(header_dwords(answer) == std::array<std::uint32_t, 4>{0x0a00'0000, 0x0200'8000, 0x0108'1546, 0});
  Tlp invalidate;
  invalidate.type = TlpType::message_data;
  invalidate.message = MessageCode::invalidate_request;
  invalidate.completer = RequesterId{0x0108};
  invalidate.tag = 3;
  invalidate.length = 8;
  CHECK(header_dwords(invalidate) == std::array<std::uint32_t, 4>{0x7200'0002, 0x0000'0301, 0x0108'0000, 0});
}
