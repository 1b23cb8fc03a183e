// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/page_request_interface.h"

#include <linux/pci_regs.h>

#include <algorithm>
#include <utility>

namespace iov::endpoint {

namespace {
constexpr std::uint64_t last_of_group = 4, wants_write = 2, wants_read = 1;  // PCIe 10.4.1.1
constexpr unsigned code_success = 0, code_invalid = 1;                       // 10.4.2.2; all others: response failure
}

PageRequestInterface::PageRequestInterface(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params,
                                           TlpPort& port, PageWaiter& waiter)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      port_(port),
      waiter_(waiter),
      groups_(params.enabled ? std::size_t{group_indices} : 0) {
  outstanding_.bound(params.capacity);
  for (std::size_t index = groups_.size(); index-- > 0;) free_.push_back(static_cast<std::uint16_t>(index));
}

PageRequestInterface::Interface& PageRequestInterface::interface(unsigned pf) {
  if (pf >= interfaces_.size()) interfaces_.resize(pf + 1);
  return interfaces_[pf];
}

void PageRequestInterface::control(unsigned pf, bool enable, std::uint32_t allocation) {
  if (!params_.enabled) return;
  Interface& own = interface(pf);
  const bool was = std::exchange(own.enabled, enable);
  if (enable) {
    own.allocation = std::min<std::uint32_t>(allocation, params_.capacity);
    if (was) return;
    std::erase_if(failed_, [&](RequesterId f) { return pf_of(f) == pf; });
    return status(pf, PCI_PRI_STATUS_STOPPED, false);
  }
  const auto tickets = take_waiting([&](const Group& g) { return g.pf == pf; });
  if (own.outstanding == 0) status(pf, PCI_PRI_STATUS_STOPPED, true);
  refuse(tickets);
}

void PageRequestInterface::reset(unsigned pf) {
  if (!params_.enabled || interface(pf).enabled) return;
  const auto tickets = make_stale([&](const Group& g) { return g.pf == pf; });
  for (unsigned index = 0; index < groups_.size(); ++index)
    if (groups_[index].pages != 0 && groups_[index].pf == pf) take(index);
  status(pf, PCI_PRI_STATUS_STOPPED, true);
  refuse(tickets);
}

bool PageRequestInterface::usable(RequesterId function) const {
  if (!params_.enabled || std::find(failed_.begin(), failed_.end(), function) != failed_.end()) return false;
  const unsigned pf = pf_of(function);
  return pf < interfaces_.size() && interfaces_[pf].enabled && interfaces_[pf].allocation > 0;
}

void PageRequestInterface::request(RequesterId function, Pasid pasid, std::uint64_t page, unsigned pages, bool write,
                                   std::uint32_t ticket) {
  const unsigned pf = pf_of(function);
  waiting_.push_back({function, pasid, page, ticket, pf, std::min(pages, interface(pf).allocation), write, false, timeline_.now()});
  send_groups();
}

/// Of each PF in the order asked: a group of many pages is not overtaken by smaller ones.
void PageRequestInterface::send_groups() {
  std::uint32_t held = 0;  // PFs
  for (std::size_t i = 0; i < waiting_.size() && !free_.empty();) {
    const Group& g = waiting_[i];
    const Time ready = g.asked + params_.device_time;
    if (ready > timeline_.now()) prepared_.before(ready);
    if ((held >> g.pf & 1) || ready > timeline_.now() || g.pages > interface(g.pf).credits()) {
      held |= 1u << g.pf, ++i;
      continue;
    }
    const unsigned index = free_.back();
    free_.pop_back();
    groups_[index] = g;
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    send(index);
  }
}

void PageRequestInterface::send(unsigned index) {
  const Group& g = groups_[index];
  interface(g.pf).outstanding += g.pages;
  outstanding_.set(outstanding_.level() + g.pages, timeline_.now());
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

/// A group that nobody will answer any more: its index and credits are free.
PageRequestInterface::Group PageRequestInterface::take(unsigned index) {
  const Group group = std::exchange(groups_[index], {});
  free_.push_back(static_cast<std::uint16_t>(index));
  interface(group.pf).outstanding -= group.pages;
  outstanding_.set(outstanding_.level() - group.pages, timeline_.now());
  return group;
}

/// PCIe 10.4.2.2: response code 15:12, group index 8:0. One for a request with PASID has it, too (status bit 15).
void PageRequestInterface::response(const Tlp& tlp) {
  const auto index = static_cast<unsigned>(tlp.address & 0x1ff);
  const unsigned code = tlp.address >> 12 & 0xf;
  if (index >= groups_.size() || groups_[index].pages == 0 || groups_[index].function != tlp.completer ||
      groups_[index].pasid != tlp.pasid) {
    ++unexpected_;
    return status(pf_of(tlp.completer), PCI_PRI_STATUS_UPRGI, true);
  }
  const Group group = take(index);
  if (!interface(group.pf).enabled && interface(group.pf).outstanding == 0) status(group.pf, PCI_PRI_STATUS_STOPPED, true);
  if (!group.stale) {
    ++(code == code_success ? granted_ : code == code_invalid ? invalid_ : failures_);
    latency_.record(timeline_.now() - group.asked);
    std::vector<std::uint32_t> tickets;
    if (code > code_invalid) {  // the function ignores what else comes, until it is enabled anew
      failed_.push_back(group.function);
      status(group.pf, PCI_PRI_STATUS_RF, true);
      tickets = make_stale([&](const Group& g) { return g.function == group.function; });
    }
    waiter_.page_answered(group.ticket, code == code_success);
    refuse(tickets);
  }
  send_groups();
}

/// @returns the tickets of those that have not been sent yet
template <class Doomed>
std::vector<std::uint32_t> PageRequestInterface::take_waiting(Doomed doomed) {
  std::vector<std::uint32_t> tickets;
  for (const Group& g : waiting_)
    if (doomed(g)) tickets.push_back(g.ticket);
  std::erase_if(waiting_, doomed);
  return tickets;
}

/// Responses to those that were sent still come and return the credits. @returns the tickets of all
template <class Doomed>
std::vector<std::uint32_t> PageRequestInterface::make_stale(Doomed doomed) {
  std::vector<std::uint32_t> tickets = take_waiting(doomed);
  for (Group& g : groups_)
    if (g.pages != 0 && !g.stale && doomed(g)) {
      tickets.push_back(g.ticket);
      g.stale = true;
    }
  return tickets;
}

void PageRequestInterface::refuse(const std::vector<std::uint32_t>& tickets) {
  for (const std::uint32_t ticket : tickets) waiter_.page_answered(ticket, false);
}

void PageRequestInterface::stop(RequesterId function, Pasid pasid) {
  if (!params_.enabled) return;
  const auto tickets = make_stale([&](const Group& g) { return g.function == function && g.pasid == pasid; });
  if (pasid.present() && interface(pf_of(function)).enabled) {
    ++markers_;
    message(function, pasid, last_of_group);
  }
  refuse(tickets);
}

void PageRequestInterface::forget(RequesterId function) {
  std::erase(failed_, function);
  refuse(make_stale([&](const Group& g) { return g.function == function; }));
}

std::string PageRequestInterface::unfinished() const {
  const auto live = std::count_if(groups_.begin(), groups_.end(), [](const Group& g) { return g.pages != 0; });
  const std::size_t left = static_cast<std::size_t>(live) + waiting_.size();
  return left == 0 ? std::string() : std::to_string(left) + " wait";
}

std::string PageRequestInterface::overdrawn() const {
  for (unsigned pf = 0; pf < interfaces_.size(); ++pf) {
    unsigned pages = 0;
    for (const Group& g : groups_) pages += g.pf == pf ? g.pages : 0;
    if (pages != interfaces_[pf].outstanding || pages > params_.capacity)
      return std::to_string(pages) + " of PF " + std::to_string(pf) + ", which counts " + std::to_string(interfaces_[pf].outstanding);
  }
  return {};
}

}  // namespace iov::endpoint
