// SPDX-License-Identifier: Apache-2.0
#include "models/software/function_watch.h"

namespace iov::software {

FunctionWatch::FunctionWatch(Timeline& timeline, const Times& times, const Place& place)
    : timeline_(timeline), times_(times), place_(place) {
  for (const char* health : {"good", "reset", "gone", "hung"}) found_.add_row(health);
}

void FunctionWatch::start() {
  if (times_.interval > Time()) look_.at(timeline_.now() + times_.interval);
}

void FunctionWatch::stop() {
  look_.cancel();
  due_ = false;
}

void FunctionWatch::time_to_look() {
  due_ = true;
  place_.strand.wake();
}

Task FunctionWatch::look(bool& lost) {
  due_ = false;
  Health health{};
  co_await place_.data.look(place_.strand, times_.transmit_timeout, health);
  ++found_.at(static_cast<std::size_t>(health), 0);
  lost = health != Health::good;
  if (!lost) start();
}

/// Whatever took the function's state took its configuration space's, too, unless the host put it back.
Task FunctionWatch::find_again(const bool& leaving) {
  for (std::uint64_t status = all_ones(4); !leaving;) {
    co_await place_.registers.read(place_.strand, nic::reg_status, 4, status);
    if (status != all_ones(4)) break;
    again_.at(timeline_.now() + times_.retry);
    while (again_.scheduled()) co_await place_.strand.wait();
  }
  if (!leaving && place_.restore) co_await place_.restore(place_.strand);
}

}  // namespace iov::software
