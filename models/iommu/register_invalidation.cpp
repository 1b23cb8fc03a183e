// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/register_invalidation.h"

#include "models/protocol/vtd.h"

namespace iov::iommu {

using namespace vtd;

namespace {
constexpr std::uint64_t commanded = std::uint64_t{1} << 63;  // ICC and IVT are the same bit
static_assert(commanded == ccmd_invalidate && commanded == iotlb_invalidate);
constexpr unsigned context_done = 59, iotlb_done = 57;  // CAIG, IAIG: 2 bits each
}  // namespace

RegisterInvalidation::RegisterInvalidation(Timeline& timeline, const Params& p, RegisterFile& registers,
                                           TranslationUnit& translation)
    : timeline_(timeline), registers_(registers), translation_(translation), duration_(p.invalidation_time) {}

bool RegisterInvalidation::accepts(std::uint32_t offset) const {
  const auto within = [offset](const Command& c) { return offset / 8 == c.reg / 8; };
  return !(context_.busy && within(context_)) && !(iotlb_.busy && within(iotlb_));
}

void RegisterInvalidation::written(std::uint32_t offset, unsigned bytes, bool queue_enabled) {
  for (Command* c : {&context_, &iotlb_}) {
    const bool upper_half = offset <= c->reg + 4 && c->reg + 4 < offset + bytes;
    const std::uint64_t value = registers_.get64(c->reg);
    if (!upper_half || c->busy || !(value & commanded)) continue;
    const bool of_context = c == &context_;
    const std::uint64_t done = queue_enabled ? 0 : of_context ? context(value) : iotlb(value);
    const unsigned shift = of_context ? context_done : iotlb_done;
    start(*c, done << shift, std::uint64_t{3} << shift);
  }
}

/// @returns the granularity that is carried out, 0 none
std::uint64_t RegisterInvalidation::context(std::uint64_t c) {
  const auto granularity = c >> 61 & 3;
  if (granularity == 0) return 0;
  ContextInvalidation what;
  what.scope = static_cast<ContextInvalidation::Scope>(granularity - 1);
  what.domain.value = static_cast<std::uint16_t>(c);
  what.source.value = static_cast<std::uint16_t>(c >> 16);
  what.ignore = ignored_source_bits(static_cast<unsigned>(c >> 32 & 3));
  translation_.invalidate(what);
  return granularity;
}

std::uint64_t RegisterInvalidation::iotlb(std::uint64_t c) {
  const auto granularity = c >> 60 & 3;
  const std::uint64_t address = registers_.get64(reg_invalidate_address);
  IotlbInvalidation what;
  what.domain.value = static_cast<std::uint16_t>(c >> 32);
  what.address = address & vtd::page_mask;
  what.mask = static_cast<std::uint8_t>(address & 63);
  what.leaf_only = address >> 6 & 1;
  if (granularity == 0 || (granularity == 3 && what.mask > max_address_mask)) return 0;
  what.scope = static_cast<IotlbInvalidation::Scope>(granularity - 1);
  translation_.invalidate(what);
  return granularity;
}

void RegisterInvalidation::start(Command& c, std::uint64_t done_bits, std::uint64_t done_mask) {
  registers_.set64(c.reg, registers_.get64(c.reg) & ~done_mask);
  c.busy = true, c.executed = false, c.done_bits = done_bits;
  if (done_bits == 0) return finish(c);  // refused: nothing to wait for
  ++commands;
  c.event.at(timeline_.now() + duration_);
}

void RegisterInvalidation::drained() {
  for (Command* c : {&context_, &iotlb_})
    if (c->busy && c->executed) finish(*c);
}

/// Ends when nothing older is under way any more, as in the queue.
void RegisterInvalidation::finish(Command& c) {
  c.executed = true;
  if (c.done_bits != 0) {
    if (translation_.draining()) return;
    if (timeline_.now() < translation_.answered_by()) return c.event.at(translation_.answered_by());
  }
  c.busy = false;
  registers_.set64(c.reg, (registers_.get64(c.reg) & ~commanded) | c.done_bits);
}

}  // namespace iov::iommu
