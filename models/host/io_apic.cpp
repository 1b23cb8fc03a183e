// SPDX-License-Identifier: Apache-2.0
#include "models/host/io_apic.h"

namespace iov::host {

using namespace redirection;

IoApic::IoApic(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params)
    : sc_module(name), timeline_(timeline), params_(params) {
  table_.fill(masked);  // after reset
}

std::uint32_t IoApic::read(std::uint32_t offset) const {
  if (offset == reg_select) return select_;
  if (offset != reg_window) return 0;
  if (select_ == index_version) return (pins - 1) << 16 | 0x20;
  const unsigned at = select_ - index_table;
  if (select_ < index_table || at >= 2 * pins) return 0;
  return static_cast<std::uint32_t>(table_[at / 2] >> (at % 2 * 32));
}

void IoApic::write(std::uint32_t offset, std::uint32_t value) {
  if (offset == reg_select) select_ = static_cast<std::uint8_t>(value);
  if (offset == reg_end_of_interrupt) end_of_interrupt(static_cast<std::uint8_t>(value));
  if (offset == reg_window && select_ >= index_table && select_ < index_table + 2 * pins)
    write_table(select_ - index_table, value);
}

void IoApic::write_table(unsigned index, std::uint32_t value) {
  const unsigned pin = index / 2;
  std::uint64_t& e = table_[pin];
  const unsigned shift = index % 2 * 32;
  const std::uint64_t written = (e & ~(std::uint64_t{0xffff'ffff} << shift)) | std::uint64_t{value} << shift;
  e = (written & ~read_only) | (e & read_only);
  if (!(e & level)) e &= ~remote_irr;  // what makes an entry edge triggered forgets its request
  else if (asserted(pin)) request(pin);
}

void IoApic::wire(RequesterId source, unsigned pin, bool on) {
  if (pin >= pins) return;
  const bool before = asserted(pin);
  on ? (void)wires_[pin].insert(source.value) : (void)wires_[pin].erase(source.value);
  if (!before && on) rose(pin);
}

void IoApic::rose(unsigned pin) {
  if (table_[pin] & masked && !(table_[pin] & level)) return ++lost_edges_;
  request(pin);
}

void IoApic::request(unsigned pin) {
  std::uint64_t& e = table_[pin];
  if (e & (masked | remote_irr)) return;
  if (e & level) e |= remote_irr;
  InterruptMessage message = ioapic_message(e, requester());
  if (e & level) message.data |= 1u << 14;  // assert
  in_flight_.emplace_back(timeline_.now() + params_.latency, message);
  event_.before(in_flight_.front().first);
}

void IoApic::send() {
  const InterruptMessage message = in_flight_.front().second;
  in_flight_.pop_front();
  if (!in_flight_.empty()) event_.at(in_flight_.front().first);
  ++messages_;
  if (remapper_) remapper_->interrupt(message);
}

void IoApic::end_of_interrupt(std::uint8_t vector) {
  for (unsigned pin = 0; pin < pins; ++pin) {
    std::uint64_t& e = table_[pin];
    if (!(e & remote_irr) || static_cast<std::uint8_t>(e) != vector) continue;
    e &= ~remote_irr;
    if (asserted(pin)) request(pin);
  }
}

}  // namespace iov::host
