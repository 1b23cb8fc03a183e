// SPDX-License-Identifier: Apache-2.0
/// Receiver -- the receive queues of all functions of a NIC: frames to buffers and descriptors in memory.
///
/// Spec    models/protocol/nic.h; Intel 82599 datasheet 7.1 (receive functionality).
/// Models  queue choice (first, RSS, round robin), a bounded packet buffer, shaping by function, descriptor prefetch,
///         payload writes over one or more buffers, descriptor write-back in batches after the data, interrupt; drops
///         with their reason. A frame that waits for a descriptor (drop enable off) takes room, but holds up no other.
/// Omits   header split, receive-side coalescing, checksum results, low-latency interrupts.
/// Units   bytes
#pragma once
#include <array>
#include <memory>
#include <systemc>
#include <utility>
#include <vector>

#include "models/endpoint/toeplitz.h"
#include "models/endpoint/types/descriptor_ring.h"
#include "models/endpoint/types/embedded_switch.h"
#include "models/endpoint/types/flow_control.h"
#include "models/endpoint/types/frame_ledger.h"
#include "models/endpoint/types/parked_queues.h"

namespace iov::endpoint {

struct ReceiveParams : PrefetchParams {
  ReceiveParams() { host_threshold = 4; }
  unsigned write_back_batch = 4;
  Bytes buffer = 512_KiB;
  Bytes descriptor_buffer = 2_KiB;
  Bytes shaping_backlog = 64_KiB, shaping_burst = 4_KiB;
  nic::Spread spread = nic::Spread::rss;

  template <class V>
  void describe(V& v) {
    PrefetchParams::describe_into(v);
    v.field("write_back_batch", write_back_batch, Range<unsigned>{1, 64},
            "descriptors that are written back together while more frames are on their way",
            "Intel 82598 datasheet 3.5.2.7: packed to cache lines, 4 x 16 B");
    v.field("buffer", buffer, Range<Bytes>{16_KiB, 64_MiB}, "packet buffer", "Intel 82599 datasheet 1.4: 512 KB");
    v.field("descriptor_buffer", descriptor_buffer, Range<Bytes>{256_B, 16_KiB},
            "host memory behind each descriptor", "Intel 82599 datasheet 8.2.3.8.7, BSIZEPACKET: 2 KB by default");
    v.field("shaping_backlog", shaping_backlog, Range<Bytes>{2_KiB, 64_MiB},
            "of a queue whose function receives beyond its rate; the rest is dropped", no_source);
    v.field("shaping_burst", shaping_burst, Range<Bytes>{64_B, 16_MiB}, "depth of a function's receive token bucket",
            no_source);
    v.choice("spread", spread, Names<3>{"first", "rss", "round_robin"},
             "after reset: over which queues the frames of a function or pool spread", "Intel 82599 datasheet 7.1.2.8");
  }
};

class Receiver : public sc_core::sc_module, DmaClient {
 public:
  Receiver(const sc_core::sc_module_name& name, const ReceiveParams& params, const NicServices& services,
           FlowControl& flow_control);

  unsigned add_queue(unsigned function, RequesterId requester);
  void set_requester(unsigned queue, RequesterId requester);
  /// Where a function's queues start, and how many of them exist.
  void set_function(unsigned function, unsigned first_queue, unsigned queues);
  void assign_pool(unsigned pool, unsigned first_queue, unsigned queues);
  void write(unsigned queue, std::uint32_t reg, std::uint64_t value, unsigned bytes);
  std::uint64_t read(unsigned queue, std::uint32_t reg) const { return queues_[queue]->ring.read(reg); }
  void stop(unsigned queue) { stop(*queues_[queue]); }  ///< what is not in memory is lost
  void reset(unsigned queue) {                          ///< the same, and its registers
    stop(queue);
    queues_[queue]->ring = {};
  }
  /// No pool has queues of a function any more.
  void forget_pools(unsigned function) {
    for (QueueRange& pool : pools_)
      if (pool.count != 0 && queues_[pool.first]->function == function) pool = {};
    functions_[function].range.pools = false;
  }
  void reset_spread(unsigned function) {  ///< and its redirection table
    FunctionQueues& f = functions_[function];
    f.spread = params_.spread, f.turn = 0;
    f.redirection.clear();
  }
  /// Registers of a function: how its frames spread, which queue each hash has.
  nic::Spread spread(unsigned function) const { return functions_[function].spread; }
  void set_spread(unsigned function, nic::Spread spread) { functions_[function].spread = spread; }
  std::uint32_t read_redirection(unsigned function, std::uint32_t offset) const;
  void write_redirection(unsigned function, std::uint32_t offset, std::uint32_t four_entries);
  ToeplitzHash& hash() { return hash_; }
  void set_rate(FunctionPolicy& policy, std::uint32_t mbps);

  void add_to(WorkingSet& set, unsigned function) const;  ///< of its first queue
  void prefetch(unsigned function) const;                 ///< that queue's next descriptor
  /// Of its first queue's next descriptor and buffer. @returns false when there are none
  bool next_addresses(unsigned function, std::array<std::uint64_t, 2>& addresses) const;
  void arrive(Frame&& frame);  ///< from the wire

 private:
  enum Ticket : std::uint32_t { fetch_ticket = 0, payload_ticket = 1u << 30, write_back_ticket = 2u << 30 };
  struct Packet;
  struct WriteBack {
    Packet* packet = nullptr;
    std::uint32_t index = 0;
    std::uint16_t length = 0;  ///< of what is in the buffer
    bool last = false;         ///< of its frame
  };
  struct Queue {
    DescriptorRing ring;
    unsigned index = 0, function = 0, channel = 0;
    bool parked = false;           ///< its function receives beyond its rate
    std::uint32_t leaving = 0;     ///< so many of `results`, the first, are being written back
    std::uint32_t waiting_pieces = 0, waiting_bytes = 0;
    Fifo<std::uint64_t> cache;     ///< buffer addresses
    Fifo<Packet*> waiting;         ///< frames without descriptors yet
    Fifo<Packet*> moving;          ///< frames whose payload is being written
    Fifo<WriteBack> results;       ///< of buffers that were written
    Fifo<std::uint32_t> batches;   ///< descriptors of each write-back on its way
  };
  struct Packet {
    Frame frame;
    Queue* queue = nullptr;
    std::uint32_t slot = 0, pieces = 0, moved = 0, first_index = 0, length = 0, hash = 0;
    bool failed = false, sole = true;
    Packet* next_free = nullptr;
  };
  struct QueueRange {
    unsigned first = 0, count = 0;
    bool pools = false;  ///< of a function: some of its queues belong to pools
  };
  struct FunctionQueues {
    QueueRange range;
    nic::Spread spread;
    unsigned turn = 0;                      ///< round robin
    std::vector<std::uint8_t> redirection;  ///< empty: even
  };
  void dma_done(std::uint32_t ticket, DmaStatus status, ByteBuffer&& data) override;

  void store(Frame&& frame, const EmbeddedSwitch::Arrival& arrival);
  Queue* choose(std::uint32_t hash, const EmbeddedSwitch::Arrival& arrival);
  std::optional<DropReason> refusal(const Queue* queue, std::uint32_t bytes, std::uint32_t pieces) const;
  std::uint32_t pieces_of(std::uint32_t bytes) const;
  const Queue* first_queue(unsigned function) const;  ///< null: it has none
  QueueRange range_of(Destination where) const;
  bool listens(Destination where);
  void control(Queue& q, std::uint32_t value);
  /// @param needed  by the frame at the front
  void fetch(Queue& q, std::uint32_t needed = 0) {
    const std::uint32_t n = q.ring.plan_fetch(static_cast<std::uint32_t>(q.cache.size()), params_, needed);
    if (n != 0) [[unlikely]] start_fetch(q, n);
  }
  [[gnu::noinline]] void start_fetch(Queue& q, std::uint32_t n);
  void fetched(Queue& q, DmaStatus status, const ByteBuffer& data);
  void serve(Queue& q);
  void go_on(unsigned queue);
  bool may_move(Queue& q);
  [[gnu::cold]] void park(Queue& q, const Time& until);
  void move(Queue& q, Packet& p);
  ByteBuffer slice(Packet& p, unsigned piece, std::uint32_t offset, std::uint32_t length);
  [[gnu::cold]] ByteBuffer slice_of_data(Packet& p, std::uint32_t offset, std::uint32_t length);
  void moved(Packet& p, DmaStatus status);
  static void write_result(const WriteBack& w, std::uint8_t* to);
  void flush(Queue& q);
  void written(Queue& q, bool good);
  void deliver(const Queue& q, Packet& p);
  [[gnu::cold]] void lose(const Frame& frame, unsigned function, DropReason reason, bool sole);
  [[gnu::cold]] void drop(Packet& p, DropReason reason);
  [[gnu::cold]] void stop(Queue& q);
  void release(Packet& p);
  void set_level(std::uint64_t bytes);
  Packet& take_packet();
  [[gnu::cold]] void add_packet();
  std::size_t in_flight() { return live_; }

  const ReceiveParams params_;
  const NicServices s_;
  FlowControl& flow_control_;
  ToeplitzHash hash_;
  BytePool pool_;
  std::vector<std::unique_ptr<Queue>> queues_;
  std::vector<FunctionQueues> functions_;
  std::vector<QueueRange> pools_;
  ParkedQueues parked_{s_.timeline, bind<&Receiver::go_on>(this)};
  std::vector<std::unique_ptr<Packet>> packets_;  ///< by slot
  Packet* free_ = nullptr;  ///< a chain
  std::size_t live_ = 0;
  std::uint64_t buffered_ = 0;

  Counter frames_{"frames", "1", "frames that arrived from the wire"};
  Counter fetches_{"descriptor_fetches", "1", "descriptor reads"};
  Counter descriptors_{"descriptors", "1", "descriptors fetched"};
  Counter write_backs_{"write_backs", "1", "descriptor writes"};
  Occupancy occupancy_{"buffer_used", "bytes in the receive packet buffer"};
  FrameLedger ledger_{"ledger", bind<&Receiver::in_flight>(this)};
};

}  // namespace iov::endpoint
