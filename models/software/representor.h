// SPDX-License-Identifier: Apache-2.0
/// Representor -- the host's software switch between VFs: in representor mode the device hands it every frame of a VF for
/// another function, it looks at it and sends it back to where it belongs, at the host's cost.
///
/// Spec    Linux switchdev: the slow path of a bridge over port representors.
/// Models  one queue pair of the PF for all VFs; the bridge's cost per packet; a full transmit ring drops.
/// Omits   rules that refuse or rewrite packets, flow offload (after which the host would see nothing any more).
#pragma once
#include "models/core/stat.h"
#include "models/software/costs.h"
#include "models/software/packet_io.h"

namespace iov::software {

class Representor : public sc_core::sc_module, public PacketReceiver {
 public:
  Representor(const sc_core::sc_module_name& name, const PacketServices& services, const SoftwareCosts& costs, NetDevice& device)
      : sc_module(name), services_(services), costs_(costs), device_(device) {
    device.set_receiver(*this);
  }
  Task receive(host::Strand& strand, Frame& frame) override {
    frame.journey.enter(Stage::host_stack, services_.timeline.now());
    co_await strand.spend(host::Context::host_kernel, host::Work::stack, costs_.bridge);
    ++inspected_;
    if (device_.room() > 0) {
      co_await device_.transmit(strand, frame, false);
    } else {  // this is the strand that makes room: it cannot wait for it
      ++dropped_;
      services_.book.dropped(frame.header.id, DropReason::backend_queue_full);
    }
  }

 private:
  const PacketServices services_;
  const SoftwareCosts& costs_;
  NetDevice& device_;
  Counter inspected_{"inspected", "1", "packets between VFs that the host saw"};
  Counter dropped_{"dropped", "1", "packets that found the transmit ring full"};
};

}  // namespace iov::software
