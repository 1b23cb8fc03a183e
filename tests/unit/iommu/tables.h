// SPDX-License-Identifier: Apache-2.0
/// Sparse 64-bit words as memory for time-free walks, and the straightforward walk that is their oracle:
/// written from the tables of the specification, without the state machine, caches or shared code of Walk.
#pragma once
#include <catch2/catch.hpp>
#include <optional>
#include <unordered_map>

#include "models/core/random.h"
#include "models/iommu/resolve.h"
#include "models/protocol/interrupt.h"
#include "models/protocol/vtd.h"

namespace tables {
using namespace iov;
using namespace iov::iommu;
using u64 = std::uint64_t;

struct Words {
  std::unordered_map<u64, u64> at;
  u64 limit = u64{1} << 40;
  u64 get(u64 a) const {
    const auto it = at.find(a);
    return it == at.end() ? 0 : it->second;
  }
  void put(u64 a, const vtd::Pair& p) { at[a] = p.lo, at[a + 8] = p.hi; }
  bool read(u64 a, std::span<u64> words) {
    if (a >= limit) return false;
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = get(a + 8 * i);
    return true;
  }
  void write(u64 a, u64 v) { at[a] = v; }
  TableMemory memory() { return {bind<&Words::read>(this), bind<&Words::write>(this)}; }
};

inline TranslationRequest request(std::uint16_t rid, u64 address, Access access,
                                  AddressType at = AddressType::untranslated) {
  TranslationRequest q;
  q.requester.value = rid;
  q.address = Iova(address);
  q.access = access;
  q.at = at;
  return q;
}

/// What a walk should say: a host address, or a reason.
struct Verdict {
  int reason = 0;
  u64 host = 0;
  unsigned log2 = 12;
  bool snoop = false;
};

struct Oracle {
  const Words& words;
  const Features& f;

  static u64 bits(u64 v, unsigned hi, unsigned lo) { return v << (63 - hi) >> (63 - hi + lo); }
  u64 frame(u64 e) const { return bits(e, 51, 12) << 12; }
  bool too_wide(u64 a) const { return a >= u64{1} << f.host_address_bits; }

  /// Second stage; `write` and `read` are what is needed. Reasons of legacy mode, or of scalable mode.
  Verdict second(u64 table, unsigned levels, u64 in, bool read, bool write, bool scalable,
                 int denied_read) const {
    if (levels < 6 && in >= u64{1} << (12 + 9 * levels))
      return {scalable ? (denied_read ? 0x74 : 0x84) : 4, 0, 0};
    bool r = true, w = true;
    for (unsigned level = levels; level >= 1; --level) {
      const unsigned shift = 3 + 9 * level;
      const u64 at = table + bits(in, shift + 8, shift) * 8;
      if (at >= words.limit) return {scalable ? (level == levels ? 0x7b : 0x78) : 7, 0, 0};
      const u64 e = words.get(at);
      r = r && bits(e, 0, 0), w = w && bits(e, 1, 1);
      if ((read && !r) || (write && !w)) {
        if (scalable && !r && !w) return {0x79, 0, 0};
        if (denied_read) return {denied_read, 0, 0};
        return {(scalable ? 0x80 : 0) + (write ? 5 : 6), 0, 0};
      }
      const bool leaf = level == 1 || (level < 4 && bits(e, 7, 7));
      const int reserved = scalable ? 0x7a : 0x0c;
      if (too_wide(frame(e)) || (bits(e, 11, 11) && !(leaf && f.snoop_control))) return {reserved, 0, 0};
      if (bits(e, 62, 62) && !(leaf && f.device_tlb)) return {reserved, 0, 0};
      if (level > 3 && bits(e, 7, 7)) return {reserved, 0, 0};
      if (!leaf) {
        table = frame(e);
        continue;
      }
      if ((level == 2 && !f.page_2m) || (level == 3 && !f.page_1g)) return {reserved, 0, 0};
      if (level > 1 && bits(e, shift - 1, 12)) return {reserved, 0, 0};
      return {0, (frame(e) >> shift << shift) | bits(in, shift - 1, 0), shift, bits(e, 11, 11) != 0};
    }
    return {};
  }
};

}  // namespace tables
