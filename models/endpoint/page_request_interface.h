// SPDX-License-Identifier: Apache-2.0
/// PageRequestInterface -- how functions ask for pages that are not there: page request groups, their credits and
/// their responses.
///
/// Spec    PCIe Base 5.0 10.4 (page requests), 10.4.1.2 (stop marker), 10.4.2 (responses), 10.5.2 (PRI capability).
/// Models  groups of consecutive pages under one index, messages bounded by Outstanding Page Request Allocation,
///         success, invalid request, response failure (PRI off for that function), unexpected responses, stop
///         marker with stale groups whose responses only return credits.
/// Omits   execute and privileged requests: the DMA engine makes none.
/// Units   bytes; a credit is one message that its group's response has not yet answered
#pragma once
#include <systemc>
#include <vector>

#include "models/core/invariant.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/protocol/tlp_port.h"
#include "models/protocol/translation.h"

namespace iov::endpoint {

class PageWaiter {
 public:
  /// Once per request(); granted: the translation may be asked for again.
  virtual void page_answered(std::uint32_t ticket, bool granted) = 0;

 protected:
  ~PageWaiter() = default;
};

class PageRequestInterface : public sc_core::sc_module {
 public:
  static constexpr unsigned group_indices = 512;  ///< 9 bits
  struct Params {
    bool enabled = false;
    unsigned allocation = 32;
    unsigned pages_per_group = 1;
    Time device_time;

    template <class V>
    void describe(V& v) {
      v.flag("enabled", enabled, "a page that is not present is asked for instead of failing the DMA",
             "PCIe Base 5.0 10.5.2.2, PRI Enable");
      v.field("allocation", allocation, Range<unsigned>{1, group_indices},
              "page request messages without response, of all functions", "PCIe Base 5.0 10.5.2.5, set by software; 32 in Linux");
      v.field("pages_per_group", pages_per_group, Range<unsigned>{1, 64},
              "pages of one transfer that a group asks for at most", no_source);
      v.field("device_time", device_time, Range<Time>{Time(), Time(10, sc_core::SC_MS)},
              "from a page found absent until the device asks for it",
              "0: hardware; firmware of a Connect-IB: 194 us (Lesokhin ASPLOS 2017 Table 4: 90 % of 215 us)");
      v.require(pages_per_group <= allocation, "pages_per_group must be at most allocation");
    }
  };
  PageRequestInterface(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port,
                       PageWaiter& waiter);

  /// May this function ask for pages? Not after a response failure.
  bool usable(RequesterId function) const;
  unsigned pages_per_group() const { return params_.pages_per_group; }
  /// Asks for `pages` pages from `page` on as one group, as soon as there are credits for it.
  void request(RequesterId function, Pasid pasid, std::uint64_t page, unsigned pages, bool write, std::uint32_t ticket);
  void response(const Tlp& tlp);
  /// The function stops using the PASID: what it asked for is stale, a stop marker follows it (10.4.1.2).
  void stop(RequesterId function, Pasid pasid);
  void forget(RequesterId function);  ///< function level reset: PRI starts anew, late responses are ignored

 private:
  friend struct PageRequestProbe;  ///< tests that break an invariant on purpose
  struct Group {
    RequesterId function;
    Pasid pasid;
    std::uint64_t page = 0;
    std::uint32_t ticket = 0;
    unsigned pages = 0;  ///< 0: free
    bool write = false, stale = false;
    Time asked;
  };
  void send_groups();
  void send(unsigned index);
  void message(RequesterId function, Pasid pasid, std::uint64_t body);
  template <class Doomed>
  void make_stale(Doomed doomed);
  std::string unfinished() const;

  Timeline& timeline_;
  const Params params_;
  TlpPort& port_;
  PageWaiter& waiter_;
  std::vector<Group> groups_;  ///< by index
  std::vector<std::uint16_t> free_;
  std::vector<Group> waiting_;  ///< for the device's own time and for credits, in the order asked
  unsigned credits_;
  std::vector<RequesterId> failed_;
  Event prepared_{timeline_, bind<&PageRequestInterface::send_groups>(this)};

  Counter messages_{"page_requests", "1", "page request messages sent"};
  Counter sent_{"groups", "1", "page request groups sent"};
  Counter granted_{"granted", "1", "groups answered with success"};
  Counter invalid_{"invalid", "1", "groups answered with invalid request"};
  Counter failures_{"failures", "1", "groups answered with response failure"};
  Counter unexpected_{"unexpected_responses", "1", "responses with an index that nothing waits for"};
  Counter markers_{"stop_markers", "1", "stop markers sent"};
  LatencyHistogram latency_{"fault_latency", "from a page found absent to its group's response"};
  Occupancy outstanding_{"outstanding", "page request messages without response"};
  Invariant credits_kept_{"page_request_credits", Invariant::always, "never more page requests outstanding than allocated",
                          [this] { return credits_ <= params_.allocation ? std::string() : "credits appeared"; }};
  Invariant rest_{"page_groups_answered", Invariant::at_rest, "at rest no page request group waits",
                  [this] { return unfinished(); }};
};

}  // namespace iov::endpoint
