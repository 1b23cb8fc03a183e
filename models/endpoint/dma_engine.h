// SPDX-License-Identifier: Apache-2.0
/// DmaEngine -- turns the reads and writes of an endpoint's queues into TLPs and puts answers together.
///
/// Spec    PCIe Base 5.0 2.2.7 (requests), 2.2.9 (completions), 2.4 (a channel's writes stay in order).
/// Models  MPS, MRRS and 4 KiB splitting, shared tags, bounds on outstanding reads (in all and per channel) and
///         on posted writes that wait for the link, round robin between channels by request, reassembly,
///         errors to the owner, translation through the device TLB, cancelling; what software allows a function in
///         its configuration space: Bus Master Enable, ATS Enable, Enable No Snoop, payload and read request size.
/// Omits   per-byte time inside the engine: the link is the bottleneck; relaxed ordering.
/// Units   bytes
#pragma once
#include <map>
#include <memory>
#include <systemc>
#include <vector>

#include "models/core/prefetch.h"
#include "models/core/stat.h"
#include "models/endpoint/device_tlb.h"
#include "models/endpoint/dma_request.h"

namespace iov::endpoint {

class DmaEngine : public sc_core::sc_module, Requester, TlbClient {
  enum Direction : unsigned { reads, writes, directions };
  struct Request;
  struct Lane {  ///< its queue is a chain through the requests: of thousands of channels few have any
    Request *first = nullptr, *last = nullptr;
    std::uint64_t last_page = 1ull << 63;  ///< where the last access ended: a stream goes on from there
    bool listed = false;                   ///< in ready_
  };

 public:
  struct Params {
    unsigned tags = 256;
    unsigned outstanding_reads = 35;
    unsigned outstanding_reads_per_channel = 35;
    unsigned posted_backlog = 16;
    bool no_snoop = false;
    Time read_setup{80, sc_core::SC_NS};
    Time completion_timeout{50, sc_core::SC_MS};

    template <class V>
    void describe(V& v) {
      v.field("tags", tags, Range<unsigned>{1, 768}, "tags, as far as the link agrees",
              "PCIe Base 5.0 2.2.6.2: 32, 256 or 768");
      v.field("outstanding_reads", outstanding_reads, Range<unsigned>{1, 768}, "read TLPs without completion",
              "pcie-bench (SIGCOMM 2018), NFP: 62.3 M/s x 557 ns = 35");
      v.field("outstanding_reads_per_channel", outstanding_reads_per_channel, Range<unsigned>{1, 768},
              "read TLPs without completion of one queue", no_source);
      v.field("posted_backlog", posted_backlog, Range<unsigned>{1, 1024},
              "write TLPs that may wait in the port before the engine stops", no_source);
      v.flag("no_snoop", no_snoop,
             "its reads and writes of memory carry No Snoop, where software and the translation let them", "PCIe Base 5.0 2.2.6.5");
      v.field("read_setup", read_setup, Range<Time>{Time(), Time(10, sc_core::SC_US)},
              "from a read request to its first TLP",
              "pcie-bench (SIGCOMM 2018), NFP: DMA engine 560 ns against 480 ns on its command path");
      v.field("completion_timeout", completion_timeout,
              Range<Time>{Time(50, sc_core::SC_US), Time(64, sc_core::SC_SEC)}, "wait for a completion",
              "PCIe Base 5.0 7.5.3.16: default range 50 us to 50 ms");
    }
  };
  DmaEngine(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port,
            OutstandingRequests& requests, DeviceTlb& tlb);

  class alignas(cache_line_bytes) Channel {  // all that a read needs lies in its first line
    friend DmaEngine;
    DmaClient* client = nullptr;
    AddressSpace space;
    unsigned reads = 0;  ///< outstanding read TLPs
    bool ats = true, no_snoop = true;
    bool held = false;  ///< wants to read and has all reads under way that it may have
    DmaStatus refusal = DmaStatus::success;  ///< of what it may not do; success: it may
    std::array<Lane, directions> lane;
  };
  /// A queue of requests with its own requester ID; writes stay in order among themselves, so do reads.
  unsigned add_channel(RequesterId requester, DmaClient& client, Pasid pasid = {});
  Channel& channel(unsigned number) { return *channels_[number]; }  ///< stays there: who has thousands need not look for it
  void set_requester(unsigned channel, RequesterId requester);
  struct Permission {
    bool bus_master, ats, pasid, no_snoop;
  };
  /// Of all channels of a function. A request without Bus Master Enable, or with a PASID without PASID Enable, fails;
  /// without ATS nothing is translated.
  void allow(RequesterId function, const Permission& what);
  /// Max_Payload_Size and Max_Read_Request_Size; at first those of the link.
  void set_sizes(std::uint32_t max_payload, std::uint32_t max_read_request);
  /// The request of the submit() that follows, as a DmaRequest is at first: to be filled in in its place.
  DmaRequest& compose() {
    if (!free_) add_slot();
    free_->r = DmaRequest();
    return free_->r;
  }
  void submit(Channel& channel) {
    Request& q = *std::exchange(free_, free_->next);
    q.channel = &channel;
    begin(q);
  }
  void submit(unsigned channel) { submit(*channels_[channel]); }
  void submit(Channel& channel, DmaRequest&& request) {
    compose() = std::move(request);
    submit(channel);
  }
  void submit(unsigned channel, DmaRequest&& request) { submit(*channels_[channel], std::move(request)); }
  /// A descriptor names this range: the device TLB may translate it ahead.
  void expect(const Channel& channel, std::uint64_t address, std::uint32_t bytes, bool write) {
    if (tlb_.enabled() && channel.ats && bytes > 0) tlb_.expect({channel.space, address, bytes, write, false});
  }
  void expect(unsigned channel, std::uint64_t address, std::uint32_t bytes, bool write) { expect(*channels_[channel], address, bytes, write); }
  /// Forgets the channel's requests: none starts any more, no dma_done follows.
  void cancel(unsigned channel);
  void add_to(WorkingSet& set, unsigned channel) const {
    set.add_object(channels_[channel]);
    set.add_object(*channels_[channel]);
  }
  /// Where writes that are done are: TLPs that wait in the port, a call for each of these that leaves, what is still to leave.
  std::size_t writes_waiting() const { return port_.backlog(FcClass::posted); }
  void on_posted_left(Delegate<void()> handler) { port_.on_posted_left(handler); }
  Time sent_all_but(std::uint32_t bytes) const { return port_.sent_all_but(bytes); }
  BytePool& pool() { return pool_; }
  std::uint64_t bytes() const { return read_bytes_.value() + write_bytes_.value(); }

 private:
  enum class Progress : std::uint8_t { finished, blocked, starved };
  struct Request {
    DmaRequest r;
    Channel* channel = nullptr;
    Request* next = nullptr;             ///< in its lane's queue, or free
    std::uint32_t slot = 0;
    std::uint32_t issued = 0, tlps = 0;  ///< bytes sent; read TLPs without completion
    bool live = false, queued = false, in_setup = false, translating = false, cancelled = false;
    DmaStatus status = DmaStatus::success;
    Grant grant;
    ByteBuffer buffer;
    Time started;
  };
  struct ReadTlp {  ///< by tag
    Request* request = nullptr;
    std::uint32_t base = 0, use = 0;
  };
  void completion(std::uint16_t tag, const Tlp& tlp, std::uint32_t offset, bool last) override;
  void timed_out(std::uint16_t tag) override;
  void tag_free() override { pump(); }
  void translated(std::uint32_t slot, const Grant& grant) override;

  AddressSpace space_of(RequesterId requester, Pasid pasid);
  [[gnu::cold]] void add_slot();
  void begin(Request& q);
  void prepare_read(Request& q);
  void set_up(Request*&& q);
  void enqueue(Request& q, Direction d);
  void start_translation(Request& q);
  static void append(Lane& lane, Request& q) {
    q.next = nullptr;
    (lane.first ? lane.last->next : lane.first) = &q;
    lane.last = &q;
    q.queued = true;
  }
  static void take_first(Lane& lane) {
    lane.first->queued = false;
    lane.first = lane.first->next;
  }
  void list(Channel& channel, Direction d) {
    Lane& lane = channel.lane[d];
    if (lane.listed || !lane.first) return;
    lane.listed = true;
    ready_[d].push(&channel);
  }
  void pump();
  template <Direction d>
  bool serve();
  template <Direction d>
  bool room();
  template <Direction d>
  Progress advance(Request& q, Channel& c);
  bool translates(const Request& q) const;
  static bool has_address(const Request& q);
  Progress hold(Channel& channel);
  void let_go(Channel& channel);
  void count_held();
  template <Direction d>
  void send(Request& q, Channel& c, std::uint32_t length);
  void send_read(Request& q, Channel& c, Tlp& tlp);
  bool write_together(Request& q, const Channel& c, std::uint32_t left);
  void attach(Request& q, std::uint32_t at, Tlp& tlp);
  [[gnu::noinline]] void attach_part(const Request& q, std::uint32_t at, Tlp& tlp);
  void take_along(const Request& q, Tlp& tlp);
  void place(const Request& q, const Channel& c, Tlp& tlp) const;
  void check(const Request& q, const Tlp& tlp, std::uint32_t limit);
  [[gnu::noinline]] void check_translated(const Request& q, const Tlp& tlp);
  void keep(const ReadTlp& read, const Tlp& tlp, std::uint32_t offset);
  void read_over(std::uint16_t tag, DmaStatus status);
  void drop_grant(Request& q) {
    if (q.grant.use != Grant::no_use) tlb_.give_back(q.grant.use);
    q.grant.kind = Grant::Kind::refused, q.grant.snoop_only = false, q.grant.use = Grant::no_use;
  }
  void drop_draining();
  void fail(Request& q, DmaStatus status);
  void retire(Request& q);
  std::string pending() const;

  Timeline& timeline_;
  const Params params_;
  TlpPort& port_;
  OutstandingRequests& requests_;
  DeviceTlb& tlb_;
  const LinkLimits& link_;
  LinkLimits limits_;  ///< as far as software lets it go
  BytePool pool_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::map<std::uint64_t, unsigned> tenants_;  ///< number of each (requester, PASID)
  std::vector<std::unique_ptr<Request>> slots_;
  Request* free_ = nullptr;  ///< a chain
  std::vector<ReadTlp> read_tlps_;
  std::array<Tlp, TlpPort::most_together> together_;  ///< while they are handed to the port
  std::array<Fifo<Channel*>, directions> ready_;  ///< channels that can go on, in turn
  unsigned outstanding_ = 0, held_ = 0;
  Time held_since_;
  std::size_t live_ = 0;
  bool pumping_ = false;
  std::uint64_t rule_breaks_ = 0, ungranted_ = 0;
  TimedFifo<Request*> setup_{timeline_, bind<&DmaEngine::set_up>(this)};

  Counter reads_{"reads", "1", "read TLPs sent"};
  Counter writes_{"writes", "1", "write TLPs sent"};
  Counter read_bytes_{"read_bytes", "B", "bytes asked for"};
  Counter write_bytes_{"write_bytes", "B", "bytes written"};
  Counter translated_{"translated_tlps", "1", "TLPs sent with a translated address"};
  Counter failed_{"failed", "1", "requests that ended with an error"};
  Counter write_stalls_{"write_stalls", "1", "times writes waited for the link"};
  Counter read_stalls_{"read_stalls", "1", "times reads waited for a tag or an outstanding slot"};
  BusyTime held_reads_{"outstanding_reads_per_channel", "time in which a queue could not read because of its own bound on reads under way"};
  LatencyHistogram read_latency_{"read_latency", "from a read's first TLP to its last completion"};
  Invariant rules_{"request_rules", Invariant::always, "no TLP exceeds MPS or MRRS or crosses 4 KiB", [this] {
                     return rule_breaks_ == 0 ? std::string() : std::to_string(rule_breaks_) + " did";
                   }};
  Invariant granted_{"translated_after_grant", Invariant::always, "translated TLPs use an address that was granted",
                     [this] { return ungranted_ == 0 ? std::string() : std::to_string(ungranted_) + " did not"; }};
  Invariant rest_{"no_request_pending", Invariant::at_rest, "at rest no DMA request is pending",
                  [this] { return pending(); }};
};

}  // namespace iov::endpoint
