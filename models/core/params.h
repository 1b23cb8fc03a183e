// SPDX-License-Identifier: Apache-2.0
/// How a params struct describes itself -- once. The JSON reader, the effective-config writer and
/// `iovsim describe` are visitors of that one description. No JSON in models/.
///
/// A params struct provides   template <class V> void describe(V& v);
/// and a visitor V provides
///   v.field(key, value&, Range, meaning, source)    a number, time, size, rate
///   v.flag(key, bool&, meaning, source)
///   v.choice(key, value&, names, meaning, source)   an enum; names[i] is the JSON spelling of i
///   v.text(key, string&, meaning, source)
///   v.file(key, string&, meaning, source)           the name of a file that the simulation reads
///   v.group(key, nested&, meaning)                  one level deeper in the path
///   v.require(bool, message)                        a rule between fields
///   v.silent(bool, key, other, value)               when it holds, `key` says nothing because `other` is `value`
/// `source` says where the default comes from; `no_source` when nothing was published.
#pragma once
#include <array>
#include <cstddef>

namespace iov {

template <class T>
struct Range {  ///< inclusive on both ends
  T lo, hi;
  const char* unit = "1";  ///< of a plain number; what has a type of its own (Time, Bytes, ...) has the units of that
  bool holds(const T& v) const { return !(v < lo) && !(hi < v); }
};

inline constexpr const char* no_source = "no published source: a design choice, sweep it";

template <std::size_t N>
using Names = std::array<const char*, N>;

}  // namespace iov
