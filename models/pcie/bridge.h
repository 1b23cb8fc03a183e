// SPDX-License-Identifier: Apache-2.0
/// Bridge -- the configuration space of a root port or a switch port, and what software made of it: which requester
/// IDs and which addresses lie behind it. A mechanism.
///
/// Spec    PCIe Base 5.0 7.5.1.3 (type 1 header), 6.13 (ARI forwarding), 6.7.3 (hot-plug events), 7.5.3.8, 7.5.3.11.
/// Omits   I/O window, VGA and ISA bits, subtractive decoding.
/// Units   addresses and requester IDs, both ends inclusive
#pragma once
#include <cstdint>
#include <optional>
#include <utility>

#include "models/protocol/config_space/bridge_window.h"
#include "models/protocol/config_space/build_layout.h"
#include "models/protocol/config_space/config_space.h"
#include "models/protocol/config_space/effects.h"
#include "models/protocol/interrupt.h"
#include "models/protocol/tlp_port.h"

namespace iov::pcie {

class Bridge {
 public:
  Bridge(const config::FunctionDescription& description, RequesterId id)
      : description_(description), id_(id), layout_(config::build_layout(description)), config_(layout_) {}
  Bridge(const Bridge&) = delete;  // config_ points to layout_
  Bridge& operator=(const Bridge&) = delete;

  const config::FunctionDescription& description() const { return description_; }
  RequesterId id() const { return id_; }
  /// A switch port captures it; the bus number of a root port is 0.
  void set_id(RequesterId id) { id_ = id; }
  const config::ConfigSpace& config() const { return config_; }
  config::ConfigSpace& config() { return config_; }  ///< for the device's own side; software writes with write()
  std::uint32_t read(unsigned offset, unsigned width) const { return config_.read(offset, width); }
  config::Effects write(unsigned offset, unsigned width, std::uint32_t value) {
    return config::effects_of(layout_, config_.write(offset, width, value));
  }
  /// Whether an effect of write() changes what lies behind.
  static bool reroutes(const config::Effects& e) {
    return e.has(config::Effect::bus_numbers) || e.has(config::Effect::window) || e.has(config::Effect::memory_space);
  }

  std::uint8_t secondary() const { return byte(PCI_SECONDARY_BUS); }
  std::uint8_t subordinate() const { return byte(PCI_SUBORDINATE_BUS); }
  /// Requester IDs, both inclusive; first > last until bus numbers are given.
  std::pair<unsigned, unsigned> ids() const;
  config::BridgeWindow memory() const;        ///< empty while Memory Space Enable is 0
  config::BridgeWindow prefetchable() const;  ///< as well
  bool ari_forwarding() const;
  /// The link below went down or came up, with what is in the slot still there or not. @returns whether that interrupts
  bool link_changed(bool up, bool present);
  /// A hot-plug event that software asked for is pending: what becomes true interrupts (6.7.3.4).
  bool slot_event() const;
  /// The message of its interrupts; none: MSI is off.
  std::optional<InterruptMessage> message() const;
  bool bus_reset() const { return (config_.read(PCI_BRIDGE_CONTROL, 2) & PCI_BRIDGE_CTL_BUS_RESET) != 0; }

 private:
  unsigned express() const { return layout_.capability(PCI_CAP_ID_EXP); }
  std::uint8_t byte(unsigned offset) const { return static_cast<std::uint8_t>(config_.read(offset, 1)); }
  bool memory_space() const { return (config_.read(PCI_COMMAND, 2) & PCI_COMMAND_MEMORY) != 0; }

  const config::FunctionDescription description_;
  RequesterId id_;
  const config::Layout layout_;
  config::ConfigSpace config_;
};

/// A root port as it advertises itself, with the limits of its link.
config::FunctionDescription root_port(const LinkLimits& limits, unsigned number);

}  // namespace iov::pcie
