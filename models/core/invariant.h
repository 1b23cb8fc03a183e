// SPDX-License-Identifier: Apache-2.0
/// Invariants. Declared next to the state they speak about, audited in tests and in experiments
/// alike: `always` at every checkpoint, `at_rest` also once traffic has drained.
#pragma once
#include <functional>
#include <string>
#include <systemc>

#include "models/core/sim_error.h"
#include "models/core/tree.h"
#include "models/core/units.h"

namespace iov {

class Invariant : public sc_core::sc_object {
 public:
  enum When { always, at_rest };
  /// @param holds  returns an empty string when the claim holds, else what was seen
  Invariant(const char* object_name, When checked, const char* sentence, std::function<std::string()> holds)
      : sc_object(object_name), when(checked), claim(sentence), holds_(std::move(holds)) {}
  /// @throws InvariantBroken naming the invariant, its claim, the time and what was seen
  void audit(const Time& now) const {
    if (const std::string seen = holds_(); !seen.empty())
      throw InvariantBroken(now, name(), "invariant broken: " + std::string(claim) + " (" + seen + ")");
  }
  const When when;
  const char* const claim;

 private:
  std::function<std::string()> holds_;
};

/// Audits every invariant of the tree; `at_rest` includes the `always` ones.
inline void audit(Invariant::When which, const Time& now) {
  for_each<Invariant>([&](Invariant& i) {
    if (i.when <= which) i.audit(now);
  });
}

}  // namespace iov
