// SPDX-License-Identifier: Apache-2.0
/// Application -- what a VM (or a bare-metal host) runs: sends what its traffic has due, consumes what arrives.
///
/// Models  application and network stack as costs per packet, batching of what is due at once, the queue that forms
///         when the device is slower than the application.
#pragma once
#include "models/core/prefetch.h"
#include "models/software/costs.h"
#include "models/software/packet_io.h"

namespace iov::software {

class Application : public PacketReceiver, PacketConsumer {
 public:
  Application(const PacketServices& services, const SoftwareCosts& costs, GuestTraffic& traffic, NetDevice& device,
              host::Strand& strand, host::Context context);
  void start();
  Task receive(host::Strand& strand, Frame& frame) override;
  PacketConsumer* consumer_in(host::Context context) override { return context == context_ ? this : nullptr; }
  void add_to(WorkingSet& set) const {
    set.add_members(*this, &Application::services_, &Application::context_);
    traffic_.add_to(set);
  }

 private:
  static constexpr unsigned bulk = 8;  ///< packets behind one doorbell at most, as Linux dequeues in bulk
  host::Strand::Spend spend(host::Strand& strand) override;
  void take(const Frame& frame) override;
  Task send_loop();
  void due() { strand_.wake(); }
  void arm();

  const PacketServices services_;
  const SoftwareCosts& costs_;
  GuestTraffic& traffic_;
  NetDevice& device_;
  host::Strand& strand_;
  const host::Context context_;
  Event due_{services_.timeline, bind<&Application::due>(this)};
  Task task_;
};

}  // namespace iov::software
