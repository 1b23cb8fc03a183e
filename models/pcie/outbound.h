// SPDX-License-Identifier: Apache-2.0
/// Outbound -- the half of the root complex that serves processors: MMIO, configuration requests, and messages to
/// functions.
///
/// Spec    PCIe Base 5.0 2.2.7 (memory requests), 2.3.2 (completions, retry), 2.8 (completion timeout), 2.9.1 (link down),
///         7.3.3 (type 0 and type 1 configuration requests), 10.3.
/// Models  BAR and ID routing, posted writes, reads with tags, completion timeout; a read that nobody claims, that
///         fails or times out returns all ones; so does a configuration request, after it was repeated for as long as
///         the function asked for a retry.
/// Omits   retry status made visible to software (RootCtl CRSSVE), write combining, back-pressure to the core (a posted write always leaves the core at once).
#pragma once
#include <vector>

#include "models/core/invariant.h"
#include "models/core/ring.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/pcie/root_complex_params.h"
#include "models/pcie/routes.h"
#include "models/protocol/config_bus.h"
#include "models/protocol/config_space/aer.h"
#include "models/protocol/mmio.h"
#include "models/protocol/tlp_port.h"

namespace iov::pcie {

struct RootPortAccess {  ///< a configuration request to bus 0
  RequesterId function;
  unsigned offset, bytes;
  bool write;
  std::uint32_t value;
};

class Outbound : public sc_core::sc_module {
 public:
  static constexpr RequesterId id{0};  ///< of the root complex itself

  Outbound(const sc_core::sc_module_name& name, Timeline& timeline, const RootComplexParams& params,
           const Routes& routes, Delegate<std::uint64_t(const RootPortAccess&)> root_ports);
  void add_port(TlpPort& link, const Bridge& bridge) { ports_.push_back({&link, &bridge}); }
  /// While the link of a root port is down what would go there is answered as unsupported (2.9.1).
  void set_link(unsigned port, bool up) { ports_.at(port).up = up; }

  void write(Hpa address, std::uint64_t value, unsigned bytes, JourneyRef journey);
  void read(Hpa address, unsigned bytes, Delegate<void(std::uint64_t)> done);
  void read_config(RequesterId function, unsigned offset, unsigned bytes, Delegate<void(std::uint64_t)> done);
  void write_config(RequesterId function, unsigned offset, unsigned bytes, std::uint32_t value,
                    Delegate<void(std::uint64_t)> done);
  void message(Tlp&& tlp);                ///< to the function tlp.completer
  void complete(const Tlp& completion);   ///< of a read, or of nobody's
  /// Who logs an error of a root port: a request given up, a completion nobody waits for.
  void on_error(Delegate<void(unsigned, config::PcieError, const Tlp*)> handler) { on_error_ = handler; }

  Counter mmio_writes{"mmio_writes", "1", "register writes by cores"};
  Counter mmio_reads{"mmio_reads", "1", "register reads by cores"};
  Counter config_requests{"config_requests", "1", "configuration reads and writes by cores"};
  Counter config_retries{"config_retries", "1", "configuration requests sent again because the function asked for it"};
  Counter messages{"messages", "1", "invalidate requests and page responses sent"};
  Counter unclaimed{"unclaimed", "1", "accesses and messages that no root port claims"};
  Counter failed_reads{"failed_reads", "1", "requests whose completion said other than success"};
  Counter completion_timeouts{"completion_timeouts", "1", "requests given up"};
  Counter unexpected_completions{"unexpected_completions", "1", "completions for no outstanding read"};
  LatencyHistogram mmio_read_latency{"mmio_read_latency", "core's read to its answer"};

 private:
  struct Port {
    TlpPort* link;
    const Bridge* bridge;
    bool up = true;
  };
  struct Request {  ///< not posted, from the core's call to its answer
    TlpType type = TlpType::memory_read;
    std::uint64_t address = 0;  ///< of memory, or the register
    RequesterId function;       ///< configuration requests
    unsigned bytes = 0;
    std::uint32_t value = 0;  ///< to be written
    Delegate<void(std::uint64_t)> done;
    Time started;
    bool config() const { return type != TlpType::memory_read; }
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
  struct Local {
    Time when;
    Request request;
  };
  struct Retry {
    Time when;
    std::uint16_t tag = 0;
    std::uint64_t serial = 0;
  };
  TlpPort* link_to(unsigned port);
  void tell(unsigned port, config::PcieError error, const Tlp* tlp) const {
    if (on_error_ && port != Routes::nowhere) on_error_(port, error, tlp);
  }
  unsigned port_of(const Request& request) const;
  void start(const Request& request);
  void answer_here(const Request& request);
  void answer_soon(const Request& request);
  void depart_later(TlpPort& link, Tlp&& tlp);
  void depart();
  void send(std::uint16_t tag, const Request& request, unsigned port);
  void send_waiting();
  bool retry(std::uint16_t tag);
  void retry_due();
  void answer(std::uint16_t tag, std::uint64_t value);
  void finish(const Request& request, std::uint64_t value);
  void local_due();
  void timeout_due();
  void arm_timeout();

  Timeline& timeline_;
  const RootComplexParams params_;
  const Routes& routes_;
  const Delegate<std::uint64_t(const RootPortAccess&)> root_ports_;
  std::vector<Port> ports_;
  Delegate<void(unsigned, config::PcieError, const Tlp*)> on_error_;
  BytePool pool_;
  Ring<Departure> departures_;
  std::vector<Pending> pending_;   ///< by tag
  Ring<std::uint16_t> free_tags_;  ///< oldest first: a late completion finds its tag unused as long as possible
  Ring<Request> waiting_;          ///< requests without a tag
  Ring<Deadline> deadlines_;
  Ring<Retry> retries_;
  Ring<Local> local_;  ///< answered by the root complex itself
  std::uint64_t serial_ = 0, given_up_ = 0, unexpected_ = 0;
  std::size_t outstanding_ = 0;
  Event depart_{timeline_, bind<&Outbound::depart>(this)};
  Event answer_local_{timeline_, bind<&Outbound::local_due>(this)};
  Event retry_{timeline_, bind<&Outbound::retry_due>(this)};
  Event timeout_{timeline_, bind<&Outbound::timeout_due>(this)};

  Invariant no_unknown_tags_{"no_unknown_tags", Invariant::always,
                             "completions come for outstanding tags only, but for those given up", [this] {
                               return unexpected_ > given_up_ ? std::to_string(unexpected_).append(" unexpected")
                                                              : std::string();
                             }};
  Invariant nothing_pending_{"nothing_pending", Invariant::at_rest, "no read is outstanding, nothing waits to depart",
                             [this] {
                               const auto left = outstanding_ + waiting_.size() + departures_.size() +
                                                 local_.size();
                               return left ? std::to_string(left).append(" pending") : std::string();
                             }};
};

}  // namespace iov::pcie
