// SPDX-License-Identifier: Apache-2.0
/// Outbound -- the half of the root complex that serves processors: MMIO, and messages to functions.
///
/// Spec    PCIe Base 5.0 2.2.7 (memory requests), 2.3.2 (completions), 2.8 (completion timeout), 10.3.
/// Models  BAR and ID routing, posted writes, reads with tags, completion timeout; a read that nobody claims, that
///         fails or times out returns all ones.
/// Omits   write combining, back-pressure to the core (a posted write always leaves the core at once).
#pragma once
#include <vector>

#include "models/core/invariant.h"
#include "models/core/ring.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/pcie/root_complex_params.h"
#include "models/pcie/routes.h"
#include "models/protocol/mmio.h"
#include "models/protocol/tlp_port.h"

namespace iov::pcie {

class Outbound : public sc_core::sc_module {
 public:
  static constexpr RequesterId id{0};  ///< of the root complex itself

  Outbound(const sc_core::sc_module_name& name, Timeline& timeline, const RootComplexParams& params,
           const Routes& routes);
  void add_port(TlpPort& link) { links_.push_back(&link); }

  void write(Hpa address, std::uint64_t value, unsigned bytes, JourneyRef journey);
  void read(Hpa address, unsigned bytes, Delegate<void(std::uint64_t)> done);
  void message(Tlp&& tlp);                ///< to the function tlp.completer
  void complete(const Tlp& completion);   ///< of a read, or of nobody's

  Counter mmio_writes{"mmio_writes", "1", "register writes by cores"};
  Counter mmio_reads{"mmio_reads", "1", "register reads by cores"};
  Counter messages{"messages", "1", "invalidate requests and page responses sent"};
  Counter unclaimed{"unclaimed", "1", "accesses and messages that no root port claims"};
  Counter failed_reads{"failed_reads", "1", "register reads whose completion said other than success"};
  Counter completion_timeouts{"completion_timeouts", "1", "register reads given up"};
  Counter unexpected_completions{"unexpected_completions", "1", "completions for no outstanding read"};
  LatencyHistogram mmio_read_latency{"mmio_read_latency", "core's read to its answer"};

 private:
  struct Request {  ///< a read, from the core's call to its answer
    Hpa address;
    unsigned bytes = 0;
    Delegate<void(std::uint64_t)> done;
    Time started;
  };
  struct Pending {
    Request request;
    std::uint64_t serial = 0;
    bool outstanding = false;
  };
  struct Departure {
    Time when;
    TlpPort* link = nullptr;
    Tlp tlp;
  };
  struct Deadline {
    Time when;
    std::uint16_t tag = 0;
    std::uint64_t serial = 0;
  };
  struct Unclaimed {
    Time when;
    Request request;
  };
  TlpPort* link_to(unsigned port);
  void depart_later(TlpPort& link, Tlp&& tlp);
  void depart();
  void send_read(const Request& request, TlpPort& link);
  void send_waiting();
  void answer(std::uint16_t tag, std::uint64_t value);
  void finish(const Request& request, std::uint64_t value);
  void unclaimed_due();
  void timeout_due();
  void arm_timeout();

  Timeline& timeline_;
  const RootComplexParams params_;
  const Routes& routes_;
  std::vector<TlpPort*> links_;
  BytePool pool_;
  Ring<Departure> departures_;
  std::vector<Pending> pending_;   ///< by tag
  Ring<std::uint16_t> free_tags_;  ///< oldest first: a late completion finds its tag unused as long as possible
  Ring<Request> waiting_;          ///< reads without a tag
  Ring<Deadline> deadlines_;
  Ring<Unclaimed> unclaimed_reads_;
  std::uint64_t serial_ = 0, given_up_ = 0, unexpected_ = 0;
  std::size_t outstanding_ = 0;
  Event depart_{timeline_, bind<&Outbound::depart>(this)};
  Event answer_unclaimed_{timeline_, bind<&Outbound::unclaimed_due>(this)};
  Event timeout_{timeline_, bind<&Outbound::timeout_due>(this)};

  Invariant no_unknown_tags_{"no_unknown_tags", Invariant::always,
                             "completions come for outstanding tags only, but for those given up", [this] {
                               return unexpected_ > given_up_ ? std::to_string(unexpected_).append(" unexpected")
                                                              : std::string();
                             }};
  Invariant nothing_pending_{"nothing_pending", Invariant::at_rest, "no read is outstanding, nothing waits to depart",
                             [this] {
                               const auto left = outstanding_ + waiting_.size() + departures_.size() +
                                                 unclaimed_reads_.size();
                               return left ? std::to_string(left).append(" pending") : std::string();
                             }};
};

}  // namespace iov::pcie
