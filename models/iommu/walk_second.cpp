// SPDX-License-Identifier: Apache-2.0
// The second stage: guest-physical (or I/O-virtual) to host-physical. Spec: VT-d 4.1 3.7, 9.8.
#include "models/iommu/walk.h"

namespace iov::iommu {

using R = FaultReason;

namespace {
constexpr std::uint64_t page_size = 1u << 7, second_accessed = 1u << 8, second_dirty = 1u << 9, snooped = 1u << 11, transient = std::uint64_t{1} << 62;
}  // namespace

/// One of them will do: a translation request is told what it may do.
inline unsigned Walk::second_needs() const {
  if (purpose_ == Purpose::first_table) return Permissions::read;
  return ats() ? Permissions::read | Permissions::write : writes() ? Permissions::write : Permissions::read;
}

void Walk::begin_second(std::uint64_t address, Purpose purpose) {
  phase_ = Phase::second;
  purpose_ = purpose;
  second_input_ = address;
  second_ = {};
  second_needs_ = second_needs();
  second_rare_ = page_size | snooped | transient | (address_mask >> features_->host_address_bits << features_->host_address_bits);
  if (binding_->second_dirty) second_rare_ = ~std::uint64_t{0};
  second_level_ = binding_->second_levels;
  if (address >> features_->address_bits(binding_->second_levels) != 0) {
    if (!scalable_) return deny(R::beyond_width);
    return deny(purpose == Purpose::first_table ? R::first_stage_beyond_width : R::sm_beyond_width);
  }
  std::uint64_t table = binding_->second_table;
  if (caches_) {
    second_space_ = PagingSpace(binding_->domain, Binding::no_tag);
    const auto found = caches_->deepest(second_space_, address, binding_->second_levels);
    if (found.level) {
      if (reads_ == 0) hit_level_ = found.level;
      table = found.entry.next();
      second_ = found.entry.permissions();
      second_level_ = found.level - 1;
      if (!second_.any_of(second_needs_)) return deny_second();
    }
  }
  read(table + index_at(address, second_level_) * 8u, 8);
}

void Walk::deny_second() {
  if (!second_.any_of(Permissions::read | Permissions::write) && scalable_) return deny(R::second_stage_not_present);
  if (purpose_ == Purpose::first_table)
    return deny(first_level_ == binding_->first_levels ? R::first_stage_top_read : R::first_stage_read);
  if (writes()) return deny(scalable_ ? R::sm_write_denied : R::write_denied);
  deny(scalable_ ? R::sm_read_denied : R::read_denied);
}

[[gnu::noinline]] bool Walk::second_reserved(std::uint64_t entry) const {
  const unsigned level = second_level_;
  if ((entry & address_mask) >> features_->host_address_bits != 0) return true;
  const bool big = level > 1 && (entry >> 7 & 1);
  if (entry & (snooped | transient)) {
    const bool leaf = level == 1 || big;
    if (entry & snooped && !(leaf && features_->snoop_control)) return true;
    if (entry & transient && !(leaf && features_->device_tlb)) return true;
  }
  if (!big) return false;
  if (!features_->leaf_supported(level)) return true;
  return (entry & ((std::uint64_t{1} << (12 + 9 * (level - 1))) - 1) & ~std::uint64_t{0xfff}) != 0;
}

void Walk::second_continues() {
  if (is_leaf(entry_, second_level_)) return finish_second();
  access_.update = false;
  descend(entry_);
}

void Walk::second_updated() { second_continues(); }

void Walk::on_second(std::uint64_t entry) {
  entry_ = entry;
  second_.keep(entry);
  if (!second_.any_of(second_needs_)) return deny_second();
  // What may be reserved is rare: it alone is looked at closely.
  if ((entry & second_rare_) != 0 && second_reserved(entry)) return fail(scalable_ ? R::second_stage_reserved : R::entry_reserved);
  if (binding_->second_dirty && second_updates()) return;
  second_continues();
}

/// Accessed and dirty bits. @returns whether the entry is written first
[[gnu::noinline]] bool Walk::second_updates() {
  const bool set_dirty =
      is_leaf(entry_, second_level_) && purpose_ == Purpose::page && wants_dirty(writable());
  return update(entry_, entry_ | second_accessed | (set_dirty ? second_dirty : 0));
}

void Walk::finish_second() {
  const unsigned log2 = 12 + 9 * (second_level_ - 1);
  const std::uint64_t offset = (std::uint64_t{1} << log2) - 1;
  const std::uint64_t page = entry_ & address_mask & ~offset;
  if (purpose_ == Purpose::first_table) {
    table_writable_ = second_.any_of(Permissions::write);
    return read_first_entry(page | (second_input_ & offset));
  }
  second_dirty_ = !binding_->second_dirty || (entry_ & second_dirty);
  const bool nested = binding_->stages == Stages::nested;
  const unsigned smaller = nested ? std::min(log2, first_log2_) : log2;
  mapping_.log2_page = static_cast<std::uint8_t>(smaller);
  mapping_.page = (page | (second_input_ & offset)) & ~((std::uint64_t{1} << smaller) - 1);
  mapping_.read = second_.any_of(Permissions::read);
  mapping_.write = writable();
  mapping_.execute = first_.any_of(Permissions::execute);  // the second stage alone does not tell code from data
  mapping_.dirty = second_dirty_ && (!nested || first_dirty_);
  mapping_.snoop = entry_ & snooped || (nested && binding_->snoop);
  mapping_.nested = nested;
  mapping_.global = nested && global_;
  finish();
}

}  // namespace iov::iommu
