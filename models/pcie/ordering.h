// SPDX-License-Identifier: Apache-2.0
/// Which TLP may pass which: the ordering table, as rows.
///
/// Spec    PCIe Base 5.0 2.4.1, table 2-40.
/// Omits   IDO (the TLP carries no such bit); I/O and configuration write completions count as others.
#pragma once
#include <array>
#include <cstdint>

#include "models/protocol/tlp.h"

namespace iov::pcie {

enum class Passing : std::uint8_t {
  no,
  may,   ///< "Y/N": permitted, not required
  must,  ///< "Yes": must be able to, or the fabric can deadlock
};

enum class OrderClass : std::uint8_t { posted, read, non_posted_data, completion };

inline OrderClass order_class(const Tlp& tlp) {
  switch (tlp.fc()) {
    case FcClass::posted: return OrderClass::posted;
    case FcClass::completion: return OrderClass::completion;
    default: return tlp.has_data() ? OrderClass::non_posted_data : OrderClass::read;
  }
}

struct OrderCell {
  Passing strict;   ///< the later TLP has Relaxed Ordering clear
  Passing relaxed;  ///< ... set
};
/// [later][earlier]
inline constexpr std::array<std::array<OrderCell, 4>, 4> ordering_table{{
    // earlier:   posted                         read                           with data                      completion
    {{{Passing::no, Passing::may}, {Passing::must, Passing::must}, {Passing::must, Passing::must}, {Passing::may, Passing::may}}},
    {{{Passing::no, Passing::no}, {Passing::may, Passing::may}, {Passing::may, Passing::may}, {Passing::may, Passing::may}}},
    {{{Passing::no, Passing::may}, {Passing::may, Passing::may}, {Passing::may, Passing::may}, {Passing::may, Passing::may}}},
    {{{Passing::no, Passing::may}, {Passing::must, Passing::must}, {Passing::must, Passing::must}, {Passing::may, Passing::may}}},
}};

/// Completions of one read must stay in order (D5b).
inline bool same_transaction(const Tlp& a, const Tlp& b) { return a.requester == b.requester && a.tag == b.tag; }

inline Passing passing(const Tlp& later, const Tlp& earlier) {
  const OrderClass l = order_class(later), e = order_class(earlier);
  if (l == OrderClass::completion && e == OrderClass::completion && same_transaction(later, earlier))
    return Passing::no;
  const OrderCell& cell = ordering_table[static_cast<std::size_t>(l)][static_cast<std::size_t>(e)];
  return later.relaxed_ordering ? cell.relaxed : cell.strict;
}
inline bool may_pass(const Tlp& later, const Tlp& earlier) { return passing(later, earlier) != Passing::no; }

/// Whether the oldest TLP of `candidate` may leave before the older ones of the other classes. Lanes: a queue each, whose
/// items have a tlp and their age as order. The oldest of a class stands for all of it: the table looks at the class only.
template <class Lanes, class Lane>
bool ordered_to_go(const Lanes& lanes, const Lane& candidate) {
  const auto& head = candidate.queue.front();
  for (const Lane& other : lanes) {
    if (&other == &candidate || other.queue.empty()) continue;
    const auto& older = other.queue.front();
    if (older.order < head.order && !may_pass(head.tlp, older.tlp)) return false;
  }
  return true;
}

}  // namespace iov::pcie
