// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/resolve.h"

#include "models/iommu/judge.h"

namespace iov::iommu {

using Outcome = TranslationReply::Outcome;

TranslationReply granted(const Mapping& m, const TranslationRequest& q) {
  TranslationReply r;
  const bool ats = q.at == AddressType::translation_request;
  r.readable = m.read;
  r.writable = m.write && (!ats || m.dirty);  // a device may write only where the dirty bit is already set
  if (ats && !r.readable && !r.writable) return absent();
  r.executable = m.execute && q.pasid.present();
  r.global = m.global;
  r.snooped = m.snoop;
  r.log2_page = m.log2_page;
  r.address = Hpa(host_address(m, q.address.value));
  return r;
}

TranslationReply absent() {
  TranslationReply r;
  r.outcome = Outcome::not_present;
  r.readable = r.writable = false;
  return r;
}

namespace {
/// Translation requests: which faults are answered Completer Abort, the rest Unsupported Request (7.1.3).
bool aborts(FaultReason reason) {
  using R = FaultReason;
  switch (reason) {
    case R::root_access:
    case R::context_access:
    case R::root_reserved:
    case R::context_reserved:
    case R::context_invalid:
    case R::table_access:
    case R::entry_reserved:
    case R::sm_root_access:
    case R::sm_root_reserved:
    case R::sm_context_access:
    case R::sm_context_reserved:
    case R::sm_context_invalid:
    case R::pasid_directory_access:
    case R::pasid_directory_reserved:
    case R::pasid_entry_access:
    case R::pasid_entry_reserved:
    case R::pasid_entry_invalid:
    case R::first_stage_access:
    case R::first_stage_top_access:
    case R::first_stage_reserved:
    case R::first_stage_update:
    case R::second_stage_access:
    case R::second_stage_top_access:
    case R::second_stage_reserved: return true;
    default: return false;
  }
}
}  // namespace

TranslationReply refused(FaultReason reason, const TranslationRequest& q) {
  TranslationReply r = absent();
  r.outcome = q.at == AddressType::translation_request && aborts(reason) ? Outcome::abort : Outcome::blocked;
  r.fault_reason = static_cast<std::uint8_t>(reason);
  return r;
}

FaultReason check_input(const TableRoot& root, const TranslationRequest& q) {
  if (!is_interrupt_address(q.address.value)) return FaultReason::none;
  return root.mode == TableRoot::Mode::scalable ? FaultReason::sm_interrupt_range
                                                : FaultReason::interrupt_range;
}

TranslationReply resolve(const Features& features, const TableRoot& root, const TranslationRequest& q,
                         const TableMemory& memory, Walk& walk) {
  if (!root.enabled && q.at == AddressType::translation_request) return refused(FaultReason::none, q);
  if (const FaultReason reason = check_input(root, q); reason != FaultReason::none) return refused(reason, q);
  if (!root.enabled) return granted(identity(q.address.value), q);
  walk.start(features, root, q, nullptr);
  while (!walk.done()) {
    const Walk::Access64 wanted = walk.wanted();
    std::array<std::uint64_t, 8> words{};
    const std::span<std::uint64_t> bytes(words.data(), wanted.bytes / 8);
    if (!wanted.update) {
      TableRead entry = walk.reading();
      entry.readable = memory.read(wanted.address, bytes);
      entry.words = bytes;
      if (memory.observe) memory.observe(entry);
      walk.feed(bytes, entry.readable);
      continue;
    }
    if (memory.write) memory.write(wanted.address, wanted.desired);
    walk.updated(true);
  }
  if (walk.not_present()) return absent();
  return walk.fault() == FaultReason::none ? granted(walk.mapping(), q) : refused(walk.fault(), q);
}

}  // namespace iov::iommu
