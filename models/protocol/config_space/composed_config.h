// SPDX-License-Identifier: Apache-2.0
/// ComposedConfig -- the configuration space a guest sees for an assigned function: a complete ordinary one,
/// composed by the hypervisor from the raw VF, its PF and emulated registers, or from the whole PF.
///
/// Spec    PCIe Base 5.0 9.3.4 (what a raw VF lacks); register classes after Linux vfio-pci's virtualized
///         config space (drivers/vfio/pci/vfio_pci_config.c).
/// Models  each bit belongs to one class: hardware_rw (the VF's own), hardware_ro (read from the VF or the
///         PF, writes blocked), emulated (the hypervisor's: IDs, BARs, memory and MSI-X enable, power).
/// Omits   time and the exit itself; what MSI-X and BAR writes mean for the host: the owner's reaction.
/// Units   per VF: this object and, once the guest writes, 4 bytes per changeable dword of its layout.
#pragma once
#include <array>
#include <vector>

#include "models/protocol/config_space/config_space.h"
#include "models/protocol/config_space/function_description.h"

namespace iov::config {

enum class RegisterClass : std::uint8_t { hardware_rw, hardware_ro, emulated };
inline constexpr std::size_t register_classes = 3;

/// The guest's view of a VF: vendor of the PF, the VF Device ID, the VF BARs, power management.
FunctionDescription guest_function(const FunctionDescription& pf);
/// The guest's view of a PF: without SR-IOV and what else stays with the host.
FunctionDescription guest_whole_function(const FunctionDescription& pf);

/// What VFs of one PF share: the guest's layout and where each of its bits comes from.
class Composition {
 public:
  struct Part {  ///< bits of one guest dword that are not emulated
    std::uint16_t dword;
    std::uint32_t mask;
    RegisterClass kind;
    bool from_pf;
    std::uint16_t source;  ///< dword in the VF's or PF's space
  };
  Composition(const FunctionDescription& pf, const Layout& pf_layout, const Layout& vf_layout)
      : Composition(guest_function(pf), vf_layout, pf_layout, Assigned::virtual_function) {}
  /// Of a PF that is assigned whole.
  static Composition whole(const FunctionDescription& pf, const Layout& pf_layout) {
    return Composition(guest_whole_function(pf), pf_layout, pf_layout, Assigned::physical_function);
  }

  const Layout& guest() const { return guest_; }
  std::span<const Part> parts_of(unsigned dword) const;
  /// The class of one bit.
  RegisterClass class_of(unsigned dword, unsigned bit) const;

 private:
  enum class Assigned : std::uint8_t { virtual_function, physical_function };
  Composition(const FunctionDescription& guest, const Layout& own, const Layout& pf, Assigned what);

  Layout guest_;
  std::vector<Part> parts_;                                    ///< sorted by dword
  std::array<std::uint16_t, space_bytes / 4 + 1> first_part_;  ///< index of a dword's first part
};

class ComposedConfig {
 public:
  /// All must live longer than this.
  ComposedConfig(const Composition& composition, ConfigSpace& vf, const ConfigSpace& pf)
      : composition_(&composition), vf_(&vf), pf_(&pf), guest_(composition.guest()) {}

  struct Written {
    Change emulated;  ///< in the guest's copy; offsets of the guest's layout
    Change hardware;  ///< in the raw VF; offsets of the VF's layout
    /// What must be written to the function if the spaces given are a hypervisor's copies: these bits of `hardware`'s
    /// dword (the others are not to be touched).
    std::uint32_t value = 0, lanes = 0;
  };
  std::uint32_t read(unsigned offset, unsigned width);
  Written write(unsigned offset, unsigned width, std::uint32_t value);
  std::uint32_t dword(unsigned offset) const;

  const Layout& layout() const { return composition_->guest(); }
  std::uint64_t accesses() const { return accesses_; }  ///< each was one exit
  /// Writes that wanted to change bits of the class where it has none to write, or against a rule.
  std::uint64_t blocked_writes(RegisterClass c) const { return blocked_[static_cast<std::size_t>(c)]; }

 private:
  const ConfigSpace& source(const Composition::Part& part) const { return part.from_pf ? *pf_ : *vf_; }
  void count_blocked(RegisterClass kind, std::uint32_t wanted, std::uint32_t writable);

  const Composition* composition_;
  ConfigSpace* vf_;
  const ConfigSpace* pf_;
  ConfigSpace guest_;
  std::uint64_t accesses_ = 0;
  std::array<std::uint64_t, register_classes> blocked_{};
};

}  // namespace iov::config
