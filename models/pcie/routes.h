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

  void clear() { addresses_ = {}, ids_ = {}; }
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
  struct Table {
    std::uint64_t first = 1, last = 0;  ///< outside there is nothing: what DMA to memory is told without a search
    std::vector<Span> spans;            ///< ascending
  };
  /// Of windows that overlap, a mistake of software, the one that begins last before an address gets it.
  static void insert(Table& table, const Span& span) {
    if (span.first > span.last) return;
    table.spans.insert(std::upper_bound(table.spans.begin(), table.spans.end(), span, by_first), span);
    table.first = table.spans.front().first, table.last = table.spans.back().last;
  }
  static bool by_first(const Span& a, const Span& b) { return a.first < b.first; }
  static unsigned find(const Table& table, std::uint64_t key) {
    return key < table.first || key > table.last ? nowhere : search(table.spans, key);
  }
  [[gnu::noinline]] static unsigned search(const std::vector<Span>& spans, std::uint64_t key) {
    const auto above = std::upper_bound(spans.begin(), spans.end(), Span{key, key, 0}, by_first);
    const Span& below = *(above - 1);
    return key <= below.last ? below.port : nowhere;
  }
  Table addresses_, ids_;
};

}  // namespace iov::pcie
