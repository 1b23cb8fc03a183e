// SPDX-License-Identifier: Apache-2.0
/// TimedFifo -- things that leave in the order in which they entered, each at its time: a pipeline of
/// fixed latency or what a reservation (wire, switch) has booked. One event for the front, none for the rest.
#pragma once
#include <algorithm>
#include <utility>

#include "models/core/timeline.h"
#include "models/endpoint/fifo.h"

namespace iov::endpoint {

template <class T>
class TimedFifo {
 public:
  TimedFifo(Timeline& timeline, Delegate<void(T&&)> out) : timeline_(timeline), out_(out) {}
  /// `when` earlier than the one before leaves together with it.
  void push(const Time& when, T&& item) {
    last_ = std::max(last_, when);
    items_.push(Item{last_, std::move(item)});
    if (!leaving_ && !event_.scheduled()) event_.at(items_.front().when);
  }
  std::size_t size() const { return items_.size(); }
  bool empty() const { return items_.empty(); }

 private:
  struct Item {
    Time when;
    T what;
  };
  void leave() {
    leaving_ = true;
    while (!items_.empty() && items_.front().when <= timeline_.now()) {
      Item item = items_.pop();
      out_(std::move(item.what));
    }
    leaving_ = false;
    if (!items_.empty()) event_.at(items_.front().when);
  }

  Timeline& timeline_;
  Delegate<void(T&&)> out_;
  Fifo<Item> items_;
  Time last_;
  bool leaving_ = false;
  Event event_{timeline_, bind<&TimedFifo::leave>(this)};
};

}  // namespace iov::endpoint
