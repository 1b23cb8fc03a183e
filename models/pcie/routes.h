// SPDX-License-Identifier: Apache-2.0
/// Routes -- which root port leads to an address or a requester ID. A mechanism.
///
/// Spec    PCIe Base 5.0 2.2.4 (address and ID routing), 7.5.1.3 (windows and bus numbers of the root ports, from
///         which these ranges are made).
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "models/core/address.h"
#include "models/pcie/bridge.h"

namespace iov::pcie {

class Routes {
 public:
  static constexpr unsigned nowhere = ~0u;

  void clear() { addresses_.clear(), ids_.clear(); }
  /// What lies behind a root port.
  void add(const Bridge& bridge, unsigned port) {
    for (const config::BridgeWindow& w : {bridge.memory(), bridge.prefetchable()})
      insert(addresses_, {w.first, w.last, port});
    insert(ids_, {bridge.ids().first, bridge.ids().second, port});
  }

  unsigned port_of(Hpa address) const { return find(addresses_, address.value); }
  unsigned port_of(RequesterId id) const { return find(ids_, id.value); }

 private:
  struct Span {
    std::uint64_t first, last;
    unsigned port;
  };
  /// Of windows that overlap, a mistake of software, the one that begins last before an address gets it.
  static void insert(std::vector<Span>& spans, const Span& span) {
    if (span.first > span.last) return;
    spans.insert(std::upper_bound(spans.begin(), spans.end(), span, by_first), span);
  }
  static bool by_first(const Span& a, const Span& b) { return a.first < b.first; }
  static unsigned find(const std::vector<Span>& spans, std::uint64_t key) {
    if (spans.empty() || key < spans.front().first || key > spans.back().last) return nowhere;
    const auto above = std::upper_bound(spans.begin(), spans.end(), Span{key, key, 0}, by_first);
    const Span& below = *(above - 1);
    return key <= below.last ? below.port : nowhere;
  }
  std::vector<Span> addresses_, ids_;  ///< ascending
};

}  // namespace iov::pcie
