// SPDX-License-Identifier: Apache-2.0
/// The visitors of a params struct (models/core/params.h): read it from JSON, write it as JSON, document it, find what of it says
/// nothing.
///
/// JsonReader  collects every problem it meets and leaves the default in place; it never throws.
///             A scalar may be written {"value": ..., "source": "..."}; "description", "source" and
///             "comment" are allowed beside the parameters of any object and ignored.
#pragma once
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "models/core/params.h"
#include "platforms/problem.h"
#include "platforms/quantity.h"

namespace iov::platform {

/// Keys that document a file and configure nothing.
bool is_remark(const std::string& key);

class JsonReader {
 public:
  JsonReader(const nlohmann::json& given, ProblemSink& problems);

  template <class Params>
  void read(Params& params) {
    params.describe(*this);
    finish();
  }

  template <class T>
  void field(const char* key, T& value, const Range<std::type_identity_t<T>>& range, const char*, const char*) {
    WideType<T> read{};
    if (read_number<WideType<T>>(key, read, widened(range.lo), widened(range.hi))) value = static_cast<T>(read);
  }
  void flag(const char* key, bool& value, const char* meaning, const char* source);
  template <class E, std::size_t N>
  void choice(const char* key, E& value, const Names<N>& names, const char*, const char*) {
    std::size_t index = static_cast<std::size_t>(value);
    if (read_choice(key, names, index)) value = static_cast<E>(index);
  }
  void text(const char* key, std::string& value, const char* meaning, const char* source);
  void file(const char* key, std::string& value, const char* meaning, const char* source) { text(key, value, meaning, source); }
  template <class Nested>
  void group(const char* key, Nested& nested, const char*) {
    enter(key);
    nested.describe(*this);
    leave();
  }
  /// A rule between fields says nothing about values that could not be read.
  void require(bool holds, const std::string& message);
  void silent(bool, const char*, const char*, const char*) {}

 private:
  struct Level {  ///< one object on the way down
    const nlohmann::json* given;  ///< null: absent, every parameter keeps its default
    std::string path;
    std::vector<std::string> known;
    std::size_t problems_before;
  };
  const nlohmann::json* take(const char* key);
  void report(const std::string& key, const std::string& what);
  /// For every wide type; elsewhere, for every parameter of every kind compiles its call of it.
  template <class W>
  bool read_number(const char* key, W& value, const W& lo, const W& hi);
  bool read_choice(const char* key, std::span<const char* const> names, std::size_t& index);
  void enter(const char* key);
  void leave();
  void finish();  ///< reports the keys that nobody asked for

  ProblemSink& problems_;
  std::vector<Level> levels_;
};

/// The effective configuration: every parameter, defaults included.
class JsonWriter {
 public:
  template <class Params>
  static nlohmann::json write(Params params) {
    JsonWriter writer;
    params.describe(writer);
    return std::move(writer.out_);
  }

  template <class T>
  void field(const char* key, T& value, const Range<std::type_identity_t<T>>&, const char*, const char*) {
    put_number<WideType<T>>(key, widened(value));
  }
  void flag(const char* key, bool& value, const char* meaning, const char* source);
  template <class E, std::size_t N>
  void choice(const char* key, E& value, const Names<N>& names, const char*, const char*) {
    put_text(key, names.at(static_cast<std::size_t>(value)));
  }
  void text(const char* key, std::string& value, const char*, const char*) { put_text(key, value); }
  void file(const char* key, std::string& value, const char*, const char*) { put_text(key, value); }
  template <class Nested>
  void group(const char* key, Nested& nested, const char*) {
    const Within within(*this, key);
    nested.describe(*this);
  }
  void require(bool, const std::string&) {}
  void silent(bool, const char*, const char*, const char*) {}

 private:
  struct Within {  ///< one level deeper
    Within(JsonWriter& writer, const char* key);
    ~Within();
    JsonWriter& writer;
    nlohmann::json* above;
  };
  JsonWriter();
  template <class W>
  void put_number(const char* key, const W& value);
  void put_text(const char* key, const std::string& value);

  nlohmann::json out_;
  nlohmann::json* here_ = &out_;  ///< the object whose members are written
};

struct ParamDoc {  ///< one parameter, as `iovsim describe` shows it
  std::string name, type, units, range, default_value, meaning, source;
};

class ParamsDoc {
 public:
  template <class Params>
  static std::vector<ParamDoc> of(Params params) {
    ParamsDoc doc;
    params.describe(doc);
    return std::move(doc.rows_);
  }

  template <class T>
  void field(const char* key, T& value, const Range<std::type_identity_t<T>>& range, const char* meaning,
             const char* source) {
    TypeName type = type_name<T>();
    if constexpr (std::is_arithmetic_v<T>) type.units = range.unit;
    add_number<WideType<T>>(key, type, widened(range.lo), widened(range.hi), widened(value), meaning, source);
  }
  void flag(const char* key, bool& value, const char* meaning, const char* source);
  template <class E, std::size_t N>
  void choice(const char* key, E& value, const Names<N>& names, const char* meaning, const char* source) {
    add_choice(key, names, static_cast<std::size_t>(value), meaning, source);
  }
  void text(const char* key, std::string& value, const char* meaning, const char* source);
  void file(const char* key, std::string& value, const char* meaning, const char* source);
  template <class Nested>
  void group(const char* key, Nested& nested, const char*) {
    const std::string above = prefix_;
    prefix_ = joined_path(prefix_, key);
    nested.describe(*this);
    prefix_ = above;
  }
  void require(bool, const std::string&) {}
  void silent(bool, const char*, const char*, const char*) {}

 private:
  template <class W>
  void add_number(const char* key, TypeName type, const W& lo, const W& hi, const W& value, const char* meaning,
                  const char* source);
  void add_choice(const char* key, std::span<const char* const> names, std::size_t value, const char* meaning,
                  const char* source);
  std::string prefix_;
  std::vector<ParamDoc> rows_;
};

/// A parameter that says nothing, because another one is what it is.
struct SilentParam {
  std::string key, beside, value;
};

class SilentParams {
 public:
  template <class Params>
  static std::vector<SilentParam> of(Params params) {
    SilentParams silent;
    params.describe(silent);
    return std::move(silent.found_);
  }

  template <class T>
  void field(const char*, T&, const Range<std::type_identity_t<T>>&, const char*, const char*) {}
  void flag(const char*, bool&, const char*, const char*) {}
  template <class E, std::size_t N>
  void choice(const char*, E&, const Names<N>&, const char*, const char*) {}
  void text(const char*, std::string&, const char*, const char*) {}
  void file(const char*, std::string&, const char*, const char*) {}
  template <class Nested>
  void group(const char* key, Nested& nested, const char*) {
    const std::string above = std::exchange(prefix_, joined_path(prefix_, key));
    nested.describe(*this);
    prefix_ = above;
  }
  void require(bool, const std::string&) {}
  void silent(bool holds, const char* key, const char* other, const char* value) {
    if (holds) found_.push_back({joined_path(prefix_, key), joined_path(prefix_, other), value});
  }

 private:
  std::string prefix_;
  std::vector<SilentParam> found_;
};

}  // namespace iov::platform
