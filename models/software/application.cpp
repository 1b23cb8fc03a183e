// SPDX-License-Identifier: Apache-2.0
#include "models/software/application.h"

namespace iov::software {

using host::Strand;
using host::Work;

Application::Application(const PacketServices& services, const SoftwareCosts& costs, GuestTraffic& traffic,
                         NetDevice& device, Strand& strand, host::Context context)
    : services_(services), costs_(costs), traffic_(traffic), device_(device), strand_(strand), context_(context) {
  device_.set_receiver(*this);
  traffic_.on_due(bind<&Application::arm>(this));
}

void Application::start() {
  task_ = send_loop();
  task_.start();
}

void Application::arm() {
  const Time next = traffic_.next_due();
  if (next == sc_core::sc_max_time()) return;
  if (next <= services_.timeline.now()) return due();
  due_.before(next);
}

Task Application::send_loop() {
  for (;;) {
    OutPacket packet;
    unsigned held = 0;
    while (traffic_.take(services_.timeline.now(), packet)) {
      co_await strand_.spend(context_, Work::application, costs_.application_send);
      packet.journey.enter(Stage::guest_driver, services_.timeline.now());
      co_await strand_.spend(context_, Work::stack, costs_.stack_send);
      Frame frame;
      frame.header = packet.header;
      frame.bytes = packet.bytes;
      frame.journey = packet.journey;
      if (services_.payload) {
        frame.data = services_.payload->take(packet.bytes);
        traffic_.payload(packet, frame.data.bytes());
      }
      const bool more = held + 1 < bulk && traffic_.next_due() <= services_.timeline.now() && device_.room() > 1;
      held = more ? held + 1 : 0;
      co_await device_.transmit(strand_, frame, more);
    }
    if (held) co_await device_.flush(strand_);
    arm();
    co_await strand_.wait();
  }
}

Task Application::receive(Strand& strand, Frame& frame) {
  if (strand.may_owe()) {
    co_await spend(strand);
  } else {
    co_await strand.spend(context_, Work::stack, costs_.stack_receive);
    co_await strand.spend(context_, Work::application, costs_.application_receive);
  }
  take(frame);
}

Strand::Spend Application::spend(Strand& strand) {
  strand.owe(Work::stack, costs_.stack_receive);
  return strand.spend(context_, Work::application, costs_.application_receive);
}

void Application::take(const Frame& frame) {
  const std::span<const std::uint8_t> contents = frame.data ? frame.data.bytes() : std::span<const std::uint8_t>();
  traffic_.received(frame.header, contents, frame.bytes, services_.timeline.now());
}

}  // namespace iov::software
