// SPDX-License-Identifier: Apache-2.0
/// IoApic -- the I/O interrupt controller: pins with a redirection table, which it turns into the messages that devices
/// with MSI send themselves.
///
/// Spec    Intel 82093AA datasheet (registers, table, remote IRR); VT-d 4.1 5.1.5.1 (remappable entries); PCIe Base 5.0
///         2.2.8.1 (INTx messages).
/// Models  edge and level, mask, remote IRR and end of interrupt, compatibility and remappable entries; INTx messages as
///         wires, several of which may share a pin.
/// Omits   delivery status (always idle), polarity (a pin is asserted or not), modes other than fixed and lowest priority.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <set>
#include <utility>

#include "models/core/params.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/protocol/interrupt.h"

namespace iov::host {

/// A redirection table entry (82093AA 3.2.4).
namespace redirection {
inline constexpr std::uint64_t remote_irr = 1u << 14, level = 1u << 15, masked = 1u << 16;
inline constexpr std::uint64_t read_only = remote_irr | 1u << 12;
/// Physical destination, fixed delivery.
constexpr std::uint64_t compatibility(std::uint8_t apic_id, std::uint8_t vector, bool level_triggered) {
  return std::uint64_t{apic_id} << 56 | (level_triggered ? level : 0) | vector;
}
/// @param vector  that of the remapping entry: an end of interrupt names it
constexpr std::uint64_t remappable(std::uint16_t index, std::uint8_t vector, bool level_triggered) {
  return std::uint64_t{index & 0x7fffu} << 49 | std::uint64_t{1} << 48 | std::uint64_t{index >> 15 & 1u} << 11 |
         (level_triggered ? level : 0) | vector;
}
}  // namespace redirection

class IoApic : public sc_core::sc_module, public InterruptPins {
 public:
  static constexpr unsigned pins = 24;
  enum Register : std::uint32_t { reg_select = 0x00, reg_window = 0x10, reg_end_of_interrupt = 0x40 };  ///< MMIO
  enum Index : std::uint8_t { index_id = 0, index_version = 1, index_table = 0x10 };                      ///< behind the window
  struct Params {
    Time latency{100, sc_core::SC_NS};
    unsigned requester = 0xf0f8;
    template <class V>
    void describe(V& v) {
      v.field("latency", latency, Range<Time>{{}, Time(10, sc_core::SC_US)}, "from a pin to the interrupt message", no_source);
      v.field("requester", requester, Range<unsigned>{0, 0xffff}, "ID in its messages, for interrupt remapping",
              "f0:1f.0, as the DMAR tables of Intel servers name it");
    }
  };
  IoApic(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params);
  void set_remapper(InterruptRemapper& remapper) { remapper_ = &remapper; }

  void write(std::uint32_t offset, std::uint32_t value);
  std::uint32_t read(std::uint32_t offset) const;
  std::uint64_t entry(unsigned pin) const { return table_[pin]; }
  RequesterId requester() const { return {static_cast<std::uint16_t>(params_.requester)}; }

  void wire(RequesterId source, unsigned pin, bool asserted) override;
  void end_of_interrupt(std::uint8_t vector) override;

 private:
  void write_table(unsigned index, std::uint32_t value);
  void rose(unsigned pin);
  void request(unsigned pin);
  void send();
  bool asserted(unsigned pin) const { return !wires_[pin].empty(); }

  Timeline& timeline_;
  const Params params_;
  InterruptRemapper* remapper_ = nullptr;
  std::uint8_t select_ = 0;
  std::array<std::uint64_t, pins> table_;
  std::array<std::set<std::uint16_t>, pins> wires_;  ///< who asserts
  std::deque<std::pair<Time, InterruptMessage>> in_flight_;
  Event event_{timeline_, bind<&IoApic::send>(this)};
  Counter messages_{"messages", "1", "interrupt messages sent"};
  Counter lost_edges_{"lost_edges", "1", "edges on masked pins"};
};

}  // namespace iov::host
