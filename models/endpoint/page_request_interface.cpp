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
      waiter_(waiter) {
  outstanding_.bound(params.capacity);
}

PageRequestInterface::Interface::Interface() : groups(group_indices) {
  for (std::size_t index = group_indices; index-- > 0;) free.push_back(static_cast<std::uint16_t>(index));
}

PageRequestInterface::Interface& PageRequestInterface::interface(unsigned pf) {
  if (pf >= interfaces_.size()) {
    interfaces_.resize(pf + 1);
    outstanding_.bound(params_.capacity * interfaces_.size());
  }
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
  Interface& own = interface(pf);
  const auto tickets = make_stale([&](const Group& g) { return g.pf == pf; });
  for (unsigned index = 0; index < group_indices; ++index)
    if (own.groups[index].pages != 0) take(own, index);
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
  for (std::size_t i = 0; i < waiting_.size();) {
    const Group& g = waiting_[i];
    Interface& own = interface(g.pf);
    const Time ready = g.asked + params_.device_time;
    if (ready > timeline_.now()) prepared_.before(ready);
    if ((held >> g.pf & 1) || ready > timeline_.now() || g.pages > own.credits() || own.free.empty()) {
      held |= 1u << g.pf, ++i;
      continue;
    }
    const unsigned index = own.free.back();
    own.free.pop_back();
    own.groups[index] = g;
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    send(own, index);
  }
}

void PageRequestInterface::send(Interface& own, unsigned index) {
  const Group& g = own.groups[index];
  own.outstanding += g.pages;
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
PageRequestInterface::Group PageRequestInterface::take(Interface& own, unsigned index) {
  const Group group = std::exchange(own.groups[index], {});
  own.free.push_back(static_cast<std::uint16_t>(index));
  own.outstanding -= group.pages;
  outstanding_.set(outstanding_.level() - group.pages, timeline_.now());
  return group;
}

/// PCIe 10.4.2.2: response code 15:12, group index 8:0. One for a request with PASID has it, too (status bit 15).
void PageRequestInterface::response(const Tlp& tlp) {
  const auto index = static_cast<unsigned>(tlp.address & 0x1ff);
  const unsigned code = tlp.address >> 12 & 0xf;
  const auto own = std::find_if(interfaces_.begin(), interfaces_.end(), [&](const Interface& i) {
    const Group& g = i.groups[index];
    return g.pages != 0 && g.function == tlp.completer && g.pasid == tlp.pasid;
  });
  if (own == interfaces_.end()) {
    ++unexpected_;
    return status(pf_of(tlp.completer), PCI_PRI_STATUS_UPRGI, true);
  }
  const Group group = take(*own, index);
  if (!own->enabled && own->outstanding == 0) status(group.pf, PCI_PRI_STATUS_STOPPED, true);
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
  for (Interface& own : interfaces_)
    for (Group& g : own.groups)
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
  std::size_t left = waiting_.size();
  for (const Interface& own : interfaces_) left += group_indices - own.free.size();
  return left == 0 ? std::string() : std::to_string(left) + " wait";
}

std::string PageRequestInterface::overdrawn() const {
  for (unsigned pf = 0; pf < interfaces_.size(); ++pf) {
    unsigned pages = 0;
    for (const Group& g : interfaces_[pf].groups) pages += g.pages;
    if (pages != interfaces_[pf].outstanding || pages > params_.capacity)
      return std::to_string(pages) + " of PF " + std::to_string(pf) + ", which counts " + std::to_string(interfaces_[pf].outstanding);
  }
  return {};
}

}  // namespace iov::endpoint
