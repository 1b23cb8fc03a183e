// SPDX-License-Identifier: Apache-2.0
/// Application -- what a VM (or a bare-metal host) runs: sends what its traffic has due, consumes what arrives.
///
/// Models  application and network stack as costs per packet, batching of what is due at once, the queue that forms
///         when the device is slower than the application.
#pragma once
#include "models/software/costs.h"
#include "models/software/packet_io.h"

namespace iov::software {

class Application : public PacketReceiver {
 public:
  Application(const PacketServices& services, const SoftwareCosts& costs, GuestTraffic& traffic, NetDevice& device,
              host::Strand& strand, host::Context context);
  void start();
  Task receive(host::Strand& strand, Frame& frame) override;
  void prefetch() const {  ///< its traffic as far as a packet needs it
    prefetch_object(*this);
    prefetch_range(&traffic_, 6 * cache_line_bytes);
  }

 private:
  static constexpr unsigned bulk = 8;  ///< packets behind one doorbell at most, as Linux dequeues in bulk
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
