// SPDX-License-Identifier: Apache-2.0
/// Transmitter -- the transmit queues of all functions of a NIC: descriptors to frames on the wire.
///
/// Spec    models/protocol/nic.h; Intel 82599 datasheet 7.2 (transmit functionality).
/// Models  doorbell, batched descriptor prefetch, scheduling of queues by frame, a bounded packet buffer, payload reads
///         (several descriptors per frame), frames of a queue in order, local switching, write-back in batches when
///         sent, interrupt.
/// Omits   segmentation and checksum offload, context descriptors, traffic classes.
/// Units   bytes; one FIFO wire for all functions
#pragma once
#include <array>
#include <deque>
#include <systemc>
#include <vector>

#include "models/endpoint/types/descriptor_ring.h"
#include "models/endpoint/types/embedded_switch.h"
#include "models/endpoint/types/ethernet_wire.h"
#include "models/endpoint/types/frame_ledger.h"
#include "models/endpoint/types/transmit_scheduler.h"

namespace iov::endpoint {

struct TransmitParams : PrefetchParams {
  unsigned write_back_batch = 8;
  Bytes buffer = 160_KiB;
  Bandwidth switch_rate{10e9};
  Bytes rate_burst = 16_KiB;

  template <class V>
  void describe(V& v) {
    PrefetchParams::describe_into(v);
    v.field("write_back_batch", write_back_batch, Range<unsigned>{1, 64},
            "descriptors that are written back together while more frames are on their way",
            "Intel 82599, as in the pcie-bench model (SIGCOMM 2018): 8");
    v.field("buffer", buffer, Range<Bytes>{16_KiB, 64_MiB}, "packet buffer", "Intel 82599 datasheet 1.4: 160 KB");
    v.field("switch_rate", switch_rate, Range<Bandwidth>{{1e6}, {1e12}}, "rate of the internal switch", no_source);
    v.field("rate_burst", rate_burst, Range<Bytes>{64_B, 16_MiB},
            "depth of a function's token buckets: of what it may send at most and of its least share", no_source);
  }
};

class Transmitter : public sc_core::sc_module, DmaClient {
 public:
  Transmitter(const sc_core::sc_module_name& name, const TransmitParams& params, const NicServices& services,
              EthernetWire& wire);

  /// @returns the queue's number, for the calls below
  unsigned add_queue(unsigned function, RequesterId requester);
  void set_requester(unsigned queue, RequesterId requester);
  void set_pool(unsigned queue, unsigned pool) { queues_[queue].self.pool = pool; }
  void write(unsigned queue, std::uint32_t reg, std::uint64_t value, unsigned bytes, JourneyRef journey);
  std::uint64_t read(unsigned queue, std::uint32_t reg) const;
  void stop(unsigned queue);   ///< what is not on the wire is lost
  void reset(unsigned queue) {  ///< the same, and its registers
    stop(queue);
    queues_[queue].ring = {};
  }
  void resume(unsigned queue) { fetch(queue); }  ///< the PF lets its function send again
  /// Registers of a function's policy, in Mb/s; 0: none.
  void set_rate(FunctionPolicy& policy, std::uint32_t mbps) {
    policy.transmit_mbps = mbps;
    policy.transmit.set(FunctionPolicy::bytes_per_second(mbps), params_.rate_burst.count);
  }
  void set_share(FunctionPolicy& policy, std::uint32_t mbps) {
    policy.share_mbps = mbps;
    policy.share.set(FunctionPolicy::bytes_per_second(mbps), params_.rate_burst.count);
  }

  /// Frames dropped, and their descriptors done, whose bytes were never read: nobody can tell which they were.
  std::uint64_t unread() const { return unread_; }

 private:
  static constexpr unsigned max_pieces = 40;  ///< descriptors per frame, 82599 datasheet 7.2.1.1
  static constexpr std::uint32_t min_frame = 14, max_frame = 9018;
  enum Ticket : std::uint32_t { fetch_ticket = 0, payload_ticket = 1u << 30, write_back_ticket = 2u << 30 };
  struct Doorbell {
    std::uint32_t tail = 0;
    Time at;
    JourneyRef journey;  ///< of the last descriptor it announces
  };
  struct Cached {
    nic::TxDescriptor descriptor{};
    Time rung, fetched;
    JourneyRef journey;
  };
  struct WriteBack {
    std::uint32_t index = 0;
    nic::TxDescriptor descriptor{};
  };
  struct Queue {
    DescriptorRing ring;
    Destination self;  ///< where frames to the sender itself would go: they are not switched
    unsigned channel = 0;
    std::uint32_t epoch = 0;  ///< counts resets
    Fifo<Doorbell> doorbells;
    Fifo<Cached> cache;
    Fifo<std::uint32_t> in_flight;  ///< frames being read, oldest first
    Fifo<WriteBack> done;
    unsigned launched = 0;       ///< frames booked on wire or switch, of earlier epochs too
    unsigned since_flush = 0;    ///< descriptors sent since the last write-back
    bool unfinished = false;     ///< what is cached is the begin of a frame
    bool idle() const { return in_flight.empty() && launched == 0; }
    Time fetch_started;
  };
  struct Packet {
    Frame frame;
    unsigned queue = 0, pieces = 0, pending = 0;
    std::uint32_t epoch = 0, last_index = 0;
    bool failed = false;
    DropReason reason = DropReason::malformed;  ///< when failed
    nic::TxDescriptor last{};
    std::array<std::uint8_t, FrameHeader::header_bytes> head{};
    std::array<std::uint16_t, max_pieces> offset{};
    Time rung, fetch_started, fetched, issued;
    JourneyRef journey;
    Destination to;  ///< local only
  };
  void dma_done(std::uint32_t ticket, DmaStatus status, ByteBuffer&& data) override;

  void control(unsigned queue, std::uint32_t value);
  void ring_doorbell(unsigned queue, std::uint32_t tail, JourneyRef journey);
  void fetch(unsigned queue);
  void fetched(unsigned queue, DmaStatus status, const ByteBuffer& data);
  void list(unsigned queue);
  void schedule();
  unsigned next_frame(const Queue& q, std::uint32_t& bytes) const;
  void start(unsigned queue, unsigned pieces, std::uint32_t bytes);
  void read_piece(std::uint32_t slot, unsigned piece, std::uint32_t offset, const Cached& from);
  void payload(std::uint32_t slot, unsigned piece, DmaStatus status, const ByteBuffer& data);
  void recognise(Packet& p);
  void leave_in_order(unsigned queue);
  bool launch(std::uint32_t slot);
  void left_wire(std::uint32_t&& slot);
  void left_switch(std::uint32_t&& slot);
  void sent(std::uint32_t slot);
  void lost_on_wire(std::uint32_t slot);
  void leave(const Packet& p);
  void drop(std::uint32_t slot, DropReason reason);
  void free_slot(std::uint32_t slot);
  void finish_descriptors(unsigned queue, const Packet& p);
  void flush(unsigned queue);
  std::uint32_t take_slot();
  std::size_t in_flight() { return live_; }

  const TransmitParams params_;
  const NicServices s_;
  EthernetWire& wire_;
  BytePool pool_;
  std::deque<Queue> queues_;
  TransmitScheduler scheduler_{s_.timeline, s_.policies, bind<&Transmitter::schedule>(this)};
  std::deque<Packet> packets_;
  std::vector<std::uint32_t> free_;
  std::size_t live_ = 0;
  std::uint64_t buffered_ = 0;
  Time switch_free_;
  TimedFifo<std::uint32_t> on_wire_{s_.timeline, bind<&Transmitter::left_wire>(this)};
  TimedFifo<std::uint32_t> in_switch_{s_.timeline, bind<&Transmitter::left_switch>(this)};

  Counter doorbells_{"doorbells", "1", "tail writes"};
  Counter fetches_{"descriptor_fetches", "1", "descriptor reads"};
  Counter descriptors_{"descriptors", "1", "descriptors fetched"};
  Counter write_backs_{"write_backs", "1", "descriptor writes"};
  Counter local_frames_{"local_frames", "1", "frames switched to a local function"};
  Counter buffer_waits_{"buffer_waits", "1", "times a frame waited for room in the packet buffer"};
  Occupancy occupancy_{"buffer_used", "bytes in the transmit packet buffer"};
  std::uint64_t unread_ = 0;
  FrameLedger ledger_{"ledger", bind<&Transmitter::in_flight>(this)};
};

}  // namespace iov::endpoint
