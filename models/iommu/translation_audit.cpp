// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/translation_audit.h"

#include <sstream>

namespace iov::iommu {

namespace {
IotlbKey key_of(const Binding& b, std::uint64_t address, const Mapping& m) {
  return {address >> m.log2_page, space_of(b.tag, b.domain.value), m.log2_page};
}
}  // namespace

void TranslationAudit::object(const char* what, const IotlbKey& key, const Mapping& m) {
  if (!finding_.empty()) return;  // the first one is the cause
  std::ostringstream text;
  text << what << ": domain " << key.domain().value << " address 0x" << std::hex
       << (key.page << key.log2_page()) << " -> 0x" << m.page;
  finding_ = text.str();
}

void TranslationAudit::walked(const Binding& b, std::uint64_t address, const Mapping& found, bool cached,
                              bool confirmed) {
  ++checks_;
  const IotlbKey key = key_of(b, address, found);
  if (!confirmed) object("isolation: a walk granted what the tables do not say", key, found);
  if (!cached) return;
  witnessed_[key] = found;
  removed_.erase(key);
}

void TranslationAudit::hit(const Binding& b, std::uint64_t address, const Mapping& m) {
  ++checks_;
  const IotlbKey key = key_of(b, address, m);
  const auto known = witnessed_.find(key);
  if (known != witnessed_.end() && same(known->second, m)) return;
  const auto gone = removed_.find(key);
  if (gone != removed_.end() && same(gone->second, m))
    return object("freshness: a translation was used after its invalidation", key, m);
  object("isolation: the IOTLB granted what no walk found", key, m);
}

void TranslationAudit::invalidated(const IotlbInvalidation& what) {
  for (auto it = witnessed_.begin(); it != witnessed_.end();) {
    const auto& [key, m] = *it;
    if (what.covers(key.domain(), key.tag(), m.nested, m.global, key.page << key.log2_page(),
                    key.log2_page())) {
      removed_[key] = m;
      it = witnessed_.erase(it);
    } else {
      ++it;
    }
  }
}

}  // namespace iov::iommu
