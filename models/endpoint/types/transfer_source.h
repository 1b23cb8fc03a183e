// SPDX-License-Identifier: Apache-2.0
/// TransferSource -- the firmware of a DMA microbenchmark: keeps transactions under way and measures each.
///
/// Spec    pcie-bench (Neugebauer et al., SIGCOMM 2018) section 5.
/// Models  a closed loop with a bound on transactions under way, an open loop that replays an address trace; the
///         device's own memory: what is written is fetched from it first, what was read is stored in it last; the
///         transmit buffer: a write is over when its last byte is in there, the wire need not have taken it.
/// Omits   contention for the device's memory other than its bandwidth; the transmit buffer's part in pacing: what the engine
///         hands over goes into the port's queue, only the time at which a write is over knows the buffer.
/// Units   bytes; a transaction is done when all its reads are stored and all its writes are over.
#pragma once
#include <map>
#include <systemc>
#include <vector>

#include "models/core/stat.h"
#include "models/endpoint/dma_engine.h"
#include "models/endpoint/timed_fifo.h"
#include "models/endpoint/types/access_pattern.h"
#include "models/endpoint/types/address_trace.h"

namespace iov::endpoint {

struct TransferParams {
  AccessParams access;
  unsigned outstanding = 64;
  unsigned lookahead = 0;
  Time issue_interval{0, sc_core::SC_NS};
  Time write_setup{80, sc_core::SC_NS};
  Bandwidth local_bandwidth{1e12};
  Bytes transmit_buffer = 512_B;
  std::string trace;

  template <class V>
  void describe(V& v) {
    access.describe(v);
    v.field("outstanding", outstanding, Range<unsigned>{1, 65536}, "transactions under way; 1 measures latency",
            "pcie-bench, SIGCOMM 2018: 1 for latency, more than the device can have for bandwidth");
    v.field("lookahead", lookahead, Range<unsigned>{0, 4096},
            "transactions whose descriptors are in the device before their turn: the device TLB may prefetch them", no_source);
    v.field("issue_interval", issue_interval, Range<Time>{Time(), Time(1, sc_core::SC_MS)},
            "least time from one transaction's start to the next", no_source);
    v.field("write_setup", write_setup, Range<Time>{Time(), Time(10, sc_core::SC_US)},
            "from a write's start to its first TLP, beside fetching the data", "taken equal to dma_engine.read_setup");
    v.field("local_bandwidth", local_bandwidth, Range<Bandwidth>{{1e8}, {1e13}},
            "of the device's own memory, each way: a transfer is stored there after it was read, fetched before it is written",
            no_source);
    v.field("transmit_buffer", transmit_buffer, Range<Bytes>{0_B, 64_KiB},
            "in front of the wire: a write is over, and the read that follows it begins, when of what the device sends no more than "
            "this is still to go on the wire; by default two TLPs of 256 B, one that goes and one that is filled",
            no_source);
    v.file("trace", trace, "CSV of accesses to replay instead of the pattern: time_ns, requester, pasid, address, bytes, r|w",
           no_source);
  }
};

class TransferSource : public sc_core::sc_module, DmaClient {
 public:
  TransferSource(const sc_core::sc_module_name& name, Timeline& timeline, const TransferParams& params, DmaEngine& engine,
                 std::uint64_t seed);

  /// The tenants in order of their number; not with a trace, whose lines name requesters.
  void add_requester(RequesterId requester, Pasid pasid, std::uint64_t window_base);
  const std::vector<TracedAccess>& trace() const { return trace_; }

  void start();
  void stop() { stopped_ = true; }  ///< what is under way still ends
  /// Calls `reached` when so many transactions have ended since the start, or the trace has.
  void on_count(std::uint64_t transactions, Delegate<void()> reached) { target_ = transactions, reached_ = reached; }
  std::uint64_t ended() const { return ended_; }
  unsigned in_flight() const { return in_flight_; }
  bool exhausted() const { return !trace_.empty() && next_traced_ == trace_.size() && in_flight_ == 0; }

  Counter transactions{"transactions", "1", "transactions that ended"};
  Counter failed{"failed", "1", "transactions that ended with an error"};
  Counter read_bytes{"read_bytes", "B", "bytes of reads that ended well"};
  Counter written_bytes{"written_bytes", "B", "bytes of writes that ended well"};
  LatencyHistogram latency{"latency", "of a transaction, from its start to its end"};
  Occupancy under_way{"under_way", "transactions under way"};
  TableStat requesters{"requesters", "transactions by requester", {{"transactions", "1"}, {"failed", "1"}}};

 private:
  struct Transaction {
    Time started;
    std::uint64_t address = 0;
    std::uint32_t bytes = 0;
    unsigned requester = 0, operations = 0;  ///< operations still to end
    bool read_follows = false, failed = false;
  };
  void pump();
  void pump_trace();
  void choose();
  AccessPattern::Access next_access();
  void begin(unsigned requester, std::uint64_t address, std::uint32_t bytes, DmaPattern pattern);
  void submit_read(std::uint32_t slot);
  void fetch(std::uint32_t slot);
  void submit_write(std::uint32_t&& slot);
  void handed_over(std::uint32_t slot);
  void posted_left();
  Time buffered_at() const;
  void written(std::uint32_t&& slot);
  void write_over(std::uint32_t slot);
  void stored(std::uint32_t&& slot);
  void operation_over(std::uint32_t slot);
  void dma_done(std::uint32_t ticket, DmaStatus status, ByteBuffer&& data) override;
  unsigned channel_of(const TracedAccess& access);

  Timeline& timeline_;
  const TransferParams params_;
  DmaEngine& engine_;
  AccessPattern pattern_;
  AccessPattern::Access ahead_{};  ///< the next one, without lookahead
  bool chosen_ = false;
  Fifo<AccessPattern::Access> upcoming_;  ///< their descriptors have been fetched
  std::vector<TracedAccess> trace_;
  std::size_t next_traced_ = 0;
  struct Source {
    std::uint64_t window;  ///< where it begins; a trace has addresses instead
    DmaEngine::Channel* channel;
  };
  std::vector<Source> sources_;  ///< by requester
  std::map<std::uint64_t, unsigned> traced_requesters_;
  std::vector<Transaction> transactions_;
  std::vector<std::uint32_t> free_;
  unsigned in_flight_ = 0;
  std::uint64_t ended_ = 0, target_ = 0;
  bool stopped_ = true, pumping_ = false;
  Time begin_, next_issue_, fetch_free_, store_free_;
  Delegate<void()> reached_;
  TimedFifo<std::uint32_t> fetched_{timeline_, bind<&TransferSource::submit_write>(this)};
  struct Waiting {
    std::uint32_t slot = 0;
    std::uint64_t until = 0;  ///< so many posted TLPs have left the backlog: its last one, too
  };
  Fifo<Waiting> waiting_;  ///< writes of which some TLPs wait for credits
  std::uint64_t posted_left_ = 0;
  TimedFifo<std::uint32_t> leaving_{timeline_, bind<&TransferSource::written>(this)};
  TimedFifo<std::uint32_t> storing_{timeline_, bind<&TransferSource::stored>(this)};
  Event issue_{timeline_, bind<&TransferSource::pump>(this)};
};

}  // namespace iov::endpoint
