// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/interrupt_ledger.h"

#include <catch2/catch.hpp>
using namespace iov;

namespace {
struct Books {
  Timeline timeline{"timeline"};
  InterruptLedger ledger{"interrupts", timeline};
  void holds(Invariant::When when) { CHECK_NOTHROW(audit(when, timeline.now())); }
  void breaks(Invariant::When when, const std::string& name, const std::string& what) {
    CHECK_THROWS_WITH(audit(when, timeline.now()), Catch::Contains("interrupts." + name) && Catch::Contains(what));
  }
};
}  // namespace

TEST_CASE("two interrupts that share a bit are handled together: one run, one merged, each with its own latency", "[F6]") {
  Books b;
  InterruptLine& line = b.ledger.open();
  line.raise(b.timeline.now());
  line.arrive(InterruptStage::requested);
  b.timeline.run(3_us);
  line.raise(b.timeline.now());
  line.arrive(InterruptStage::requested);
  b.timeline.run(5_us);
  line.advance(InterruptStage::requested, InterruptStage::in_service);
  line.handled(b.timeline.now());
  b.holds(Invariant::at_rest);
  CHECK(b.ledger.handled.value() == 1);
  CHECK(b.ledger.merged.value() == 1);
  CHECK(b.ledger.latency.min_ns() == 2000);
  CHECK(b.ledger.latency.max_ns() == 5000);
}

TEST_CASE("an interrupt that neither waits nor was handled, merged or refused breaks conservation") {
  Books b;
  InterruptLine& line = b.ledger.open();
  line.raise(b.timeline.now());
  b.holds(Invariant::always);
  InterruptLine nobodys(b.ledger);  // a line that the ledger does not know: what waits there is seen by nobody
  nobodys.raise(b.timeline.now());
  b.breaks(Invariant::always, "conserved", "(2 raised, 0 over, 1 waiting)");
}

TEST_CASE("an interrupt that waits for a handler which never runs is no rest") {
  Books b;
  InterruptLine& line = b.ledger.open();
  line.raise(b.timeline.now());
  line.arrive(InterruptStage::posted);
  b.holds(Invariant::always);
  b.breaks(Invariant::at_rest, "none_left", "(1 waiting)");
  line.advance(InterruptStage::posted, InterruptStage::in_service);
  line.handled(b.timeline.now());
  b.holds(Invariant::at_rest);
}
