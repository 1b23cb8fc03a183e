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

  /// A queue of requests with its own requester ID; writes stay in order among themselves, so do reads.
  unsigned add_channel(RequesterId requester, DmaClient& client, Pasid pasid = {});
  void set_requester(unsigned channel, RequesterId requester);
  struct Permission {
    bool bus_master, ats, pasid, no_snoop;
  };
  /// Of all channels of a function. A request without Bus Master Enable, or with a PASID without PASID Enable, fails;
  /// without ATS nothing is translated.
  void allow(RequesterId function, const Permission& what);
  /// Max_Payload_Size and Max_Read_Request_Size; at first those of the link.
  void set_sizes(std::uint32_t max_payload, std::uint32_t max_read_request);
  void submit(unsigned channel, DmaRequest&& request);
  /// A descriptor names this range: the device TLB may translate it ahead.
  void expect(unsigned channel, std::uint64_t address, std::uint32_t bytes, bool write) {
    if (tlb_.enabled() && channels_[channel]->ats && bytes > 0) tlb_.expect({channels_[channel]->space, address, bytes, write, false});
  }
  /// Forgets the channel's requests: none starts any more, no dma_done follows.
  void cancel(unsigned channel);
  void add_to(WorkingSet& set, unsigned channel) const {
    set.add_object(channels_[channel]);
    set.add_object(*channels_[channel]);
  }
  BytePool& pool() { return pool_; }
  std::uint64_t bytes() const { return read_bytes_.value() + write_bytes_.value(); }

 private:
  enum Direction : unsigned { reads, writes, directions };
  enum class Progress : std::uint8_t { finished, blocked, starved };
  struct Request {
    DmaRequest r;
    unsigned channel = 0;
    std::uint32_t next = 0;              ///< slot of the next one in its lane's queue
    std::uint32_t issued = 0, tlps = 0;  ///< bytes sent; read TLPs without completion
    bool live = false, queued = false, in_setup = false, translating = false, cancelled = false;
    DmaStatus status = DmaStatus::success;
    Grant grant;
    ByteBuffer buffer;
    Time started;
  };
  struct Lane {  ///< its queue is a chain through the requests: of thousands of channels few have any
    std::uint32_t first = 0, last = 0;
    std::uint32_t queued = 0;
    bool listed = false;  ///< in ready_
    std::uint64_t last_page = 1ull << 63;  ///< where the last access ended: a stream goes on from there
  };
  struct alignas(cache_line_bytes) Channel {  ///< all that a read needs lies in its first line
    DmaClient* client = nullptr;
    AddressSpace space;
    unsigned reads = 0;  ///< outstanding read TLPs
    bool ats = true, no_snoop = true;
    bool held = false;  ///< wants to read and has all reads under way that it may have
    DmaStatus refusal = DmaStatus::success;  ///< of what it may not do; success: it may
    std::array<Lane, directions> lane;
  };
  struct ReadTlp {  ///< by tag
    std::uint32_t slot = 0, base = 0, use = 0;
  };
  void completion(std::uint16_t tag, const Tlp& tlp, std::uint32_t offset, bool last) override;
  void timed_out(std::uint16_t tag) override;
  void tag_free() override { pump(); }
  void translated(std::uint32_t slot, const Grant& grant) override;

  AddressSpace space_of(RequesterId requester, Pasid pasid);
  std::uint32_t take_slot();
  [[gnu::cold]] void add_slot();
  void set_up(std::uint32_t&& slot) { enqueue(slot); }
  void enqueue(std::uint32_t slot);
  void start_translation(std::uint32_t slot);
  void append(Lane& lane, std::uint32_t slot);
  void take_first(Lane& lane) { take_first(lane, *slots_[lane.first]); }
  static void take_first(Lane& lane, Request& q) {
    q.queued = false;
    lane.first = q.next;
    --lane.queued;
  }
  void list(unsigned channel, Direction d) { list(channel, channels_[channel]->lane[d], d); }
  void list(unsigned channel, Lane& lane, Direction d);
  void pump();
  bool serve(Direction d) { return !ready_[d].empty() && serve_ready(d); }
  bool serve_ready(Direction d);
  bool room(Direction d);
  Progress advance(std::uint32_t slot, Request& q, Channel& c);
  bool translates(const Request& q) const;
  static bool has_address(const Request& q);
  Progress hold(Channel& channel);
  void let_go(Channel& channel);
  void count_held();
  void send(std::uint32_t slot, Request& q, Channel& c, std::uint32_t length);
  void send_read(std::uint32_t slot, Request& q, Channel& c, Tlp& tlp);
  bool write_together(Request& q, const Channel& c, std::uint32_t left);
  void attach(Request& q, Tlp& tlp);
  [[gnu::noinline]] void attach_part(Request& q, Tlp& tlp);
  void take_along(const Request& q, Tlp& tlp);
  void place(const Request& q, const Channel& c, Tlp& tlp) const;
  void check(const Request& q, const Tlp& tlp);
  [[gnu::noinline]] void check_translated(const Request& q, const Tlp& tlp);
  void keep(const ReadTlp& read, const Tlp& tlp, std::uint32_t offset);
  void read_over(std::uint16_t tag, DmaStatus status);
  void drop_grant(Request& q);
  void drop_draining();
  void fail(Request& q, DmaStatus status);
  void retire(std::uint32_t slot);
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
  std::vector<std::uint32_t> free_slots_;
  std::vector<ReadTlp> read_tlps_;
  std::array<Tlp, TlpPort::most_together> together_;  ///< while they are handed to the port
  std::array<Fifo<unsigned>, directions> ready_;  ///< channels that can go on, in turn
  unsigned outstanding_ = 0, held_ = 0;
  Time held_since_;
  std::size_t live_ = 0;
  bool pumping_ = false;
  std::uint64_t rule_breaks_ = 0, ungranted_ = 0;
  TimedFifo<std::uint32_t> setup_{timeline_, bind<&DmaEngine::set_up>(this)};

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
