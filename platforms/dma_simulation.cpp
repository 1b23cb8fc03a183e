// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "models/core/invariant.h"
#include "models/core/tree.h"
#include "platforms/dma_machine.h"
#include "platforms/dma_report.h"

namespace iov::platform {

namespace {

constexpr int checkpoints = 8;  ///< audits within the window

Time patience() { return {1, sc_core::SC_SEC}; }  ///< simulated time in which no transaction begins or ends

/// Whether a transaction began or ended since the last look.
class Watch {
 public:
  explicit Watch(endpoint::TransferSource& transfers) : transfers_(transfers) {}
  bool moved() {
    const std::pair now(transfers_.ended(), transfers_.in_flight());
    return std::exchange(seen_, now) != now;
  }

 private:
  const endpoint::TransferSource& transfers_;
  std::pair<std::uint64_t, unsigned> seen_{transfers_.ended(), transfers_.in_flight()};
};

/// Runs until so many transactions have ended since the start, however long that takes, or nothing more will happen.
void run_to(DmaMachine& m, std::uint64_t transactions) {
  endpoint::TransferSource& transfers = m.transfers();
  if (transfers.ended() >= transactions || transfers.exhausted()) return;
  transfers.on_count(transactions, bind<&Timeline::stop>(&m.timeline));
  for (Watch watch(transfers);;) {
    m.timeline.run(m.timeline.now() + patience());
    if (m.timeline.stopped()) return;
    const bool pauses = transfers.in_flight() == 0 && !m.timeline.idle();  // a trace may
    if (!watch.moved() && !pauses)
      throw SimError(m.timeline.now(), transfers.name(),
                     "no transaction ended for a second, " + std::to_string(transfers.in_flight()) + " under way");
  }
}

void run_phase(DmaMachine& m, std::uint64_t transactions, double from, double to, const Progress& progress) {
  const std::uint64_t before = m.transfers().ended();
  for (int i = 1; i <= checkpoints; ++i) {
    run_to(m, before + transactions * static_cast<std::uint64_t>(i) / checkpoints);
    audit(Invariant::always, m.timeline.now());
    if (progress) progress(m.timeline.now(), from + (to - from) * i / checkpoints);
  }
}

void run_to_rest(DmaMachine& m) {
  Time limit = m.timeline.now() + patience();
  for (Watch watch(m.transfers()); !m.timeline.idle() && m.timeline.now() < limit;) {
    m.timeline.run(m.timeline.now() + Time(10, sc_core::SC_US));
    if (watch.moved()) limit = m.timeline.now() + patience();
  }
}

void drain(DmaMachine& m) {
  m.stop();
  run_to_rest(m);
  m.release();
  run_to_rest(m);
  audit(m.timeline.idle() ? Invariant::at_rest : Invariant::always, m.timeline.now());
}

}  // namespace

PointResult run(DmaMachine& m, const Progress& progress) {
  const std::size_t traced = m.transfers().trace().size();
  const std::uint64_t warm_up = traced ? 0 : m.measured().params.warm_up, measured = traced ? traced : m.measured().params.transfers;
  const double warm_share = static_cast<double>(warm_up) / static_cast<double>(warm_up + measured);
  m.prepare();
  for_each<Stat>([](Stat& stat) { stat.reset(); });
  m.start();
  if (warm_up > 0) run_phase(m, warm_up, 0, warm_share, progress);
  for_each<Stat>([](Stat& stat) { stat.reset(); });
  const Time begin = m.timeline.now();
  run_phase(m, measured, warm_share, 1, progress);
  PointResult result = report(m, begin);
  drain(m);
  result.events = m.timeline.events();
  result.simulated_seconds = m.timeline.now().to_seconds();
  return result;
}

}  // namespace iov::platform
