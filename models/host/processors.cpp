// SPDX-License-Identifier: Apache-2.0
#include "models/host/processors.h"

#include "models/protocol/interrupt_ledger.h"

namespace iov::host {

Processors::Processors(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params)
    : sc_module(name), timeline_(timeline), params_(params) {
  for (unsigned i = 0; i < params.cores; ++i) {
    cores_.push_back(std::make_unique<Core>(("core" + std::to_string(i)).c_str(), timeline, params.core, i));
    cores_.back()->set_awake_cores(awake_);
  }
}

void Processors::settle() {
  for (const auto& core : cores_) core->settle();
  awake_.settle(timeline_.now());
}

void Processors::set_interrupt_pins(InterruptPins& pins) {
  for (const auto& core : cores_) core->set_interrupt_pins(pins);
}

void Processors::deliver(const ProcessorInterrupt& interrupt) {
  const Time at = timeline_.now() + params_.interrupt_latency;
  in_flight_.emplace_back(at, interrupt);
  if (!arrival_.scheduled()) arrival_.at(at);
}

void Processors::interrupt(const InterruptMessage& message) {
  deliver({.destination = message.address >> 12 & 0xff,
           .vector = static_cast<std::uint8_t>(message.data),
           .level = (message.data >> 15 & 1) != 0,
           .journey = message.journey,
           .line = message.line});
}

void Processors::arrive() {
  while (!in_flight_.empty() && in_flight_.front().first <= timeline_.now()) {
    const ProcessorInterrupt interrupt = in_flight_.front().second;
    in_flight_.pop_front();
    if (interrupt.destination < cores_.size()) {
      cores_[interrupt.destination]->interrupt(interrupt);
      continue;
    }
    ++lost_;
    if (interrupt.line) interrupt.line->block();
  }
  if (!in_flight_.empty()) arrival_.at(in_flight_.front().first);
}

}  // namespace iov::host
