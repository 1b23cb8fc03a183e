// SPDX-License-Identifier: Apache-2.0
/// OutstandingRequests -- the tags of an endpoint: every non-posted request that waits for completions.
///
/// Spec    PCIe Base 5.0 2.2.6.2 (tags), 2.2.9 (completions), 2.3.2 (status), 2.8 (completion timeout).
/// Models  bounded tags, several completions per request, error status, timeout, unexpected completions.
/// Omits   tag spaces per function: all functions of the endpoint draw from one pool (conservative).
/// Units   bytes
#pragma once
#include <algorithm>
#include <systemc>
#include <vector>

#include "models/core/invariant.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/protocol/config_space/aer.h"
#include "models/protocol/tlp_port.h"

namespace iov::endpoint {

class Requester {  ///< who holds tags
 public:
  /// `offset` of this piece within the request; `last`: nothing more will come (the tag is free after this).
  virtual void completion(std::uint16_t tag, const Tlp& tlp, std::uint32_t offset, bool last) = 0;
  virtual void timed_out(std::uint16_t tag) = 0;
  virtual void tag_free() = 0;  ///< after wait()

 protected:
  ~Requester() = default;
};

class OutstandingRequests : public sc_core::sc_module {
 public:
  OutstandingRequests(const sc_core::sc_module_name& name, Timeline& timeline, TlpPort& port, unsigned tags,
                      const Time& timeout);

  /// Its owner lets no more than so many be under way.
  void bound(std::uint64_t requests) { occupancy_.bound(std::min<std::uint64_t>(requests, allowed())); }
  bool full() const { return free_.empty(); }
  unsigned used() const { return used_; }
  std::uint64_t given_up() const { return given_up_; }  ///< timed out, since the beginning
  std::uint16_t take(Requester& owner, RequesterId requester, std::uint32_t bytes);
  void wait(Requester& owner);  ///< calls owner.tag_free() once when a tag is free
  void completion(const Tlp& tlp);
  /// Called for a request given up (no TLP) and for a completion that nobody waits for.
  void on_error(Delegate<void(config::PcieError, RequesterId, const Tlp*)> handler) { on_error_ = handler; }

 private:
  struct Entry {
    Requester* owner = nullptr;  ///< nullptr: free
    RequesterId requester;
    std::uint32_t bytes = 0, received = 0;
    Time deadline;
  };
  unsigned allowed() const;
  void release(std::uint16_t tag);
  void tell_waiting();
  void expire();
  void tell(config::PcieError error, RequesterId requester, const Tlp* tlp) const {
    if (on_error_) on_error_(error, requester, tlp);
  }

  Timeline& timeline_;
  TlpPort& port_;
  const Time timeout_;
  std::vector<Entry> entries_;
  std::vector<std::uint16_t> free_;
  std::vector<Requester*> waiting_;
  unsigned used_ = 0;
  std::uint64_t given_up_ = 0;
  Delegate<void(config::PcieError, RequesterId, const Tlp*)> on_error_;
  Event deadline_;
  Occupancy occupancy_{"tags", "tags in use"};
  Counter unexpected_{"unexpected_completions", "1", "completions that no request waited for"};
  Counter timeouts_{"timeouts", "1", "requests whose completion never came"};
  Invariant bounded_{"tags_bounded", Invariant::always, "no more requests outstanding than tags agreed on",
                     [this] { return used_ <= allowed() ? std::string() : std::to_string(used_) + " in use"; }};
  Invariant drained_{"no_request_left", Invariant::at_rest, "at rest no request waits for a completion",
                     [this] { return used_ == 0 ? std::string() : std::to_string(used_) + " wait"; }};
};

}  // namespace iov::endpoint
