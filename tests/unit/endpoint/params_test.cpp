// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <set>

#include "models/endpoint/types/nic.h"
using namespace iov;

namespace {
/// Visits a description and notes what is wrong with it.
struct Checker {
  template <class T>
  void field(const char* key, T& value, Range<T> range, const char* meaning, const char* source) {
    note(key, meaning, source);
    if (!range.holds(value)) wrong.emplace_back(std::string(key) + " out of range");
  }
  void flag(const char* key, bool&, const char* meaning, const char* source) { note(key, meaning, source); }
  template <class E, std::size_t N>
  void choice(const char* key, E& value, const Names<N>&, const char* meaning, const char* source) {
    note(key, meaning, source);
    if (static_cast<std::size_t>(value) >= N) wrong.emplace_back(std::string(key) + " has no name");
  }
  template <class T>
  void group(const char* key, T& nested, const char*) {
    const std::string outer = path;
    path += std::string(key) + ".";
    nested.describe(*this);
    path = outer;
  }
  void require(bool holds, const char* rule) {
    if (!holds) wrong.emplace_back(rule);
  }
  void note(const char* key, const char* meaning, const char* source) {
    if (!keys.insert(path + key).second) wrong.emplace_back(path + key + " twice");
    if (!*meaning || !*source) wrong.emplace_back(path + key + " unexplained");
  }
  std::string path;
  std::set<std::string> keys;
  std::vector<std::string> wrong;
};
}  // namespace

TEST_CASE("every parameter of the NIC is in range by default, explained, and has one key") {
  endpoint::Nic::Params params;
  Checker checker;
  params.describe(checker);
  CHECK(checker.wrong == std::vector<std::string>());
  for (const char* key : {"dma_engine.tags", "device_tlb.enabled", "device_tlb.entries", "functions.total_vfs",
                          "transmitter.prefetch", "receiver.host_threshold", "wire_rate", "register_latency"})
    CHECK(checker.keys.contains(key));
}

TEST_CASE("rules between parameters are checked") {
  endpoint::Nic::Params params;
  params.transmitter.prefetch = 16;
  Checker checker;
  params.describe(checker);
  CHECK(checker.wrong == std::vector<std::string>{"prefetch_threshold must not exceed prefetch"});
}
