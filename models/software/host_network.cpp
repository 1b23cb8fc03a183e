// SPDX-License-Identifier: Apache-2.0
#include "models/software/host_network.h"

namespace iov::software {

using host::Context;
using host::Strand;
using host::Work;

Tap& HostNetwork::add_tap(MacAddress mac) {
  taps_.push_back(std::make_unique<Tap>(("tap" + std::to_string(taps_.size())).c_str(), params_.tap_queue));
  by_mac_[mac.value] = taps_.back().get();
  return *taps_.back();
}

Task HostNetwork::to_tap(Strand& strand, Tap& tap, Frame& frame) {
  co_await strand.spend(Context::host_kernel, Work::stack, costs_.tap);
  const PacketId id = frame.header.id;
  frame.journey.enter(Stage::backend, services_.timeline.now());
  if (!tap.push(std::move(frame))) {
    ++dropped_;
    services_.book.dropped(id, DropReason::backend_queue_full);
    co_return;
  }
  ++to_vm_;
  Strand* reader = tap.take_reader();
  if (!reader) co_return;
  co_await strand.spend(Context::host_kernel, Work::backend, costs_.thread_wakeup);
  reader->wake();
}

Task HostNetwork::receive(Strand& strand, Frame& frame) {
  frame.journey.enter(Stage::host_stack, services_.timeline.now());
  ++inspected_;
  co_await strand.spend(Context::host_kernel, Work::stack, costs_.bridge);
  const auto found = by_mac_.find(frame.header.destination.value);
  if (found != by_mac_.end()) {
    co_await to_tap(strand, *found->second, frame);
    co_return;
  }
  ++dropped_;
  services_.book.dropped(frame.header.id, DropReason::no_filter_match);
}

Task HostNetwork::send(Strand& strand, Frame& frame, bool more) {
  ++from_vm_;
  ++inspected_;
  frame.journey.enter(Stage::host_stack, services_.timeline.now());
  co_await strand.spend(Context::host_kernel, Work::stack, costs_.tap + costs_.bridge);
  const auto found = by_mac_.find(frame.header.destination.value);
  if (found != by_mac_.end())
    co_await to_tap(strand, *found->second, frame);
  else
    co_await uplink_->transmit(strand, frame, more);
}

}  // namespace iov::software
