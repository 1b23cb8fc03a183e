// SPDX-License-Identifier: Apache-2.0
/// The one walker. Stats and invariants are found by visiting SystemC's own object tree; nothing
/// registers itself anywhere else.
#pragma once
#include <systemc>
#include <vector>

namespace iov {

/// Visits every T at or below `roots`, parents first, in construction order.
template <class T, class Visit>
void for_each(const std::vector<sc_core::sc_object*>& roots, Visit visit) {
  for (sc_core::sc_object* object : roots) {
    if (auto* match = dynamic_cast<T*>(object)) visit(*match);
    for_each<T>(object->get_child_objects(), visit);  // always descend, match or not
  }
}

template <class T, class Visit>
void for_each(Visit visit) {
  for_each<T>(sc_core::sc_get_top_level_objects(), visit);
}

}  // namespace iov
