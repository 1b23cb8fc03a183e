// SPDX-License-Identifier: Apache-2.0
// The first stage: x86-64 tables, whose pointers are guest-physical when nested. Spec:
// VT-d 4.1 3.6, 3.8, 9.7.
#include "models/iommu/walk.h"

namespace iov::iommu {

using R = FaultReason;

namespace {
constexpr std::uint64_t accessed = 1u << 5, dirty = 1u << 6, extended = 1u << 10;
bool canonical(std::uint64_t address, unsigned levels) {
  const unsigned sign = 11 + 9 * levels;  // bit 47 or 56
  const std::uint64_t upper = address >> sign;
  return upper == 0 || upper == (~std::uint64_t{0} >> sign);
}
}  // namespace

void Walk::begin_first() {
  const std::uint64_t address = request_->address.value;
  first_level_ = binding_->first_levels;
  if (!canonical(address, binding_->first_levels)) return deny(R::not_canonical);
  if (request_->access == Access::execute && !binding_->execute_requests) return fail(R::execute_disabled);
  if (caches_) {
    const auto found = caches_->deepest(PagingSpace(binding_->domain, binding_->tag), address, binding_->first_levels);
    if (found.level) {
      if (reads_ == 0) hit_level_ = found.level;
      first_ = found.entry.permissions();
      first_level_ = found.level - 1;
      const std::uint64_t table = found.entry.next();
      const std::uint64_t at = table + index_at(address, first_level_) * 8u;
      return binding_->stages == Stages::nested ? begin_second(at, Purpose::first_table)
                                               : read_first_entry(at);
    }
  }
  const std::uint64_t at = binding_->first_table + index_at(address, first_level_) * 8u;
  binding_->stages == Stages::nested ? begin_second(at, Purpose::first_table) : read_first_entry(at);
}

void Walk::read_first_entry(std::uint64_t address) {
  phase_ = Phase::first;
  read(address, 8);
}

bool Walk::first_reserved(std::uint64_t entry) const {
  const unsigned level = first_level_;
  if (binding_->stages != Stages::nested && (entry & address_mask) >> features_->host_address_bits != 0)
    return true;
  if (entry >> 63 && !binding_->no_execute) return true;
  if (level == 1 || !(entry >> 7 & 1)) return false;
  if (level > 3 || (level == 3 && !features_->page_1g)) return true;  // 2 MiB is always there
  const std::uint64_t below = (std::uint64_t{1} << (12 + 9 * (level - 1))) - 1;
  return (entry & below & ~std::uint64_t{0x1fff}) != 0;  // bit 12 is PAT
}

bool Walk::first_allowed(std::uint64_t entry, unsigned level) {
  first_.keep(Permissions::read | (entry & 2) | (entry >> 63 ? 0u : Permissions::execute) | (entry & 4) << 1);
  if (!is_leaf(entry, level)) return true;
  if (!first_.any_of(Permissions::user)) return deny(R::supervisor_page), false;
  if (ats()) return true;
  if (writes() && !first_.any_of(Permissions::write)) return deny(R::sm_write_denied), false;
  if (request_->access == Access::execute && !first_.any_of(Permissions::execute)) return deny(R::execute_denied), false;
  return true;
}

void Walk::on_first(std::uint64_t entry) {
  entry_ = entry;
  if (!(entry & 1)) return deny(R::first_stage_not_present);
  if (first_reserved(entry)) return fail(R::first_stage_reserved);
  if (!first_allowed(entry, first_level_)) return;
  const bool set_dirty = is_leaf(entry, first_level_) && wants_dirty(first_.any_of(Permissions::write));
  const std::uint64_t desired =
      entry | accessed | (set_dirty ? dirty : 0) | (binding_->extended_accessed ? extended : 0);
  if (desired != entry && binding_->stages == Stages::nested && !table_writable_)
    return fail(R::first_stage_update);
  if (update(entry, desired)) return;
  first_continues();
}

void Walk::first_continues() {
  if (is_leaf(entry_, first_level_)) return finish_first();
  const std::uint64_t next = entry_ & address_mask;
  const std::uint64_t address = request_->address.value;
  const bool nested = binding_->stages == Stages::nested;
  if (caches_ && fills_allowed_)
    caches_->fill(PagingSpace(binding_->domain, binding_->tag), address, first_level_, {next, first_, nested});
  --first_level_;
  const std::uint64_t at = next + index_at(address, first_level_) * 8u;
  nested ? begin_second(at, Purpose::first_table) : read_first_entry(at);
}

void Walk::finish_first() {
  first_log2_ = 12 + 9 * (first_level_ - 1);
  const std::uint64_t offset = (std::uint64_t{1} << first_log2_) - 1;
  first_page_ = entry_ & address_mask & ~offset;
  first_dirty_ = entry_ & dirty;
  global_ = entry_ >> 8 & 1;
  if (binding_->stages == Stages::nested)
    return begin_second(first_page_ | (request_->address.value & offset), Purpose::page);
  mapping_.log2_page = static_cast<std::uint8_t>(first_log2_);
  mapping_.page = first_page_;
  mapping_.read = true;
  mapping_.write = first_.any_of(Permissions::write);
  mapping_.execute = first_.any_of(Permissions::execute);
  mapping_.dirty = first_dirty_;
  mapping_.global = global_;
  mapping_.snoop = binding_->snoop;
  finish();
}

}  // namespace iov::iommu
