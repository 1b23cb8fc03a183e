// SPDX-License-Identifier: Apache-2.0
#include "models/software/pci_placement.h"

#include <algorithm>
#include <cstdio>

namespace iov::software {

namespace {

constexpr std::uint64_t rounded(std::uint64_t n, std::uint64_t unit) { return (n + unit - 1) / unit * unit; }

struct Extent {
  std::uint64_t bytes = 0, align = 1;
};
struct Item {
  Extent range;
  std::uint64_t* address = nullptr;  ///< of a BAR; null: the window of `bridge`
  unsigned bridge = 0;
};

std::string name_of(RequesterId id) {
  char text[16];
  std::snprintf(text, sizeof text, "%02x:%02x.%x", id.bus(), id.devfn() >> 3, id.devfn() & 7u);
  return text;
}

class Placer {
 public:
  Placer(PciTree& tree, const PciPolicy& policy, bool with_vfs) : tree_(tree), page_(policy.system_page.count), with_vfs_(with_vfs) {}

  /// Places what is below `bridge` (no_parent: on bus 0) from `base` on. @returns the end
  std::uint64_t place(unsigned bridge, std::uint64_t base) {
    std::uint64_t next = base;
    for (const Item& item : items_below(bridge)) {
      next = rounded(next, item.range.align);
      if (item.address) {
        *item.address = next;
        next += item.range.bytes;
      } else {
        const std::uint64_t end = rounded(place(item.bridge, next), config::BridgeWindow::unit);
        tree_.functions[item.bridge].window = {next, end - 1};
        next = end;
      }
    }
    return next;
  }

 private:
  /// Largest first: power-of-two sizes then leave no gaps.
  std::vector<Item> items_below(unsigned bridge) {
    std::vector<Item> items;
    for (unsigned i = 0; i < tree_.functions.size(); ++i) {
      PciFunction& f = tree_.functions[i];
      if (f.parent != bridge) continue;
      for (PciBar& bar : f.bars)
        if (fits(bar)) items.push_back({{bar.bytes, bar.bytes}, &bar.address, 0});
      for (unsigned b = 0; with_vfs_ && b < f.vf_bars.size(); ++b)
        if (fits(f.vf_bars[b])) {
          const std::uint64_t each = f.vf_aperture(b, page_);
          items.push_back({{each * f.total_vfs, each}, &f.vf_bars[b].address, 0});
        }
      if (f.bridge) {
        const Extent range = size_of(i);
        if (range.bytes != 0) items.push_back({range, nullptr, i});
      }
    }
    std::stable_sort(items.begin(), items.end(),
                     [](const Item& a, const Item& b) { return a.range.align > b.range.align; });
    return items;
  }
  static bool fits(const PciBar& bar) { return bar.bytes != 0 && bar.wide && bar.prefetchable; }

  Extent size_of(unsigned bridge) {
    Extent all{0, config::BridgeWindow::unit};
    for (const Item& item : items_below(bridge)) {
      all.align = std::max(all.align, item.range.align);
      all.bytes = rounded(all.bytes, item.range.align) + item.range.bytes;
    }
    all.bytes = rounded(all.bytes, config::BridgeWindow::unit);
    return all;
  }
  PciTree& tree_;
  const std::uint64_t page_;
  const bool with_vfs_;
};

void forget_addresses(PciTree& tree) {
  for (PciFunction& f : tree.functions) {
    f.window = {};
    for (PciBars* bars : {&f.bars, &f.vf_bars})
      for (PciBar& bar : *bars) bar.address = 0;
  }
}

}  // namespace

void place_bars(PciTree& tree, std::uint64_t first, const PciPolicy& policy) {
  const std::uint64_t end = first + policy.mmio_window.count;
  for (const PciFunction& f : tree.functions)
    for (const PciBar& bar : f.bars)
      if (bar.bytes != 0 && !(bar.wide && bar.prefetchable))
        tree.problems.push_back(name_of(f.id) + ": a BAR that is not 64-bit prefetchable gets no address");
  if (Placer(tree, policy, true).place(PciFunction::no_parent, first) <= end) return;
  forget_addresses(tree);
  if (Placer(tree, policy, false).place(PciFunction::no_parent, first) <= end) {
    tree.problems.emplace_back("not enough MMIO space for the BARs of all VFs");
    return;
  }
  forget_addresses(tree);
  tree.problems.emplace_back("not enough MMIO space for the BARs of the PFs");
}

}  // namespace iov::software
