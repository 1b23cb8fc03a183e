// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/walk.h"

#include <memory>

#include "models/iommu/judge.h"

namespace iov::iommu {

using R = FaultReason;

namespace {
// Copied, not made anew: what is made in parts a host cannot load as a whole until they have left its store buffer.
constexpr Context no_context;
constexpr Binding no_binding;
constexpr Mapping no_mapping;
}  // namespace

void Walk::begin(const Features& features, const TranslationRequest& request, PagingCaches* caches) {
  features_ = &features, caches_ = caches, request_ = &request, iotlb_ = nullptr;
  access_ = {};
  phase_ = Phase::done;
  purpose_ = Purpose::page;
  scalable_ = not_present_ = has_context_ = has_binding_ = suppress_ = iotlb_asked_ = iotlb_hit_ = false;
  fills_allowed_ = true;
  fault_ = R::none;
  first_ = second_ = {};
  reads_ = 0, hit_level_ = 0;
  binding_ = &own_binding_;
  mapping_ = no_mapping;
  first_dirty_ = second_dirty_ = true;
  table_writable_ = global_ = false;
  first_log2_ = 12;
}

void Walk::start(const Features& features, const TableRoot& root, const TranslationRequest& request,
                 PagingCaches* caches, Iotlb* iotlb) {
  begin(features, request, caches);
  context_ = no_context;
  iotlb_ = iotlb;
  using Mode = TableRoot::Mode;
  if (root.mode == Mode::abort && features.abort_mode) return fail(R::abort_mode);
  if (!mode_supported(features, root.mode)) return fail(R::sm_root_address);
  scalable_ = root.mode == Mode::scalable;
  if (scalable_) own_binding_ = no_binding;
  if (features.beyond_host(root.table)) return fail(scalable_ ? R::sm_root_access : R::root_access);
  phase_ = Phase::root;
  read(root.table + request.requester.bus() * 16u, 16);
}

void Walk::fail(FaultReason reason) {
  fault_ = reason;
  phase_ = Phase::done;
}

void Walk::deny(FaultReason reason) {
  if (!ats()) return fail(reason);
  not_present_ = true;
  phase_ = Phase::done;
}

void Walk::finish() {
  phase_ = Phase::done;
  fault_ = judge(scalable_, mapping_, *request_);
}

[[gnu::always_inline]] inline void Walk::begin_tables() {
  const std::uint64_t address = request_->address.value;
  switch (binding_->stages) {
    case Stages::second: return begin_second(address, Purpose::page);
    case Stages::first:
    case Stages::nested: return begin_first();
    case Stages::pass_through: break;
  }
  const bool beyond =
      features_->beyond_host(address) || (!scalable_ && address >> features_->guest_address_bits());
  if (beyond) return deny(scalable_ ? R::sm_beyond_host_width : R::beyond_width);
  mapping_ = identity(address);
  finish();
}

/// Now that domain and PASID are known the translation may turn out to be cached after all.
[[gnu::always_inline]] inline void Walk::ask_iotlb() {
  if (!iotlb_ || binding_->stages == Stages::pass_through) return begin_tables();
  iotlb_asked_ = true;
  const Mapping* m = iotlb_->lookup(*binding_, request_->address.value);
  if (!m || (wants_dirty(m->write) && m->write && !m->dirty)) return begin_tables();
  iotlb_hit_ = true;
  mapping_ = *m;
  finish();
}

void Walk::begin_pasid() {
  pasid_ = request_->pasid.present() ? request_->pasid.value : context_.rid_pasid;
  phase_ = Phase::pasid_directory;
  read(context_.pasid_directory + (pasid_ >> 6) * 8u, 8);
}

[[gnu::always_inline]] inline void Walk::after_context() {
  if (const R reason = admit(context_, *request_); reason != R::none) return fail(reason);
  if (request_->at ==
      AddressType::translated) {  // the device TLB did the work; only its right to do so counts
    mapping_ = identity(request_->address.value);
    if (features_->beyond_host(request_->address.value))
      return fail(scalable_ ? R::sm_beyond_host_width : R::beyond_width);
    return finish();
  }
  if (scalable_) return begin_pasid();
  binding_ = &context_.binding;
  has_binding_ = true;
  ask_iotlb();
}

void Walk::start_at_pasid(const Features& features, const TranslationRequest& request, const Context& context,
                          PagingCaches* caches, Iotlb* iotlb) {
  begin(features, request, caches);
  iotlb_ = iotlb;
  scalable_ = context.scalable;
  context_ = context, own_binding_ = no_binding;
  has_context_ = true;
  suppress_ = context.suppress_faults;
  after_context();
}

void Walk::start_at_tables(const Features& features, const TranslationRequest& request,
                           const Context& context, const Binding& binding, PagingCaches* caches) {
  begin(features, request, caches);
  scalable_ = context.scalable;
  context_ = context, own_binding_ = binding;
  has_context_ = has_binding_ = true;
  suppress_ = context.suppress_faults || binding.suppress_faults;
  begin_tables();
}

bool Walk::update(std::uint64_t entry, std::uint64_t desired) {
  if (entry == desired) return false;
  access_ = {access_.address, 8, true, entry, desired};
  return true;
}

TableRead Walk::reading() const {
  TableRead r;
  r.scalable = scalable_;
  r.address = access_.address;
  switch (phase_) {
    case Phase::root: r.kind = TableKind::root; break;
    case Phase::context: r.kind = TableKind::context; break;
    case Phase::pasid_directory: r.kind = TableKind::pasid_directory; break;
    case Phase::pasid_entry: r.kind = TableKind::pasid_entry; break;
    case Phase::first:
      r.kind = TableKind::first_stage, r.level = first_level_, r.input = request_->address.value;
      break;
    default:
      r.kind = TableKind::second_stage, r.level = second_level_, r.input = second_input_;
      r.for_table = purpose_ == Purpose::first_table;
  }
  return r;
}

std::uint64_t Walk::other_guess(std::span<const std::uint64_t> words) const {
  const std::uint64_t table = words[0] & address_mask;
  switch (phase_) {
    case Phase::root: return table + request_->requester.devfn() * 16u;
    case Phase::context:
      if (scalable_) return table;  // a PASID directory; word 1 has no address width
      return table + index_at(request_->address.value, std::min(static_cast<unsigned>(words[1] & 7) + 2, 5u)) * 8u;
    case Phase::first: return table + index_at(request_->address.value, first_level_ - 1) * 8u;  // level 0: within the page
    default: return table;
  }
}

void Walk::updated(bool matched) {
  if (!matched) return read(access_.address, 8);  // somebody else changed the entry: look again
  entry_ = access_.desired;
  phase_ == Phase::first ? first_continues() : second_updated();
}

R Walk::access_error() const {
  switch (phase_) {
    case Phase::root: return scalable_ ? R::sm_root_access : R::root_access;
    case Phase::context: return scalable_ ? R::sm_context_access : R::context_access;
    case Phase::pasid_directory: return R::pasid_directory_access;
    case Phase::pasid_entry: return R::pasid_entry_access;
    case Phase::first:
      return first_level_ == binding_->first_levels ? R::first_stage_top_access : R::first_stage_access;
    default:
      if (!scalable_) return R::table_access;
      return second_level_ == binding_->second_levels ? R::second_stage_top_access : R::second_stage_access;
  }
}

inline void Walk::on_root(std::span<const std::uint64_t> words) {
  const unsigned devfn = request_->requester.devfn();
  std::uint64_t table = 0;
  const R reason =
      decode_root(*features_, scalable_, scalable_ ? words.subspan(devfn >> 7, 1) : words, table);
  if (reason != R::none) return fail(reason);
  phase_ = Phase::context;
  scalable_ ? read(table + (devfn & 127) * 32u, 32) : read(table + devfn * 16u, 16);
}

inline void Walk::on_context(std::span<const std::uint64_t> words) {
  const R reason = scalable_ ? decode_scalable_context(*features_, words, context_)
                             : decode_legacy_context(*features_, words, context_);
  suppress_ = context_.suppress_faults;
  if (reason != R::none) return fail(reason);
  has_context_ = true;
  after_context();
}

void Walk::on_pasid_directory(std::uint64_t word) {
  suppress_ |= (word >> 1 & 1) != 0;
  std::uint64_t table = 0;
  if (const R reason = decode_pasid_directory(*features_, word, table); reason != R::none)
    return fail(reason);
  phase_ = Phase::pasid_entry;
  read(table + (pasid_ & 63) * 64u, 64);
}

void Walk::on_pasid_entry(std::span<const std::uint64_t> words) {
  own_binding_.suppress_faults = suppress_;
  const R reason = decode_pasid_entry(*features_, words, pasid_, own_binding_);
  suppress_ = binding_->suppress_faults;
  if (reason != R::none) return fail(reason);
  has_binding_ = true;
  ask_iotlb();
}

void Walk::feed(std::span<const std::uint64_t> words, bool ok) {
  if (!ok) return fail(access_error());
  if (phase_ == Phase::root) return on_root(words);
  if (phase_ == Phase::context) return on_context(words);
  feed_others(words);
}

void Walk::feed_others(std::span<const std::uint64_t> words) {
  switch (phase_) {
    case Phase::pasid_directory: return on_pasid_directory(words[0]);
    case Phase::pasid_entry: return on_pasid_entry(words);
    case Phase::first: return on_first(words[0]);
    case Phase::second: return on_second(words[0]);
    default: return;
  }
}

}  // namespace iov::iommu
