// SPDX-License-Identifier: Apache-2.0
/// The straightforward walk of scalable mode: recursive, on its own copy of memory, which afterwards also
/// shows which accessed and dirty bits should be set.
#pragma once
#include "tests/unit/iommu/tables.h"

namespace tables {

struct AddressSpace {  ///< a PASID table entry, in plain words
  bool first = false, second = false;
  unsigned first_levels = 4, second_levels = 4;
  u64 first_table = 0, second_table = 0;
  bool second_dirty = false, no_execute = false, execute_requests = false, extended = false, snoop = false;
};

struct ScalableOracle {
  Words words;  // a copy: accessed and dirty bits are set in it
  const Features& f;
  AddressSpace s;
  TranslationRequest q;

  struct Fault {
    int reason;
    bool denial;  ///< for a translation request: "not present", not a fault
  };
  static u64 bits(u64 v, unsigned hi, unsigned lo) { return v << (63 - hi) >> (63 - hi + lo); }
  static u64 frame(u64 e) { return bits(e, 51, 12) << 12; }
  bool ats() const { return q.at == AddressType::translation_request; }
  bool writes() const { return q.access == Access::write; }

  struct Second {
    u64 host;
    unsigned shift;
    bool read, write, dirty, snoop;
  };
  Second second(u64 in, bool for_table, bool top, bool first_writable) {
    if (in >= u64{1} << (12 + 9 * s.second_levels)) throw Fault{for_table ? 0x74 : 0x84, true};
    Second out{0, 0, true, true, false, false};
    u64 table = s.second_table;
    for (unsigned level = s.second_levels;; --level) {
      const unsigned shift = 3 + 9 * level;
      const u64 slot = table + bits(in, shift + 8, shift) * 8;
      if (slot >= words.limit) throw Fault{level == s.second_levels ? 0x7b : 0x78, false};
      const u64 e = words.get(slot);
      out.read &= bits(e, 0, 0) != 0, out.write &= bits(e, 1, 1) != 0;
      const bool enough = for_table  ? out.read
                          : ats()    ? out.read || out.write
                          : writes() ? out.write
                                     : out.read;
      if (!enough) {
        if (!out.read && !out.write) throw Fault{0x79, true};
        if (for_table) throw Fault{top ? 0x75 : 0x76, true};
        throw Fault{writes() ? 0x85 : 0x86, true};
      }
      const bool leaf = level == 1 || (level < 4 && bits(e, 7, 7));
      const bool large = level > 1 && bits(e, 7, 7);
      const bool bad_size = large && (level > 3 || (level == 2 && !f.page_2m) || (level == 3 && !f.page_1g) ||
                                      bits(e, shift - 1, 12));
      if (bits(e, 51, f.host_address_bits) || (bits(e, 11, 11) && !(leaf && f.snoop_control)) || bad_size ||
          (bits(e, 62, 62) && !(leaf && f.device_tlb)))
        throw Fault{0x7a, false};
      u64 now = e;
      if (s.second_dirty) {
        now |= 1 << 8;
        const bool wants = writes() || (ats() && !q.no_write && out.write && first_writable);
        if (leaf && !for_table && wants) now |= 1 << 9;
        words.at[slot] = now;
      }
      table = frame(now);
      if (!leaf) continue;
      out.shift = shift;
      out.host = (table >> shift << shift) | bits(in, shift - 1, 0);
      out.dirty = !s.second_dirty || bits(now, 9, 9);
      out.snoop = bits(now, 11, 11);
      return out;
    }
  }

  Mapping walk() {
    const u64 in = q.address.value;
    if (!s.first && !s.second) {  // pass-through
      if (in >> f.host_address_bits != 0) throw Fault{0x83, true};
      return finish({in, 12, true, true, true, false}, 12, true, true, true, false);
    }
    if (!s.first) return finish(second(in, false, false, true), 64, true, true, true, false);
    const unsigned sign = s.first_levels == 5 ? 56 : 47;
    if (bits(in, 63, sign) != 0 && bits(in, 63, sign) != bits(~u64{0}, 63, sign)) throw Fault{0x80, true};
    if (q.access == Access::execute && !s.execute_requests) throw Fault{0x5c, false};
    bool writable = true, user = true, executable = true;
    u64 table = s.first_table;
    for (unsigned level = s.first_levels;; --level) {
      const unsigned shift = 3 + 9 * level;
      u64 slot = table + bits(in, shift + 8, shift) * 8;
      bool slot_writable = true;
      if (s.second) {
        const Second at = second(slot, true, level == s.first_levels, false);
        slot = at.host, slot_writable = at.write;
      }
      if (slot >= words.limit) throw Fault{level == s.first_levels ? 0x73 : 0x70, false};
      const u64 e = words.get(slot);
      if (!bits(e, 0, 0)) throw Fault{0x71, true};
      const bool leaf = level == 1 || (level < 4 && bits(e, 7, 7));
      if ((!s.second && bits(e, 51, f.host_address_bits)) || (bits(e, 63, 63) && !s.no_execute) ||
          (level > 3 && bits(e, 7, 7)) || (level == 3 && leaf && !f.page_1g) ||
          (leaf && level > 1 && bits(e, shift - 1, 13)))
        throw Fault{0x72, false};
      writable &= bits(e, 1, 1) != 0, user &= bits(e, 2, 2) != 0, executable &= !bits(e, 63, 63);
      if (leaf && !user) throw Fault{0x81, true};
      if (leaf && !ats() && writes() && !writable) throw Fault{0x85, true};
      if (leaf && !ats() && q.access == Access::execute && !executable) throw Fault{0x82, true};
      u64 now = e | 1 << 5 | (s.extended ? 1 << 10 : 0);
      if (leaf && (writes() || (ats() && !q.no_write && writable))) now |= 1 << 6;
      if (now != e && !slot_writable) throw Fault{0x77, false};
      words.at[slot] = now;
      table = frame(now);
      if (!leaf) continue;
      const u64 page = (table >> shift << shift) | bits(in, shift - 1, 0);
      const bool dirty = bits(now, 6, 6);
      if (s.second) return finish(second(page, false, false, writable), shift, writable, dirty, executable, s.snoop);
      return finish({page, shift, true, true, true, false}, shift, writable, dirty, executable, s.snoop);
    }
  }
  static Mapping finish(const Second& at, unsigned shift, bool writable, bool dirty, bool executable, bool snoop) {
    Mapping m;
    m.log2_page = static_cast<std::uint8_t>(std::min(at.shift, shift));
    m.page = at.host >> m.log2_page << m.log2_page;
    m.read = at.read, m.write = at.write && writable, m.execute = executable;
    m.dirty = at.dirty && dirty;
    m.snoop = at.snoop || snoop;
    return m;
  }
};

}  // namespace tables
