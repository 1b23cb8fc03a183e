// SPDX-License-Identifier: Apache-2.0
// What each invalidation descriptor asks for. Spec: VT-d 4.1 6.5.2.1 - 6.5.2.9.
#include "models/iommu/invalidation_queue.h"

#include <algorithm>

namespace iov::iommu {

using namespace vtd;

namespace {
struct ReservedBits {  ///< bits that must be zero, by type; wide descriptors: words 2 and 3 as well
  DescriptorType type;
  std::uint64_t reserved[2];
};
using T = DescriptorType;
constexpr ReservedBits reserved_bits[] = {
    {T::context_cache, {0xfffc'0000'0000'f1c0, ~std::uint64_t{0}}},
    {T::iotlb, {0xffff'ffff'0000'f100, 0xf80}},
    {T::device_tlb, {0x000f'0000'ffe0'01f0, 0xffe}},
    {T::interrupt_entry, {0xffff'0000'07ff'f1e0, ~std::uint64_t{0}}},
    {T::wait, {0xffff'f100, 0x3}},
    {T::pasid_iotlb, {0xfff0'0000'0000'f1c0, 0xf80}},
    {T::pasid_cache, {0xfff0'0000'0000'f1c0, ~std::uint64_t{0}}},
    {T::pasid_device_tlb, {0, 0x7fe}},
    {T::page_group_response, {0xfff0'0000'0000'01e0, ~std::uint64_t{0xffc}}},
};
}  // namespace

bool InvalidationQueue::reserved_clear() const {
  if (words_[2] != 0 || words_[3] != 0) return false;
  constexpr std::uint64_t page_request_drain = 1u << 7;
  if (bits(0, 4) == static_cast<unsigned>(T::wait) && words_[0] & page_request_drain && !features_.page_requests) return false;
  for (const ReservedBits& row : reserved_bits)
    if (bits(0, 4) == static_cast<unsigned>(row.type))
      return (words_[0] & row.reserved[0]) == 0 && (words_[1] & row.reserved[1]) == 0;
  return false;
}

/// Type 11:9 and 3:0. With root tables of scalable mode only 256-bit descriptors are (6.5.2, IQA.DW).
bool InvalidationQueue::known() const {
  const bool scalable = translation_.root().mode == TableRoot::Mode::scalable;
  if (bits(9, 3) != 0 || (scalable && !wide())) return false;
  return std::any_of(std::begin(reserved_bits), std::end(reserved_bits),
                     [&](const ReservedBits& row) { return bits(0, 4) == static_cast<unsigned>(row.type); });
}

void InvalidationQueue::execute() {
  const auto type = static_cast<DescriptorType>(bits(0, 4));
  if (!known()) return fail(QueueError::type);
  if (!reserved_clear() || !carry_out(type)) return fail(QueueError::reserved_field);
  switch (type) {
    case T::wait: phase_ = Phase::waiting; return try_wait();
    case T::device_tlb:
    case T::pasid_device_tlb:
      if (try_send()) next();
      return;
    case T::page_group_response: return next();
    default: phase_ = Phase::executing; event_.at(timeline_.now() + duration_);
  }
}

bool InvalidationQueue::carry_out(DescriptorType type) {
  switch (type) {
    case T::context_cache: return context();
    case T::iotlb: return iotlb();
    case T::device_tlb: return device_tlb(false);
    case T::interrupt_entry: return interrupt_entries();
    case T::wait: return bits(4, 4) != 0;
    case T::pasid_iotlb: return pasid_iotlb();
    case T::pasid_cache: return pasid_cache();
    case T::pasid_device_tlb: return device_tlb(true);
    case T::page_group_response: return page_response();
  }
  return false;
}

bool InvalidationQueue::context() {
  const auto granularity = bits(4, 2);
  if (granularity == 0) return false;
  ContextInvalidation what;
  what.scope = static_cast<ContextInvalidation::Scope>(granularity - 1);
  what.domain.value = static_cast<std::uint16_t>(bits(16, 16));
  what.source.value = static_cast<std::uint16_t>(bits(32, 16));
  what.ignore = ignored_source_bits(static_cast<unsigned>(bits(48, 2)));
  translation_.invalidate(what);
  return true;
}

bool InvalidationQueue::iotlb() {
  const auto granularity = bits(4, 2);
  IotlbInvalidation what;
  what.domain.value = static_cast<std::uint16_t>(bits(16, 16));
  what.address = words_[1] & page_mask;
  what.mask = static_cast<std::uint8_t>(words_[1] & 63);
  what.leaf_only = words_[1] >> 6 & 1;
  if (granularity == 0 || (granularity == 3 && what.mask > max_address_mask)) return false;
  what.scope = static_cast<IotlbInvalidation::Scope>(granularity - 1);
  translation_.invalidate(what);
  return true;
}

bool InvalidationQueue::pasid_iotlb() {
  const auto granularity = bits(4, 2);
  IotlbInvalidation what;
  what.domain.value = static_cast<std::uint16_t>(bits(16, 16));
  what.pasid = static_cast<std::uint32_t>(bits(32, 20));
  what.address = words_[1] & page_mask;
  what.mask = static_cast<std::uint8_t>(words_[1] & 63);
  what.leaf_only = words_[1] >> 6 & 1;
  if (!features_.scalable_mode || granularity < 2 || (granularity == 3 && what.mask > max_address_mask))
    return false;
  what.scope = granularity == 2 ? IotlbInvalidation::Scope::pasid : IotlbInvalidation::Scope::pasid_pages;
  translation_.invalidate(what);
  return true;
}

bool InvalidationQueue::pasid_cache() {
  using Scope = PasidInvalidation::Scope;
  const auto granularity = bits(4, 2);
  if (!features_.scalable_mode || granularity == 2) return false;
  PasidInvalidation what;
  what.scope = granularity == 0 ? Scope::domain : granularity == 1 ? Scope::pasid : Scope::global;
  what.domain.value = static_cast<std::uint16_t>(bits(16, 16));
  what.pasid = static_cast<std::uint32_t>(bits(32, 20));
  translation_.invalidate(what);
  return true;
}

bool InvalidationQueue::interrupt_entries() {
  if (!features_.interrupt_remapping) return false;
  const bool selective = bits(4, 1);
  if (selective && bits(27, 5) > max_handle_mask) return false;
  interrupts_.invalidate(selective ? static_cast<std::uint16_t>(bits(32, 16)) : std::uint16_t{0},
                         selective ? static_cast<unsigned>(bits(27, 5)) : 16);
  return true;
}

bool InvalidationQueue::device_tlb(bool with_pasid) {
  if (!features_.device_tlb || !fabric_ || (with_pasid && !features_.scalable_mode)) return false;
  const std::uint64_t range = words_[1] & page_mask;
  if (with_pasid) {
    target_.value = static_cast<std::uint16_t>(bits(16, 16));
    target_pasid_.value = static_cast<std::uint32_t>(bits(32, 20));
    target_body_ = range | (words_[1] & 0x801);
    target_depth_ = static_cast<unsigned>(bits(4, 5));
  } else {
    target_.value = static_cast<std::uint16_t>(bits(32, 16));
    target_pasid_ = {};
    target_body_ = range | (words_[1] & 1) << 11;
    target_depth_ = static_cast<unsigned>(bits(16, 5));
  }
  if (target_depth_ == 0) target_depth_ = 32;
  return true;
}

bool InvalidationQueue::page_response() {
  if (!features_.page_requests || !fabric_) return false;
  Pasid pasid;
  if (bits(4, 1)) pasid.value = static_cast<std::uint32_t>(bits(32, 20));
  fabric_->send_page_response({static_cast<std::uint16_t>(bits(16, 16))}, pasid,
                              static_cast<std::uint16_t>(words_[1] >> 3 & 0x1ff),
                              static_cast<std::uint8_t>(bits(12, 4)));
  return true;
}

}  // namespace iov::iommu
