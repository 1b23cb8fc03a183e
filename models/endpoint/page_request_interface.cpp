// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/page_request_interface.h"

#include <algorithm>
#include <utility>

namespace iov::endpoint {

namespace {
constexpr std::uint64_t last_of_group = 4, wants_write = 2, wants_read = 1;  // PCIe 10.4.1.1
}

PageRequestInterface::PageRequestInterface(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params,
                                           TlpPort& port, PageWaiter& waiter)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      port_(port),
      waiter_(waiter),
      groups_(params.enabled ? params.allocation : 0),
      credits_(params.allocation) {
  outstanding_.bound(params.allocation);
  for (std::size_t index = groups_.size(); index-- > 0;) free_.push_back(static_cast<std::uint16_t>(index));
}

bool PageRequestInterface::usable(RequesterId function) const {
  return params_.enabled && std::find(failed_.begin(), failed_.end(), function) == failed_.end();
}

void PageRequestInterface::request(RequesterId function, Pasid pasid, std::uint64_t page, unsigned pages, bool write,
                                   std::uint32_t ticket) {
  waiting_.push_back({function, pasid, page, ticket, std::min(pages, params_.allocation), write, false, timeline_.now()});
  send_groups();
}

/// In the order asked: a group of many pages is not overtaken by smaller ones.
void PageRequestInterface::send_groups() {
  std::size_t sent = 0;
  while (sent < waiting_.size() && !free_.empty() && waiting_[sent].pages <= credits_) {
    const Time ready = waiting_[sent].asked + params_.device_time;
    if (ready > timeline_.now()) {
      prepared_.before(ready);
      break;
    }
    const unsigned index = free_.back();
    free_.pop_back();
    groups_[index] = waiting_[sent++];
    send(index);
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(sent));
}

void PageRequestInterface::send(unsigned index) {
  const Group& g = groups_[index];
  credits_ -= g.pages;
  outstanding_.set(params_.allocation - credits_, timeline_.now());
  ++sent_;
  messages_ += g.pages;
  for (unsigned i = 0; i < g.pages; ++i)
    message(g.function, g.pasid,
            (g.page + i * translation_unit) | std::uint64_t{index} << 3 | (i + 1 == g.pages ? last_of_group : 0) |
                (g.write ? wants_write : wants_read));
}

void PageRequestInterface::message(RequesterId function, Pasid pasid, std::uint64_t body) {
  Tlp tlp;
  tlp.type = TlpType::message;
  tlp.message = MessageCode::page_request;
  tlp.requester = function;
  tlp.pasid = pasid;
  tlp.address = body;
  port_.send(std::move(tlp));
}

/// PCIe 10.4.2.2: response code 15:12, group index 8:0.
void PageRequestInterface::response(const Tlp& tlp) {
  const auto index = static_cast<std::size_t>(tlp.address & 0x1ff);
  const unsigned code = tlp.address >> 12 & 0xf;
  if (index >= groups_.size() || groups_[index].pages == 0 || groups_[index].function != tlp.completer)
    return ++unexpected_, void();
  const Group group = std::exchange(groups_[index], {});
  free_.push_back(static_cast<std::uint16_t>(index));
  credits_ += group.pages;
  outstanding_.set(params_.allocation - credits_, timeline_.now());
  if (!group.stale) {
    ++(code == 0 ? granted_ : code == 1 ? invalid_ : failures_);
    latency_.record(timeline_.now() - group.asked);
    if (code > 1 && usable(group.function)) failed_.push_back(group.function);
    waiter_.page_answered(group.ticket, code == 0);
  }
  send_groups();
}

/// Their waiters are the caller's to answer. Responses still come and return the credits.
template <class Doomed>
void PageRequestInterface::make_stale(Doomed doomed) {
  for (Group& g : groups_)
    if (g.pages != 0 && doomed(g)) g.stale = true;
  std::erase_if(waiting_, doomed);
}

void PageRequestInterface::stop(RequesterId function, Pasid pasid) {
  if (!params_.enabled) return;
  make_stale([&](const Group& g) { return g.function == function && g.pasid == pasid; });
  ++markers_;
  message(function, pasid, last_of_group);
}

void PageRequestInterface::forget(RequesterId function) {
  make_stale([&](const Group& g) { return g.function == function; });
  std::erase(failed_, function);
}

std::string PageRequestInterface::unfinished() const {
  const auto live = std::count_if(groups_.begin(), groups_.end(), [](const Group& g) { return g.pages != 0; });
  const std::size_t left = static_cast<std::size_t>(live) + waiting_.size();
  return left == 0 ? std::string() : std::to_string(left) + " wait";
}

}  // namespace iov::endpoint
