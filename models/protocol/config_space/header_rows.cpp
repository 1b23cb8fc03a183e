// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/layout.h"
#include "models/protocol/config_space/rows.h"

namespace iov::config {

// A register is a row.
// clang-format off

namespace {
constexpr std::uint32_t status_errors = PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT |
                                        PCI_STATUS_REC_TARGET_ABORT | PCI_STATUS_REC_MASTER_ABORT |
                                        PCI_STATUS_SIG_SYSTEM_ERROR | PCI_STATUS_DETECTED_PARITY;

std::uint32_t command_bits(const FunctionDescription& d) {
  if (d.virtual_function) return PCI_COMMAND_MASTER;  // memory space: VF MSE in the PF; errors: the PF's
  std::uint32_t bits = PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR;
  for (const Bar& bar : d.bars)
    if (bar.bytes != 0) bits |= bar.io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
  if (d.bridge()) bits |= PCI_COMMAND_MEMORY;
  if (d.interrupt_pin != 0) bits |= PCI_COMMAND_INTX_DISABLE;
  return bits;
}

std::vector<Row> common_header(const FunctionDescription& d) {
  const bool vf = d.virtual_function;
  const std::uint32_t type =
      (d.bridge() ? PCI_HEADER_TYPE_BRIDGE : PCI_HEADER_TYPE_NORMAL) | (d.multi_function && !vf ? 0x80u : 0u);
  const std::uint32_t interrupt = d.interrupt_pin != 0 ? PCI_STATUS_INTERRUPT : 0;
  return {
      {.name = "vendor_id", .offset = PCI_VENDOR_ID, .width = 2, .reset = vf ? 0xffffu : d.vendor_id,
       .hwinit = 0xffff},
      {.name = "device_id", .offset = PCI_DEVICE_ID, .width = 2, .reset = vf ? 0xffffu : d.device_id,
       .hwinit = 0xffff},
      {.name = "command", .offset = PCI_COMMAND, .width = 2, .rw = command_bits(d)},
      {.name = "status", .offset = PCI_STATUS, .width = 2, .reset = PCI_STATUS_CAP_LIST,
       .rw1c = status_errors, .hardware = interrupt},
      {.name = "class_revision", .offset = PCI_CLASS_REVISION, .width = 4,
       .reset = d.class_code << 8 | d.revision, .hwinit = ~0u},
      {.name = "cache_line_size", .offset = PCI_CACHE_LINE_SIZE, .width = 1, .rw = vf ? 0u : 0xffu},
      {.name = "header_type", .offset = PCI_HEADER_TYPE, .width = 1, .reset = type, .hwinit = 0xff},
      {.name = "capabilities_pointer", .offset = PCI_CAPABILITY_LIST, .width = 1, .hwinit = 0xff},
      {.name = "interrupt_line", .offset = PCI_INTERRUPT_LINE, .width = 1,
       .rw = d.interrupt_pin != 0 ? 0xffu : 0u},
      {.name = "interrupt_pin", .offset = PCI_INTERRUPT_PIN, .width = 1, .reset = d.interrupt_pin,
       .hwinit = 0xff},
  };
}

void append(std::vector<Row>& rows, const std::vector<Row>& more) {
  rows.insert(rows.end(), more.begin(), more.end());
}

constexpr std::array<const char*, 7> bar_names = {"bar0", "bar1", "bar2", "bar3", "bar4", "bar5", "past"};
}  // namespace

std::vector<Row> bar_rows(const Bars& bars, unsigned offset) {
  std::vector<Row> rows;
  for (unsigned i = 0; i < bars.size(); ++i) {
    const Bar& bar = bars[i];
    if (bar.bytes == 0) continue;
    const std::uint64_t smallest = bar.io ? 4 : 16;
    if ((bar.bytes & (bar.bytes - 1)) != 0 || bar.bytes < smallest)
      refuse("a BAR's size is a power of two, 16 or more");
    if (bar.wide && (i == 5 || bar.io || bars[i + 1].bytes != 0)) refuse("a 64-bit BAR needs the next one");
    if (!bar.wide && bar.bytes > 1ull << 31) refuse("a BAR of more than 2 GiB is 64-bit");
    const std::uint64_t address = ~(bar.bytes - 1);  // the bits software can write: sizing reads them back
    const std::uint32_t kind = bar.io ? PCI_BASE_ADDRESS_SPACE_IO
                                      : (bar.wide ? PCI_BASE_ADDRESS_MEM_TYPE_64 : 0u) |
                                            (bar.prefetchable ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0u);
    const auto at = static_cast<std::uint16_t>(offset + 4 * i);
    rows.push_back({.name = bar_names[i], .offset = at, .width = 4, .reset = kind,
                    .rw = static_cast<std::uint32_t>(address), .hwinit = kind});
    if (bar.wide)
      rows.push_back({.name = bar_names[i + 1], .offset = static_cast<std::uint16_t>(at + 4), .width = 4,
                      .rw = static_cast<std::uint32_t>(address >> 32)});
  }
  return rows;
}

std::vector<Row> type0_header(const FunctionDescription& d) {
  std::vector<Row> rows = common_header(d);
  append(rows, {
                   {.name = "subsystem_vendor_id", .offset = PCI_SUBSYSTEM_VENDOR_ID, .width = 2,
                    .reset = d.subsystem_vendor_id, .hwinit = 0xffff},
                   {.name = "subsystem_id", .offset = PCI_SUBSYSTEM_ID, .width = 2, .reset = d.subsystem_id,
                    .hwinit = 0xffff},
               });
  append(rows, bar_rows(d.bars, PCI_BASE_ADDRESS_0));
  return rows;
}

std::vector<Row> type1_header(const FunctionDescription& d) {
  std::vector<Row> rows = common_header(d);
  constexpr std::uint32_t window = PCI_MEMORY_RANGE_MASK & 0xffff;
  append(rows,
         {
             // no I/O window: I/O base and limit are hardwired to 0
             {.name = "primary_bus", .offset = PCI_PRIMARY_BUS, .width = 1, .rw = 0xff},
             {.name = "secondary_bus", .offset = PCI_SECONDARY_BUS, .width = 1, .rw = 0xff},
             {.name = "subordinate_bus", .offset = PCI_SUBORDINATE_BUS, .width = 1, .rw = 0xff},
             {.name = "secondary_status", .offset = PCI_SEC_STATUS, .width = 2, .rw1c = status_errors},
             {.name = "memory_base", .offset = PCI_MEMORY_BASE, .width = 2, .rw = window},
             {.name = "memory_limit", .offset = PCI_MEMORY_LIMIT, .width = 2, .rw = window},
             {.name = "prefetchable_base", .offset = PCI_PREF_MEMORY_BASE, .width = 2,
              .reset = PCI_PREF_RANGE_TYPE_64, .rw = window},
             {.name = "prefetchable_limit", .offset = PCI_PREF_MEMORY_LIMIT, .width = 2,
              .reset = PCI_PREF_RANGE_TYPE_64, .rw = window},
             {.name = "prefetchable_base_upper", .offset = PCI_PREF_BASE_UPPER32, .width = 4, .rw = ~0u},
             {.name = "prefetchable_limit_upper", .offset = PCI_PREF_LIMIT_UPPER32, .width = 4, .rw = ~0u},
             {.name = "bridge_control", .offset = PCI_BRIDGE_CONTROL, .width = 2,
              .rw = PCI_BRIDGE_CTL_PARITY | PCI_BRIDGE_CTL_SERR | PCI_BRIDGE_CTL_BUS_RESET},
         });
  return rows;
}

// clang-format on

}  // namespace iov::config
