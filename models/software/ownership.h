// SPDX-License-Identifier: Apache-2.0
/// Ownership -- which function of the host's devices belongs to whom. A mechanism.
///
/// Models  exclusive ownership by the host, a VM, a container or a process; a PF belongs whole to somebody else only
///         while nobody has one of its VFs, and its VFs are given away only while the PF is the host's.
#pragma once
#include <map>
#include <string>

#include "models/core/params.h"

namespace iov::software {

struct Owner {
  enum class Kind : std::uint8_t { host, vm, container, process };
  static constexpr Names<4> kind_names{"host", "vm", "container", "process"};
  Kind kind = Kind::vm;
  std::string name;
  std::string text() const { return std::string(kind_names[static_cast<std::size_t>(kind)]) + " " + name; }
  friend bool operator==(const Owner&, const Owner&) = default;
};

/// PF number `pf` of the host, in the order of the scan; `vf` counts from 1, 0 is the PF itself.
struct FunctionName {
  unsigned pf = 0, vf = 0;
  friend auto operator<=>(const FunctionName&, const FunctionName&) = default;
};

class Ownership {
 public:
  /// @returns why not; empty when the function is the owner's (now or already)
  std::string claim(const FunctionName& function, const Owner& owner) {
    if (const Owner* has = owner_of(function); has && !(*has == owner)) return "it belongs to " + has->text();
    const bool pf_away = function.vf == 0 && owner.kind != Owner::Kind::host;
    if (pf_away && vf_in_use(function.pf)) return "VF " + std::to_string(vf_in_use(function.pf)) + " is in use";
    if (const Owner* pf = owner_of({function.pf, 0}); function.vf != 0 && pf && pf->kind != Owner::Kind::host)
      return "the whole device belongs to " + pf->text();
    owners_.emplace(function, owner);
    return {};
  }
  bool release(const FunctionName& function) { return owners_.erase(function) != 0; }
  const Owner* owner_of(const FunctionName& function) const {
    const auto found = owners_.find(function);
    return found == owners_.end() ? nullptr : &found->second;
  }
  /// The lowest VF of a PF that belongs to somebody; 0: none.
  unsigned vf_in_use(unsigned pf) const {
    const auto first = owners_.lower_bound({pf, 1});
    return first == owners_.end() || first->first.pf != pf ? 0 : first->first.vf;
  }
  const std::map<FunctionName, Owner>& all() const { return owners_; }

 private:
  std::map<FunctionName, Owner> owners_;
};

}  // namespace iov::software
