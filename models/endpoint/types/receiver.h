// SPDX-License-Identifier: Apache-2.0
/// Receiver -- the receive queues of all functions of a NIC: frames to buffers and descriptors in memory.
///
/// Spec    models/protocol/nic.h; Intel 82599 datasheet 7.1 (receive functionality).
/// Models  sorting, queue choice, a bounded packet buffer, descriptor prefetch, payload writes over one or more
///         buffers, descriptor write-back in batches after the data, interrupt; drops with their reason.
/// Omits   header split, receive-side coalescing, checksum results, low-latency interrupts.
/// Units   bytes
#pragma once
#include <array>
#include <deque>
#include <systemc>
#include <vector>

#include "models/endpoint/types/descriptor_ring.h"
#include "models/endpoint/types/frame_ledger.h"
#include "models/endpoint/types/nic_services.h"

namespace iov::endpoint {

struct ReceiveParams : PrefetchParams {
  ReceiveParams() { host_threshold = 4; }
  unsigned write_back_batch = 4;
  Bytes buffer = 512_KiB;
  Bytes descriptor_buffer = 2_KiB;
  bool rss = true;

  template <class V>
  void describe(V& v) {
    PrefetchParams::describe_into(v);
    v.field("write_back_batch", write_back_batch, Range<unsigned>{1, 64},
            "descriptors that are written back together while more frames are on their way",
            "Intel 82598 datasheet 3.5.2.7: packed to cache lines, 4 x 16 B");
    v.field("buffer", buffer, Range<Bytes>{16_KiB, 64_MiB}, "packet buffer", "Intel 82599 datasheet 1.4: 512 KB");
    v.field("descriptor_buffer", descriptor_buffer, Range<Bytes>{256_B, 16_KiB},
            "host memory behind each descriptor", "Intel 82599 datasheet 8.2.3.8.7, BSIZEPACKET: 2 KB by default");
    v.flag("rss", rss, "spread the flows of a function over its queues; off: queue 0 of the function or pool",
           "Intel 82599 datasheet 7.1.2.8");
  }
};

class Receiver : public sc_core::sc_module, DmaClient {
 public:
  Receiver(const sc_core::sc_module_name& name, const ReceiveParams& params, const NicServices& services);

  unsigned add_queue(unsigned function, RequesterId requester);
  void set_requester(unsigned queue, RequesterId requester);
  /// Where a function's queues start, and how many of them exist.
  void set_function(unsigned function, unsigned first_queue, unsigned queues);
  void assign_pool(unsigned pool, unsigned first_queue, unsigned queues);
  void write(unsigned queue, std::uint32_t reg, std::uint64_t value, unsigned bytes);
  std::uint64_t read(unsigned queue, std::uint32_t reg) const { return queues_[queue].ring.read(reg); }
  void stop(unsigned queue);  ///< reset: what is not in memory is lost

  void arrive(Frame&& frame);                    ///< from the wire: sort, then accept
  void accept(Frame&& frame, Destination where);  ///< also from the internal switch

 private:
  enum Ticket : std::uint32_t { fetch_ticket = 0, payload_ticket = 1u << 30, write_back_ticket = 2u << 30 };
  struct WriteBack {
    std::uint32_t index = 0, slot = 0;
    nic::RxDescriptor descriptor{};
    bool last = false;  ///< of its frame
  };
  struct Queue {
    DescriptorRing ring;
    unsigned function = 0, channel = 0;
    Fifo<std::uint64_t> cache;      ///< buffer addresses
    Fifo<std::uint32_t> waiting;    ///< frames without descriptors yet
    std::uint32_t waiting_pieces = 0;
    Fifo<std::uint32_t> moving;     ///< frames whose payload is being written
    Fifo<WriteBack> done, written;  ///< to be written back; being written back
    Fifo<std::uint32_t> batches;    ///< descriptors of each write-back on its way
  };
  struct Packet {
    Frame frame;
    unsigned queue = 0, pieces = 0, moved = 0;
    std::uint32_t first_index = 0, length = 0;
    bool failed = false, sole = true;
  };
  struct QueueRange {
    unsigned first = 0, count = 0;
    bool pools = false;  ///< of a function: some of its queues belong to pools
  };
  void dma_done(std::uint32_t ticket, DmaStatus status, ByteBuffer&& data) override;

  void receive(Frame&& frame, Destination where, bool sole);
  const Queue* choose(const FrameHeader& header, Destination where, unsigned& queue) const;
  QueueRange range_of(Destination where) const;
  bool listens(Destination where) const;
  void replicate(Frame&& frame);
  void control(unsigned queue, std::uint32_t value);
  void fetch(unsigned queue);
  void fetched(unsigned queue, DmaStatus status, const ByteBuffer& data);
  void serve(unsigned queue);
  void move(unsigned queue, std::uint32_t slot);
  ByteBuffer slice(Packet& p, unsigned piece, std::uint32_t offset, std::uint32_t length);
  void moved(std::uint32_t slot, DmaStatus status);
  nic::RxDescriptor result(const Packet& p, unsigned piece) const;
  void flush(unsigned queue);
  void written(unsigned queue, bool good);
  void deliver(unsigned queue, std::uint32_t slot);
  void lose(const Frame& frame, unsigned function, DropReason reason, bool sole);
  void drop(std::uint32_t slot, DropReason reason);
  void free_slot(std::uint32_t slot);
  void leave_buffer(const Packet& p);
  std::size_t in_flight() { return live_; }

  const ReceiveParams params_;
  const NicServices s_;
  BytePool pool_;
  std::deque<Queue> queues_;
  std::vector<QueueRange> functions_, pools_;
  std::deque<Packet> packets_;
  std::vector<std::uint32_t> free_;
  std::size_t live_ = 0;
  std::uint64_t buffered_ = 0;

  Counter frames_{"frames", "1", "frames that arrived from the wire"};
  Counter copies_{"copies", "1", "copies made of broadcast and multicast frames"};
  Counter fetches_{"descriptor_fetches", "1", "descriptor reads"};
  Counter descriptors_{"descriptors", "1", "descriptors fetched"};
  Counter write_backs_{"write_backs", "1", "descriptor writes"};
  Occupancy occupancy_{"buffer_used", "bytes in the receive packet buffer"};
  FrameLedger ledger_{"ledger", bind<&Receiver::in_flight>(this)};
};

}  // namespace iov::endpoint
