// SPDX-License-Identifier: Apache-2.0
/// TranslationAudit -- an independent witness. It keeps every finished translation without bound, applies
/// invalidations by brute force, and objects when the IOMMU grants what it has not witnessed (isolation)
/// or what an invalidation should have removed (freshness). Slow; switched on by Params::audit.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "models/iommu/iotlb.h"

namespace iov::iommu {

class TranslationAudit {
 public:
  /// A walk granted `found`; `confirmed`: repeating it without caches, before or after, says the same.
  void walked(const Binding& b, std::uint64_t address, const Mapping& found, bool cached, bool confirmed);
  /// The IOTLB answered with this.
  void hit(const Binding& b, std::uint64_t address, const Mapping& m);
  void invalidated(const IotlbInvalidation& what);
  const std::string& finding() const { return finding_; }  ///< empty: nothing to object to
  std::uint64_t checks() const { return checks_; }

  static bool same(const Mapping& a, const Mapping& b) {
    return a.page == b.page && a.log2_page == b.log2_page && a.read == b.read && a.write == b.write &&
           a.execute == b.execute && a.snoop == b.snoop;
  }

 private:
  struct KeyHash {
    std::size_t operator()(const IotlbKey& k) const { return k.hash() * 0x9e3779b97f4a7c15ull; }
  };
  void object(const char* what, const IotlbKey& key, const Mapping& m);
  std::unordered_map<IotlbKey, Mapping, KeyHash> witnessed_, removed_;
  std::string finding_;
  std::uint64_t checks_ = 0;
};

}  // namespace iov::iommu
