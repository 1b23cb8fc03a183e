// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/peer_loop.h"

namespace iov::endpoint {

void PeerLoop::send(Tlp&& tlp) {
  if (!stays(tlp)) return port_.send(std::move(tlp));
  if (under_way_ == depth) return waiting_.push(std::move(tlp));
  start(std::move(tlp));
}

/// As a function's ACS has it now: software may change it at any time.
AcsControl PeerLoop::acs_of(RequesterId function) const {
  const auto f = functions_.with_id(function);
  if (!f) return {};
  const config::ConfigSpace& space = functions_.config(*f);
  const unsigned acs = space.layout().extended(PCI_EXT_CAP_ID_ACS);
  return {static_cast<std::uint16_t>(acs ? space.read(acs + PCI_ACS_CTRL, 2) : 0), 0};
}

bool PeerLoop::stays(const Tlp& tlp) {
  AcsVerdict verdict;
  if (tlp.fc() == FcClass::completion) {
    if (!functions_.with_id(tlp.requester)) return false;
    verdict = acs_completion(acs_of(tlp.completer), tlp.relaxed_ordering);
  } else {
    const bool memory = tlp.type == TlpType::memory_read || tlp.type == TlpType::memory_write;
    const auto target = memory && tlp.at != AddressType::translation_request ? functions_.decode(tlp.address) : std::nullopt;
    if (!target) return false;
    verdict = acs_request(acs_of(tlp.requester), tlp.at, target->function);
    if (verdict == AcsVerdict::direct) ++peer_to_peer;
  }
  if (verdict == AcsVerdict::direct) return true;
  ++redirected;
  return false;
}

void PeerLoop::start(Tlp&& tlp) {
  ++under_way_;
  free_ = std::max(free_, timeline_.now()) + params_.bandwidth.time_for(tlp.header() + tlp.payload());
  way_.push(free_ + params_.latency, std::move(tlp));
}

Time PeerLoop::sent_all_but(std::uint32_t bytes) const {
  const Time rest = params_.bandwidth.time_for(bytes), inside = free_ > rest ? free_ - rest : Time();
  return std::max(inside, port_.sent_all_but(bytes));
}

void PeerLoop::there(Tlp&& tlp) {
  --under_way_;
  arrived_(tlp);
  if (waiting_.empty()) return;
  Tlp next = std::move(waiting_.front());
  waiting_.pop();
  start(std::move(next));
  if (posted_left_) posted_left_();
  if (waiting_.empty() && drained_) drained_();
}

}  // namespace iov::endpoint
