// SPDX-License-Identifier: Apache-2.0
/// PhysicalFunction -- a function with its configuration space and, if it has SR-IOV, those of its VFs.
///
/// Spec    PCIe Base 5.0 9.2 (initialization, resets), 9.3.3 (SR-IOV capability), 9.3.4 (VF registers).
/// Models  VF Enable creating and removing VFs, routing that follows ARI, apertures that follow the System
///         Page Size, decoding of BARs and VF BARs, what VFs take from the PF, resets.
/// Omits   time: the 100 ms before VFs may be used, the duration of an FLR. VF migration.
/// Units   a VF that software has not written: 16 bytes; then 4 more per changeable dword of its layout.
#pragma once
#include <optional>
#include <vector>

#include "models/core/address.h"
#include "models/protocol/config_space/build_layout.h"
#include "models/protocol/config_space/config_space.h"
#include "models/protocol/config_space/effects.h"
#include "models/protocol/config_space/vf_routing.h"

namespace iov::config {

class PhysicalFunction {
 public:
  PhysicalFunction(const FunctionDescription& description, RequesterId id);
  PhysicalFunction(const PhysicalFunction&) = delete;  // config spaces point to the layouts
  PhysicalFunction& operator=(const PhysicalFunction&) = delete;

  const FunctionDescription& description() const { return description_; }
  const ConfigSpace& config() const { return config_; }
  ConfigSpace& config() { return config_; }  ///< for the device's own side; software writes with write()
  RequesterId id() const { return id_; }
  /// The bus number captured from a type 0 configuration write (PCIe 2.2.6.2).
  void capture_bus(std::uint8_t bus) {
    id_ = RequesterId{static_cast<std::uint16_t>(bus << 8 | id_.devfn())};
  }

  std::uint32_t read(unsigned offset, unsigned width) const { return config_.read(offset, width); }
  /// A configuration write of software. VFs appear and vanish with VF Enable; an FLR is only reported.
  Change write(unsigned offset, unsigned width, std::uint32_t value);
  void reset(Reset kind);

  /// VFs that exist: 0 unless VF Enable is set.
  unsigned vfs() const { return static_cast<unsigned>(vfs_.size()); }
  VfRouting routing() const;
  std::optional<RequesterId> vf_id(unsigned n) const { return vf_requester_id(id_, routing(), n); }
  std::optional<unsigned> vf_with_id(RequesterId id) const {
    return config::vf_with_id(id_, routing(), vfs(), id);
  }
  /// @param n 1..vfs()
  const ConfigSpace& vf(unsigned n) const { return vfs_.at(n - 1); }
  ConfigSpace& vf(unsigned n) { return vfs_.at(n - 1); }
  std::uint32_t read_vf(unsigned n, unsigned offset, unsigned width) const;
  Change write_vf(unsigned n, unsigned offset, unsigned width, std::uint32_t value);
  void reset_vf(unsigned n) { vf(n).reset(Reset::function_level); }  ///< placement is the PF's, so it stays
  const Layout& vf_layout() const { return vf_layout_; }

  /// The device's ARI Capable Hierarchy bit; higher-numbered PFs are told by their owner.
  bool ari_hierarchy() const { return ari_; }
  void set_ari_hierarchy(bool on);

  std::uint64_t bar_address(unsigned bar) const;
  std::uint64_t vf_aperture(unsigned bar) const;
  std::uint64_t vf_bar_address(unsigned n, unsigned bar) const;
  struct BarHit {
    unsigned vf;  ///< 0: the PF
    unsigned bar;
    std::uint64_t offset;
  };
  /// Who decodes a memory address now, enables and existence of VFs taken into account. Costs the same for
  /// any number of VFs.
  std::optional<BarHit> decode(Hpa address) const;

  /// Of the PF, and therefore of its VFs.
  unsigned max_payload() const;
  unsigned max_read_request() const;
  bool vf_memory_space() const { return sriov_field(sriov_control_dword) >> 3 & 1; }

 private:
  static constexpr unsigned sriov_control_dword = 8;
  std::uint32_t sriov_field(unsigned dword) const { return sriov_ ? config_.dword(sriov_ + dword) : 0; }
  std::uint64_t address_at(unsigned offset, const Bar& bar) const;
  struct Window {  ///< a BAR as it decodes: `count` neighbouring apertures
    std::uint64_t first, bytes;  ///< all of them
    std::uint64_t decoded;       ///< of each aperture: the padding of a page decodes nothing
    unsigned log2_aperture, bar;
    bool vf;
  };
  void align_vf_bars();
  void follow_vf_enable();
  void place_windows();

  FunctionDescription description_;
  RequesterId id_;
  Layout layout_, vf_layout_;
  ConfigSpace config_;
  std::vector<ConfigSpace> vfs_;
  std::vector<Window> windows_;
  std::uint16_t sriov_, express_;  ///< offsets of the capabilities, 0 when absent
  bool ari_ = false;
};

}  // namespace iov::config
