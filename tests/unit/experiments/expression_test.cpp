// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/expression.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "experiments/iovsim/lib/claim.h"

using namespace iov::experiment;

namespace {
double value(const std::string& text) {
  return Expression::parse(text).evaluate([](const Reference& r) { return r.name == "x" ? 3.0 : r.name == "nic0.reads.count" ? 40 : NAN; });
}
std::string syntax_error(const std::string& text) {
  try {
    Claim::parse(text);
  } catch (const SyntaxError& error) {
    return error.what();
  }
  return {};
}
}  // namespace

TEST_CASE("expressions bind as in arithmetic") {
  CHECK(value("1 + 2 * 3 - 4 / 2") == 5);
  CHECK(value("10 - 3 - 2") == 5);
  CHECK(value("-(1 + x) * 2") == -8);
  CHECK(value("nic0.reads.count / 8") == 5);
  CHECK(value("min(x, 2, 5) + max(1, x) + abs(0 - x)") == 8);
  CHECK(value("1.5e3") == 1500);
}

TEST_CASE("a missing value makes the whole expression missing") {
  CHECK(std::isnan(value("nowhere + 1")));
  CHECK(std::isnan(value("max(1, nowhere)")));
  CHECK(std::isnan(value("0 / 0")));
}

TEST_CASE("a reference may name other points") {
  const auto references = Expression::parse("2 * a.b[path=sriov ats, iommu.iotlb.entries=64] + c").references();
  REQUIRE(references.size() == 2);
  CHECK(references[0].text() == "a.b[path=sriov ats, iommu.iotlb.entries=64]");
  CHECK(references[1].text() == "c");
}

TEST_CASE("claims of every form are read") {
  CHECK(Claim::parse("a <= 10").relation == Claim::Relation::less_equal);
  CHECK(Claim::parse("a within 5 % of b").tolerance == 0.05);
  const Claim trend = Claim::parse("a / b falls with iommu.entries where path=virtio | vhost, size=64");
  CHECK(trend.relation == Claim::Relation::falls);
  CHECK(trend.axis == "iommu.entries");
  REQUIRE(trend.where.size() == 2);
  CHECK(trend.where[0].second == std::vector<std::string>{"virtio", "vhost"});
  CHECK(trend.where[1].first == "size");
}

TEST_CASE("bad claims are told where they break") {
  CHECK(syntax_error("a") == "\"a\": expected < <= > >= == !=, \"within N % of\", \"starts with\", \"rises with\" or \"falls with\" at the end");
  CHECK(syntax_error("a >") == "\"a >\": expected a value at the end");
  CHECK(syntax_error("a > (1 + 2") == "\"a > (1 + 2\": expected \")\" at the end");
  CHECK(syntax_error("a > 1 1") == "\"a > 1 1\": expected \"where\" or the end at \"1\"");
  CHECK(syntax_error("a[=1] > 1") == "\"a[=1] > 1\": expected the name of an axis at \"=1] > 1\"");
  CHECK(syntax_error("a[path] > 1") == "\"a[path] > 1\": expected \"=\" at \"] > 1\"");
  CHECK(syntax_error("sin(a) > 1") == "\"sin(a) > 1\": \"sin\" is not a function (min, max or abs) at \"(a) > 1\"");
  CHECK(syntax_error("a rises along b") == "\"a rises along b\": expected \"with\" at \"along b\"");
  CHECK(syntax_error("a < 'b'") == "\"a < 'b'\": a text is compared by ==, != or \"starts with\", not by size, at \"'b'\"");
  CHECK(syntax_error("2 * a == 'b'") == "\"2 * a == 'b'\": a text is compared with one name, not with an expression, at \"'b'\"");
  CHECK(syntax_error("a starts with b") == "\"a starts with b\": expected a text in quotes, as in 'host.core0' at \"b\"");
  CHECK(syntax_error("a == 'b") == "\"a == 'b\": a text without its second quote at \"'b\"");
  CHECK(syntax_error("'a' == b") == "\"'a' == b\": expected a value at \"'a' == b\"");
  CHECK(syntax_error("a within b") == "\"a within b\": expected a number of percent at \"b\"");
}
