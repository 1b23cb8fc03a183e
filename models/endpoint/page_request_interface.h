// SPDX-License-Identifier: Apache-2.0
/// PageRequestInterface -- how functions ask for pages that are not there: page request groups, their credits and
/// their responses.
///
/// Spec    PCIe Base 5.0 10.4 (page requests), 10.4.1.2 (stop marker), 10.4.2 (responses), 10.5.2 (PRI capability).
/// Models  an interface per PF, which its VFs share: Enable, Outstanding Page Request Allocation and Reset as software
///         writes them, the status bits; groups of consecutive pages under one index, success, invalid request,
///         response failure (off for that function until it is enabled anew), unexpected responses, stop marker with
///         stale groups whose responses only return credits.
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

/// The PFs whose interfaces these are.
class PriOwner {
 public:
  virtual unsigned pf_of(RequesterId function) const = 0;
  /// Bits of the Page Request Status register (10.5.2.3) come or go.
  virtual void pri_status(unsigned pf, std::uint16_t bits, bool set) = 0;

 protected:
  ~PriOwner() = default;
};

class PageRequestInterface : public sc_core::sc_module {
 public:
  static constexpr unsigned group_indices = 512;  ///< 9 bits
  struct Params {
    bool enabled = false;
    unsigned capacity = 32;
    unsigned pages_per_group = 1;
    Time device_time;

    template <class V>
    void describe(V& v) {
      v.flag("enabled", enabled, "each PF has a PRI capability: a page that is not present is asked for instead of failing the DMA",
             "PCIe Base 5.0 10.5.2");
      v.field("capacity", capacity, Range<unsigned>{1, group_indices},
              "page request messages without response that a PF and its VFs can have", "PCIe Base 5.0 10.5.2.4; PRG indices have 9 bits");
      v.field("pages_per_group", pages_per_group, Range<unsigned>{1, 64},
              "pages of one transfer that a group asks for at most", no_source);
      v.field("device_time", device_time, Range<Time>{Time(), Time(10, sc_core::SC_MS)},
              "from a page found absent until the device asks for it",
              "0: hardware; firmware of a Connect-IB: 194 us (Lesokhin ASPLOS 2017 Table 4: 90 % of 215 us)");
      v.require(pages_per_group <= capacity, "pages_per_group must be at most capacity");
    }
  };
  PageRequestInterface(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port,
                       PageWaiter& waiter);

  void set_owner(PriOwner& owner) { owner_ = &owner; }
  const Params& params() const { return params_; }

  /// What software has written to a PF's registers. Disabled, it sends no more requests; responses still come.
  void control(unsigned pf, bool enable, std::uint32_t allocation);
  /// Reset of a PF that is not enabled: what it waits for is forgotten (10.5.2.2).
  void reset(unsigned pf);
  /// May this function ask for pages? Not before PRI is enabled, nor after a response failure.
  bool usable(RequesterId function) const;
  unsigned pages_per_group() const { return params_.pages_per_group; }
  /// Asks for `pages` pages from `page` on as one group, as soon as there are credits for it.
  void request(RequesterId function, Pasid pasid, std::uint64_t page, unsigned pages, bool write, std::uint32_t ticket);
  void response(const Tlp& tlp);
  /// The function stops using the PASID: what it asked for is stale and its waiters are refused, a stop marker follows (10.4.1.2).
  void stop(RequesterId function, Pasid pasid);
  void forget(RequesterId function);  ///< function level reset: PRI starts anew, late responses are ignored

 private:
  friend struct PageRequestProbe;  ///< tests that break an invariant on purpose
  struct Group {
    RequesterId function;
    Pasid pasid;
    std::uint64_t page = 0;
    std::uint32_t ticket = 0;
    unsigned pf = 0;     ///< whose interface it uses, also when its VF is gone
    unsigned pages = 0;  ///< 0: free
    bool write = false, stale = false;
    Time asked;
  };
  struct Interface {  ///< of a PF and its VFs
    Interface();
    bool enabled = false;
    unsigned allocation = 0, outstanding = 0;  ///< messages
    std::vector<Group> groups;                 ///< by index
    std::vector<std::uint16_t> free;
    unsigned credits() const { return allocation > outstanding ? allocation - outstanding : 0; }
  };
  unsigned pf_of(RequesterId function) const { return owner_ ? owner_->pf_of(function) : 0; }
  Interface& interface(unsigned pf);
  void status(unsigned pf, std::uint16_t bits, bool set) {
    if (owner_) owner_->pri_status(pf, bits, set);
  }
  void send_groups();
  void send(Interface& own, unsigned index);
  void message(RequesterId function, Pasid pasid, std::uint64_t body);
  Group take(Interface& own, unsigned index);
  template <class Doomed>
  std::vector<std::uint32_t> take_waiting(Doomed doomed);
  template <class Doomed>
  std::vector<std::uint32_t> make_stale(Doomed doomed);
  void refuse(const std::vector<std::uint32_t>& tickets);
  std::string unfinished() const;
  std::string overdrawn() const;

  Timeline& timeline_;
  const Params params_;
  TlpPort& port_;
  PageWaiter& waiter_;
  std::vector<Group> waiting_;  ///< for the device's own time and for credits, in the order asked
  std::vector<Interface> interfaces_;  ///< by PF
  PriOwner* owner_ = nullptr;          ///< null: one PF
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
  Invariant credits_kept_{"page_request_credits", Invariant::always, "a PF never has more page requests outstanding than its capacity, and counts them right",
                          [this] { return overdrawn(); }};
  Invariant rest_{"page_groups_answered", Invariant::at_rest, "at rest no page request group waits",
                  [this] { return unfinished(); }};
};

}  // namespace iov::endpoint
