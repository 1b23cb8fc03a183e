// SPDX-License-Identifier: Apache-2.0
/// FunctionDescription -- what a function is: IDs, BARs and the capabilities it has. build_layout() turns
/// it into a capability chain; what is not described is not advertised.
///
/// Spec    PCIe Base 5.0 7.5.1 (header), 7.5.3 (PCI Express), 7.7.1 (MSI), 7.7.2 (MSI-X), 6.12 (ACS), 7.8.7 (ARI),
///         9.3.3 (SR-IOV), 10.5.1 (ATS), 10.5.2 (page requests), 7.8.8 (PASID).
/// Units   sizes in bytes; link speed as its Supported Link Speeds code (1 = 2.5 GT/s ... 6 = 64 GT/s).
#pragma once
#include <linux/pci_regs.h>

#include <array>
#include <cstdint>
#include <optional>

namespace iov::config {

enum class PortType : std::uint8_t {
  endpoint = PCI_EXP_TYPE_ENDPOINT,
  root_port = PCI_EXP_TYPE_ROOT_PORT,
  upstream_port = PCI_EXP_TYPE_UPSTREAM,
  downstream_port = PCI_EXP_TYPE_DOWNSTREAM,
};

struct Bar {
  std::uint64_t bytes = 0;  ///< power of two; 0: not implemented (or upper half of the BAR before it)
  bool wide = false;        ///< 64-bit: takes the next BAR too
  bool prefetchable = false;
  bool io = false;
};
using Bars = std::array<Bar, PCI_STD_NUM_BARS>;

/// A slot below a root or downstream port: hot-plug capable, without power controller, latch, button and indicators.
struct SlotCapability {
  std::uint16_t number = 0;  ///< Physical Slot Number, 13 bits
};
struct PciExpressCapability {
  PortType type = PortType::endpoint;
  unsigned link_speed = 3;
  unsigned link_width = 8;
  unsigned max_payload = 512;  ///< Max_Payload_Size Supported
  bool extended_tag = true;
  bool function_level_reset = true;
  std::uint8_t port_number = 0;
  std::uint8_t completion_timeout_ranges = 0xf;  ///< DevCap2 3:0: ranges A to D
  bool ari_forwarding = true;                    ///< root and downstream ports
  bool end_end_prefix = true;                    ///< PASID travels in one
  bool controls_link = true;                     ///< function 0 of a device owns Link Control 2
  std::optional<SlotCapability> slot;
};
struct MsixCapability {
  unsigned vectors = 1;  ///< 1..2048
  std::uint8_t table_bar = 0, pending_bar = 0;
  std::uint32_t table_offset = 0, pending_offset = 0;  ///< 8-byte aligned
};
struct AriCapability {
  std::uint8_t next_function = 0;
};
struct AcsCapability {
  std::uint16_t features = PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF | PCI_ACS_DT;
  unsigned egress_ports = 0;  ///< width of the egress control vector; needs PCI_ACS_EC
};
struct AtsCapability {
  unsigned queue_depth = 32;  ///< 1..32
  bool page_aligned = true;
  bool global_invalidate = false;
};
struct PriCapability {
  std::uint32_t max_requests = 32;
};
struct PasidCapability {
  unsigned width = 20;  ///< bits, 0..20
  bool execute = false, privileged = false;
};

/// First VF Offset and VF Stride.
struct VfRouting {
  std::uint16_t offset = 1, stride = 1;
};

struct SriovCapability {
  std::uint16_t total_vfs = 8;
  std::uint16_t vf_device_id = 0;
  VfRouting with_ari{};     ///< while the ARI Capable Hierarchy bit is set
  VfRouting without_ari{};  ///< while it is not
  bool lowest_pf = true;    ///< owns the ARI Capable Hierarchy bit
  std::uint8_t function_dependency =
      0;  ///< Function Dependency Link: own function number, or the next in the list
  std::uint32_t supported_page_sizes = 0x553;  ///< the six mandatory sizes
  Bars vf_bars{};
  std::optional<MsixCapability> vf_msix;
  std::optional<AcsCapability> vf_acs;
  bool vf_ats = false;  ///< needs ATS in the PF
  bool vf_aer = true;
};

struct FunctionDescription {
  std::uint16_t vendor_id = 0, device_id = 0;
  std::uint16_t subsystem_vendor_id = 0, subsystem_id = 0;
  std::uint8_t revision = 0;
  std::uint32_t class_code = 0x020000;  ///< class, subclass, programming interface
  bool multi_function = false;
  std::uint8_t interrupt_pin = 0;  ///< 0: no INTx
  Bars bars{};
  PciExpressCapability express{};
  bool power_management = true;
  bool aer = true;
  bool msi = false;  ///< one vector, 64-bit address
  std::optional<MsixCapability> msix;
  std::optional<AriCapability> ari;
  std::optional<AcsCapability> acs;
  std::optional<AtsCapability> ats;
  std::optional<PriCapability> pri;
  std::optional<PasidCapability> pasid;
  std::optional<SriovCapability> sriov;
  bool virtual_function = false;  ///< set by virtual_function(), not by hand

  bool bridge() const { return express.type != PortType::endpoint; }
};

/// What the VFs of a PF look like on the wire (PCIe 9.3.4): IDs FFFFh, no BARs, no INTx, most control
/// fields reserved because the PF's apply.
FunctionDescription virtual_function(const FunctionDescription& pf);

}  // namespace iov::config
