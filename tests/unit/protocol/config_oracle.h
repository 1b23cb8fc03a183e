// SPDX-License-Identifier: Apache-2.0
// A bit-level model of a configuration space written down from the specification, register by register and
// bit by bit, without the rows: what the property tests compare every access with.
#pragma once
#include <cctype>
#include <functional>
#include <string>
#include <vector>

namespace iov::config::samples {

/// One register: where, and its bits from the most significant one. Letters, each may carry a count ("w3" =
/// "www"):
///   .  no software write     w  RW          W  RW sticky    k  RW, kept by an FLR
///   c  RW1C                  C  RW1C sticky t  write 1 starts something, reads 0
///   h  changed by hardware   H  the same, sticky            K  the same, kept by an FLR
struct Expected {
  unsigned offset;
  const char* bits;
};

struct FieldRule {  ///< the field keeps its value when `legal(new value)` does not hold
  unsigned offset, lsb, width;
  std::function<bool(std::uint32_t)> legal;
};

class Oracle {
 public:
  std::vector<char> kind = std::vector<char>(4096 * 8, '.');
  std::vector<bool> value = std::vector<bool>(4096 * 8, false), at_reset;
  std::vector<FieldRule> rules;

  void add(const Expected& e, unsigned base) {
    std::string letters;
    for (const char* p = e.bits; *p != 0; ++p) {
      if (*p == ' ') continue;
      unsigned count = 0;
      const char letter = *p;
      while (std::isdigit(static_cast<unsigned char>(p[1])))
        count = count * 10 + static_cast<unsigned>(*++p - '0');
      letters.append(count == 0 ? 1 : count, letter);
    }
    const unsigned lowest = (base + e.offset) * 8;
    for (std::size_t i = 0; i < letters.size(); ++i) kind[lowest + letters.size() - 1 - i] = letters[i];
  }
  /// Takes the values after reset as given: the access rules are what is under test.
  template <class Space>
  void adopt(const Space& space) {
    for (unsigned bit = 0; bit < 4096 * 8; ++bit) value[bit] = space.read(bit / 8, 1) >> bit % 8 & 1;
    at_reset = value;
  }
  std::uint32_t field(unsigned offset, unsigned lsb, unsigned width) const {
    std::uint32_t v = 0;
    for (unsigned i = 0; i < width; ++i) v |= static_cast<std::uint32_t>(value[offset * 8 + lsb + i]) << i;
    return v;
  }
  std::uint32_t read(unsigned offset, unsigned width) const { return field(offset, 0, width * 8); }

  void write(unsigned offset, unsigned width, std::uint32_t written) {
    const std::vector<bool> before = value;
    for (unsigned i = 0; i < width * 8; ++i) {
      const unsigned bit = offset * 8 + i;
      const bool one = written >> i & 1;
      switch (kind[bit]) {
        case 'w':
        case 'W':
        case 'k': value[bit] = one; break;
        case 'c':
        case 'C':
          if (one) value[bit] = false;
          break;
        default: break;
      }
    }
    for (const FieldRule& rule : rules) {
      const unsigned first = rule.offset * 8 + rule.lsb;
      const std::uint32_t wanted = field(rule.offset, rule.lsb, rule.width);
      bool same = true;
      for (unsigned i = 0; i < rule.width; ++i) same &= value[first + i] == before[first + i];
      if (same) continue;
      const std::vector<bool> now = value;
      value = before;  // a rule asks for the state before the write
      const bool legal = rule.legal(wanted);
      value = now;
      for (unsigned i = 0; i < rule.width && !legal; ++i) value[first + i] = before[first + i];
    }
  }
  /// @param survives letters whose bits keep their value
  void reset(const std::string& survives) {
    for (unsigned bit = 0; bit < 4096 * 8; ++bit)
      if (survives.find(kind[bit]) == std::string::npos) value[bit] = at_reset[bit];
  }
};

}  // namespace iov::config::samples
