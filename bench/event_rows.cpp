// SPDX-License-Identifier: Apache-2.0
/// One event that renotifies itself: of the SystemC kernel, and of the Timeline; alone, and among others that
/// are pending and take turns with it.
#include <deque>

#include "bench/row.h"
#include "models/core/timeline.h"

namespace iov::bench {

namespace {

constexpr std::uint64_t total = 1'000'000;
/// Events of the kind that are pending all the time happen one after the other, 1 ns apart.
Time period(unsigned pending) { return Time(static_cast<double>(pending), sc_core::SC_NS); }

struct Method : sc_core::sc_module {
  SC_HAS_PROCESS(Method);
  Method(const sc_core::sc_module_name& n, unsigned index, unsigned pending) : sc_module(n), again(period(pending)) {
    SC_METHOD(happen);
    sensitive << event;
    dont_initialize();
    event.notify(Time(static_cast<double>(index + 1), sc_core::SC_NS));
  }
  void happen() { event.notify(again); }
  sc_core::sc_event event{"event"};
  Time again;
};

struct Bell {
  Bell(Timeline& t, unsigned index, unsigned pending) : timeline(t), again(period(pending)) {
    event.at(Time(static_cast<double>(index + 1), sc_core::SC_NS));
  }
  void ring() { event.at(timeline.now() + again); }
  Timeline& timeline;
  Time again;
  Event event{timeline, bind<&Bell::ring>(this)};
};

template <unsigned pending>
Measurement kernel() {
  std::deque<Method> methods;
  for (unsigned i = 0; i < pending; ++i) methods.emplace_back(("m" + std::to_string(i)).c_str(), i, pending);
  sc_core::sc_start(Time(static_cast<double>(pending), sc_core::SC_NS));
  const Stopwatch watch;
  sc_core::sc_start(Time(static_cast<double>(total), sc_core::SC_NS));
  return {watch.ns() / static_cast<double>(total), 1};
}

template <unsigned pending>
Measurement timeline() {
  Timeline line("timeline");
  std::deque<Bell> bells;
  for (unsigned i = 0; i < pending; ++i) bells.emplace_back(line, i, pending);
  line.run(Time(static_cast<double>(pending), sc_core::SC_NS));
  const Stopwatch watch;
  line.run(line.now() + Time(static_cast<double>(total), sc_core::SC_NS));
  return {watch.ns() / static_cast<double>(total), 1};
}

}  // namespace

std::vector<Row> event_rows() {
  return {{"raw SystemC kernel event, 1 pending", "event", 0, kernel<1>},
          {"raw SystemC kernel event, 100 pending", "event", 0, kernel<100>},
          {"raw SystemC kernel event, 10000 pending", "event", 0, kernel<10000>},
          {"timeline event, 1 pending", "event", 0, timeline<1>},
          {"timeline event, 100 pending", "event", 0, timeline<100>},
          {"timeline event, 10000 pending", "event", 0, timeline<10000>}};
}

}  // namespace iov::bench
