// SPDX-License-Identifier: Apache-2.0
/// VirtioNet -- the guest's virtio-net driver: two virtqueues, split or packed, NAPI on the receive side, kicks only when the
/// device asks for them.
///
/// Spec    virtio 1.2 5.1 (network device; 12-byte header), 2.7, 2.8; behaviour of Linux drivers/net/virtio_net.c: transmit
///         buffers are reclaimed when sending, transmit interrupts only while the queue is full.
#pragma once
#include "models/software/costs.h"
#include "models/software/packet_io.h"
#include "models/software/vcpu.h"
#include "models/software/virtqueue.h"

namespace iov::software {

/// How a front end tells its back end: an exit that ends in a signal, or nothing at all when polled.
class Doorbell {
 public:
  virtual ~Doorbell() = default;
  virtual Task kick(host::Strand& strand, unsigned queue, JourneyRef journey) = 0;
};

class VirtioNet : public sc_core::sc_module, public NetDevice {
 public:
  static constexpr std::uint32_t header_bytes = 12;  ///< struct virtio_net_hdr_v1
  static constexpr unsigned receive_queue = 0, transmit_queue = 1;
  struct Params {
    unsigned queue_size = 256, poll_budget = 64, refill_batch = 32;
    bool event_index = true, packed = false;
    template <class V>
    void describe(V& v) {
      v.field("queue_size", queue_size, Range<unsigned>{4, 32768}, "descriptors per virtqueue, a power of two", "QEMU default 256");
      v.field("poll_budget", poll_budget, Range<unsigned>{1, 1024}, "packets per poll round", "Linux NAPI weight 64");
      v.field("refill_batch", refill_batch, Range<unsigned>{1, 1024}, "receive buffers returned at a time", no_source);
      v.flag("event_index", event_index, "VIRTIO_RING_F_EVENT_IDX: exact suppression instead of flags", "virtio 1.2 6");
      v.flag("packed", packed, "VIRTIO_F_RING_PACKED: one ring of descriptors instead of a table and two rings", "off: QEMU's default; virtio 1.2 2.8");
      v.require((queue_size & (queue_size - 1)) == 0, "queue_size must be a power of two");
      v.require(2 * refill_batch <= queue_size, "refill_batch must be at most half of queue_size");
    }
  };
  VirtioNet(const sc_core::sc_module_name& name, const PacketServices& services, const Params& params,
            const SoftwareCosts& costs, MemoryView& memory, Vcpu& vcpu, InterruptLine* line);

  const VirtqueueLayout& layout(unsigned queue) const { return queue == receive_queue ? rx_layout_ : tx_layout_; }
  std::uint8_t vector() const { return vector_; }
  void set_doorbell(Doorbell& doorbell) { doorbell_ = &doorbell; }
  Task initialise(host::Strand& strand);
  Task transmit(host::Strand& strand, Frame& frame, bool more) override;
  Task flush(host::Strand& strand) override { co_await kick(strand, transmit_queue, {}); }
  void set_receiver(PacketReceiver& receiver) override {
    receiver_ = &receiver;
    consumer_ = receiver.consumer_in(host::Context::guest);
  }
  std::size_t room() const override { return tx_.room(); }
  std::uint64_t kicks() const { return kicks_.value(); }

 private:
  Task interrupt(host::Strand& strand);
  Task poll_loop();
  Task receive_some(unsigned& taken);
  Task refill();
  Task reclaim(host::Strand& strand);
  Task kick(host::Strand& strand, unsigned queue, JourneyRef journey);
  Gpa buffer(Gpa area, std::uint32_t id) const { return area + std::uint64_t{id} * buffer_bytes; }

  static constexpr std::uint32_t buffer_bytes = 2048;
  const PacketServices services_;
  const Params params_;
  const SoftwareCosts& costs_;
  MemoryView& memory_;
  Vcpu& vcpu_;
  Doorbell* doorbell_ = nullptr;
  PacketReceiver* receiver_ = nullptr;
  PacketConsumer* consumer_ = nullptr;  ///< the receiver, when work on a frame may be owed to its own
  VirtqueueLayout rx_layout_, tx_layout_;
  VirtqueueDriver rx_, tx_;
  Gpa rx_area_, tx_area_;
  std::vector<Gpa> rx_buffer_of_, tx_buffer_of_;  ///< by descriptor index
  std::vector<Gpa> tx_free_, rx_free_;
  std::vector<host::Strand*> blocked_;
  std::uint8_t vector_ = 0;
  Task poll_task_;
  Counter sent_{"sent", "1", "packets queued for transmission"};
  Counter taken_{"received", "1", "packets taken off the receive queue"};
  Counter kicks_{"kicks", "1", "notifications of the device"};
};

}  // namespace iov::software
