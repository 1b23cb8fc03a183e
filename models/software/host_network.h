// SPDX-License-Identifier: Apache-2.0
/// HostNetwork -- the host's side of software I/O: its NIC driver, a learning-free bridge by destination address, and
/// one tap per VM.
///
/// Models  bridge and tap as costs per packet, the tap's bounded queue towards the back end (drops counted), a wake-up
///         of the back end's thread per burst.
/// Spec    Linux bridge, drivers/net/tun.c (queue length 1000 by default, 500 historically).
#pragma once
#include <deque>
#include <unordered_map>

#include "models/core/stat.h"
#include "models/software/costs.h"
#include "models/software/packet_io.h"

namespace iov::software {

/// One VM's queue between the bridge and its back end.
class Tap : public sc_core::sc_object {
 public:
  Tap(const char* object_name, std::size_t capacity) : sc_object(object_name), capacity_(capacity) {}
  bool empty() const { return queue_.empty(); }
  std::size_t size() const { return queue_.size(); }
  /// @returns false when full: the caller books the drop
  bool push(Frame&& frame) {
    if (queue_.size() >= capacity_) return false;
    queue_.push_back(std::move(frame));
    return true;
  }
  Frame pop() {
    Frame frame = std::move(queue_.front());
    queue_.pop_front();
    return frame;
  }
  /// The strand that sleeps until something comes; woken when the queue was empty and it asked for it.
  void notify(host::Strand* reader) { reader_ = reader; }
  host::Strand* take_reader() { return std::exchange(reader_, nullptr); }

 private:
  const std::size_t capacity_;
  std::deque<Frame> queue_;
  host::Strand* reader_ = nullptr;
};

class HostNetwork : public sc_core::sc_module, public PacketReceiver {
 public:
  struct Params {
    unsigned tap_queue = 500;
    template <class V>
    void describe(V& v) {
      v.field("tap_queue", tap_queue, Range<unsigned>{1, 100000}, "packets a tap holds for its back end",
              "Linux tun.c TUN_READQ_SIZE 500");
    }
  };
  HostNetwork(const sc_core::sc_module_name& name, const PacketServices& services, const Params& params, const SoftwareCosts& costs)
      : sc_module(name), services_(services), params_(params), costs_(costs) {}

  /// The uplink; packets for unknown addresses go there.
  void set_uplink(NetDevice& device) {
    uplink_ = &device;
    device.set_receiver(*this);
  }
  Tap& add_tap(MacAddress mac);
  /// A packet from the uplink (host softirq): to its tap.
  Task receive(host::Strand& strand, Frame& frame) override;
  /// A packet from a VM: through the bridge to another tap or the uplink, on the sender's strand.
  Task send(host::Strand& strand, Frame& frame, bool more);

 private:
  Task to_tap(host::Strand& strand, Tap& tap, Frame& frame);
  const PacketServices services_;
  const Params params_;
  const SoftwareCosts& costs_;
  NetDevice* uplink_ = nullptr;
  std::deque<std::unique_ptr<Tap>> taps_;
  std::unordered_map<std::uint64_t, Tap*> by_mac_;
  Counter to_vm_{"to_vm", "1", "packets queued for a VM"};
  Counter from_vm_{"from_vm", "1", "packets sent by VMs"};
  Counter inspected_{"inspected", "1", "packets that the host saw"};
  Counter dropped_{"dropped", "1", "packets that found the tap's queue full or no tap"};
};

}  // namespace iov::software
