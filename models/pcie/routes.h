// SPDX-License-Identifier: Apache-2.0
/// Routes -- which root port leads to an address or a requester ID. A mechanism.
///
/// Spec    PCIe Base 5.0 2.2.4 (address and ID routing), 7.5.1.3 (base/limit and bus-number registers of a
///         root port, which these ranges stand for).
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "models/core/address.h"

namespace iov::pcie {

class Routes {
 public:
  static constexpr unsigned nowhere = ~0u;

  void map_bar(Hpa base, std::uint64_t bytes, unsigned port) { insert(bars_, {base.value, base.value + (bytes - 1), port}); }
  void route_ids(RequesterId first, RequesterId last, unsigned port) { insert(ids_, {first.value, last.value, port}); }

  unsigned port_of(Hpa address) const { return find(bars_, address.value); }
  unsigned port_of(RequesterId id) const { return find(ids_, id.value); }
  bool overlaps(Hpa base, std::uint64_t bytes) const {
    return std::any_of(bars_.begin(), bars_.end(), [&](const Span& s) {
      return base.value <= s.last && s.first <= base.value + (bytes - 1);
    });
  }

 private:
  struct Span {
    std::uint64_t first, last;
    unsigned port;
  };
  static void insert(std::vector<Span>& spans, const Span& span) {
    spans.insert(std::upper_bound(spans.begin(), spans.end(), span, by_first), span);
  }
  static bool by_first(const Span& a, const Span& b) { return a.first < b.first; }
  static unsigned find(const std::vector<Span>& spans, std::uint64_t key) {
    if (spans.empty() || key < spans.front().first || key > spans.back().last) return nowhere;
    const auto above = std::upper_bound(spans.begin(), spans.end(), Span{key, key, 0}, by_first);
    const Span& below = *(above - 1);
    return key <= below.last ? below.port : nowhere;
  }
  std::vector<Span> bars_, ids_;  ///< ascending, disjoint
};

}  // namespace iov::pcie
