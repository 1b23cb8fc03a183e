// SPDX-License-Identifier: Apache-2.0
/// Access Control Services: which TLPs a port lets pass to a peer, sends up instead, or blocks. A mechanism.
///
/// Spec    PCIe Base 5.0 6.12 (services, their interaction), 7.7.8 (registers); bits as in linux/pci_regs.h.
/// Omits   the enhanced services (ACS I/O request blocking, DSP and USP memory target access control).
#pragma once
#include <linux/pci_regs.h>

#include <cstdint>

#include "models/core/params.h"
#include "models/protocol/tlp.h"

namespace iov {

/// What software enables, in a platform file.
struct AcsParams {
  bool source_validation = false, translation_blocking = false, request_redirect = false, completion_redirect = false;
  bool upstream_forwarding = false, egress_control = false, direct_translated = false;
  std::uint32_t egress_vector = 0;

  template <class V>
  void describe(V& v) {
    const char* spec = "PCIe Base 5.0 7.7.8.3: off after reset; Linux enables validation, redirect and forwarding for assigned devices";
    v.flag("source_validation", source_validation, "block requests whose requester ID is not below the port", spec);
    v.flag("translation_blocking", translation_blocking, "block requests that are not untranslated", spec);
    v.flag("request_redirect", request_redirect, "send requests for a peer up to the root complex", spec);
    v.flag("completion_redirect", completion_redirect, "send completions for a peer up to the root complex", spec);
    v.flag("upstream_forwarding", upstream_forwarding, "let what was redirected below pass up again", spec);
    v.flag("egress_control", egress_control, "control requests for the peers in egress_vector", spec);
    v.flag("direct_translated", direct_translated, "let translated requests go straight to a peer", spec);
    v.field("egress_vector", egress_vector, Range<std::uint32_t>{0, ~std::uint32_t{0}},
            "bit n: requests for port (or function) n are blocked, or redirected when request_redirect is on", spec);
  }
  std::uint16_t services() const {
    const auto bit = [](bool on, unsigned service) { return on ? service : 0u; };
    return static_cast<std::uint16_t>(bit(source_validation, PCI_ACS_SV) | bit(translation_blocking, PCI_ACS_TB) |
                                      bit(request_redirect, PCI_ACS_RR) | bit(completion_redirect, PCI_ACS_CR) |
                                      bit(upstream_forwarding, PCI_ACS_UF) | bit(egress_control, PCI_ACS_EC) |
                                      bit(direct_translated, PCI_ACS_DT));
  }
};

struct AcsControl {
  std::uint16_t services = 0;       ///< PCI_ACS_SV ... PCI_ACS_DT, the ACS Control register
  std::uint32_t egress_vector = 0;  ///< bit n: requests to port (or function) n are controlled

  bool on(std::uint16_t service) const { return (services & service) != 0; }
};

enum class AcsVerdict : std::uint8_t { direct, redirect, violation };

/// What arrives from below: Source Validation against the bus numbers below, Translation Blocking.
inline bool acs_accepts(const AcsControl& acs, const TlpHeader& tlp, std::uint8_t first_bus, std::uint8_t last_bus) {
  if (tlp.fc() == FcClass::completion) return true;
  if (acs.on(PCI_ACS_SV) && (tlp.requester.bus() < first_bus || tlp.requester.bus() > last_bus)) return false;
  const bool memory = tlp.type == TlpType::memory_read || tlp.type == TlpType::memory_write;
  return !(acs.on(PCI_ACS_TB) && memory && tlp.at != AddressType::untranslated);
}

/// A request whose address lies below peer port `target`.
inline AcsVerdict acs_request(const AcsControl& acs, AddressType at, unsigned target) {
  if (acs.on(PCI_ACS_DT) && at == AddressType::translated) return AcsVerdict::direct;
  if (acs.on(PCI_ACS_EC)) {
    if ((acs.egress_vector >> target & 1) == 0) return AcsVerdict::direct;
    return acs.on(PCI_ACS_RR) ? AcsVerdict::redirect : AcsVerdict::violation;
  }
  return acs.on(PCI_ACS_RR) ? AcsVerdict::redirect : AcsVerdict::direct;
}

/// A completion whose requester is below a peer port: redirected it stays behind the requests redirected before it.
inline AcsVerdict acs_completion(const AcsControl& acs, bool relaxed_ordering) {
  return acs.on(PCI_ACS_CR) && !relaxed_ordering ? AcsVerdict::redirect : AcsVerdict::direct;
}

}  // namespace iov
