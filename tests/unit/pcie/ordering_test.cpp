// SPDX-License-Identifier: Apache-2.0
#include "models/pcie/ordering.h"

#include <catch2/catch.hpp>
using namespace iov;
using namespace iov::pcie;

namespace {
Tlp make(TlpType type, bool relaxed = false, std::uint16_t tag = 0) {
  Tlp tlp;
  tlp.type = type;
  tlp.relaxed_ordering = relaxed;
  tlp.tag = tag;
  return tlp;
}
const TlpType a_write = TlpType::memory_write, a_read = TlpType::memory_read, a_config = TlpType::config_write,
              a_completion = TlpType::completion_data;
Passing strict(TlpType later, TlpType earlier) { return passing(make(later, false, 1), make(earlier, false, 2)); }
Passing relaxed(TlpType later, TlpType earlier) { return passing(make(later, true, 1), make(earlier, false, 2)); }
}  // namespace

TEST_CASE("ordering table: a posted TLP passes no posted one, and must be able to pass non-posted ones") {
  CHECK(strict(a_write, a_write) == Passing::no);
  CHECK(strict(a_write, a_read) == Passing::must);
  CHECK(strict(a_write, a_config) == Passing::must);
  CHECK(strict(a_write, a_completion) == Passing::may);
}

TEST_CASE("ordering table: a read passes no posted TLP") {
  CHECK(strict(a_read, a_write) == Passing::no);
  CHECK(strict(a_read, a_read) == Passing::may);
  CHECK(strict(a_read, a_config) == Passing::may);
  CHECK(strict(a_read, a_completion) == Passing::may);
}

TEST_CASE("ordering table: a non-posted TLP with data passes no posted TLP") {
  CHECK(strict(a_config, a_write) == Passing::no);
  CHECK(strict(a_config, a_read) == Passing::may);
  CHECK(strict(a_config, a_config) == Passing::may);
  CHECK(strict(a_config, a_completion) == Passing::may);
}

TEST_CASE("ordering table: a completion passes no posted TLP, and must be able to pass non-posted ones") {
  CHECK(strict(a_completion, a_write) == Passing::no);
  CHECK(strict(a_completion, a_read) == Passing::must);
  CHECK(strict(a_completion, a_config) == Passing::must);
  CHECK(strict(a_completion, a_completion) == Passing::may);
}

TEST_CASE("ordering table: relaxed ordering lets all but reads pass a posted TLP and changes nothing else") {
  CHECK(relaxed(a_write, a_write) == Passing::may);
  CHECK(relaxed(a_read, a_write) == Passing::no);
  CHECK(relaxed(a_config, a_write) == Passing::may);
  CHECK(relaxed(a_completion, a_write) == Passing::may);
  for (const TlpType later : {a_write, a_read, a_config, a_completion})
    for (const TlpType earlier : {a_read, a_config, a_completion}) CHECK(relaxed(later, earlier) == strict(later, earlier));
}

TEST_CASE("ordering: relaxed ordering of the earlier TLP does not matter") {
  CHECK(passing(make(a_write), make(a_write, true)) == Passing::no);
  CHECK(passing(make(a_completion, false, 1), make(a_write, true)) == Passing::no);
}

TEST_CASE("ordering: completions of one transaction stay in order, even relaxed") {
  CHECK(passing(make(a_completion, false, 7), make(a_completion, false, 7)) == Passing::no);
  CHECK(passing(make(a_completion, true, 7), make(a_completion, false, 7)) == Passing::no);
  Tlp other = make(a_completion, false, 7);
  other.requester = RequesterId{0x100};
  CHECK(passing(other, make(a_completion, false, 7)) == Passing::may);
}

TEST_CASE("ordering: messages order as posted TLPs") {
  CHECK(order_class(make(TlpType::message)) == OrderClass::posted);
  CHECK(order_class(make(TlpType::message_data)) == OrderClass::posted);
}
