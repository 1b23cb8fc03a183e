// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/outstanding_requests.h"

#include <algorithm>

namespace iov::endpoint {

OutstandingRequests::OutstandingRequests(const sc_core::sc_module_name& name, Timeline& timeline, TlpPort& port,
                                         unsigned tags, const Time& timeout)
    : sc_module(name),
      timeline_(timeline),
      port_(port),
      timeout_(timeout),
      entries_(std::min(tags, port.limits().tags)),
      deadline_(timeline, bind<&OutstandingRequests::expire>(this)) {
  for (std::size_t tag = entries_.size(); tag-- > 0;) free_.push_back(static_cast<std::uint16_t>(tag));
}

unsigned OutstandingRequests::allowed() const {
  return std::min(static_cast<unsigned>(entries_.size()), port_.limits().tags);
}

std::uint16_t OutstandingRequests::take(Requester& owner, RequesterId requester, std::uint32_t bytes) {
  if (free_.empty()) throw SimError(timeline_.now(), name(), "a tag was taken while none is free");
  const std::uint16_t tag = free_.back();
  free_.pop_back();
  const Time deadline = timeline_.now() + timeout_;
  entries_[tag] = {&owner, requester, bytes, 0, deadline};
  occupancy_.set(++used_, timeline_.now());
  if (!deadline_.scheduled()) deadline_.at(deadline);
  return tag;
}

void OutstandingRequests::wait(Requester& owner) {
  if (std::find(waiting_.begin(), waiting_.end(), &owner) == waiting_.end()) waiting_.push_back(&owner);
}

void OutstandingRequests::release(std::uint16_t tag) {
  entries_[tag].owner = nullptr;
  free_.push_back(tag);
  occupancy_.set(--used_, timeline_.now());
  if (used_ == 0) deadline_.cancel();
}

void OutstandingRequests::completion(const Tlp& tlp) {
  Entry* entry = tlp.tag < entries_.size() ? &entries_[tlp.tag] : nullptr;
  if (!entry || !entry->owner || entry->requester != tlp.requester) {
    ++unexpected_;
    return tell(config::PcieError::unexpected_completion, tlp.requester, &tlp);
  }
  Requester& owner = *entry->owner;
  const std::uint32_t offset = entry->received;
  entry->received += tlp.length;
  const bool last = tlp.status != CompletionStatus::success || entry->received >= entry->bytes;
  owner.completion(tlp.tag, tlp, offset, last);
  if (!last) return;
  release(tlp.tag);  // only now, so that whoever waits longest gets it, not whoever just had it
  tell_waiting();
}

void OutstandingRequests::tell_waiting() {
  while (!waiting_.empty() && !full()) {
    Requester* next = waiting_.front();
    waiting_.erase(waiting_.begin());
    next->tag_free();
  }
}

void OutstandingRequests::expire() {
  const Time now = timeline_.now();
  for (std::size_t tag = 0; tag < entries_.size(); ++tag) {
    Entry& entry = entries_[tag];
    if (!entry.owner || entry.deadline > now) continue;
    Requester& owner = *entry.owner;
    ++timeouts_, ++given_up_;
    tell(config::PcieError::completion_timeout, entry.requester, nullptr);
    owner.timed_out(static_cast<std::uint16_t>(tag));
    release(static_cast<std::uint16_t>(tag));
    std::rotate(free_.begin(), free_.end() - 1, free_.end());  // used last: then a late completion hardly finds another request
  }
  for (const Entry& entry : entries_)
    if (entry.owner) deadline_.before(entry.deadline);
  tell_waiting();
}

}  // namespace iov::endpoint
