// SPDX-License-Identifier: Apache-2.0
// Received frames that lie in several buffers, because the device fills less of each than the frame is long.
#include <algorithm>

#include "models/software/nic_driver.h"

namespace iov::software {

using host::Strand;
using host::Work;
using namespace nic;

/// Of the frame at the front. @returns 0 when its end is not there yet
std::uint32_t NicDriver::buffers_of_frame() const {
  RxDescriptor done{};
  for (std::uint32_t n = 0; n < rx_tail_ - rx_next_ && received(rx_next_ + n, done); ++n)
    if (done.write_back.status_error & rx_end_of_packet) return n + 1;
  return 0;
}

Frame NicDriver::take_frame_of(std::uint32_t buffers) {
  std::uint32_t bytes = 0;
  ByteBuffer contents = services_.payload ? services_.payload->take(ByteBuffer::capacity) : ByteBuffer();
  for (std::uint32_t i = 0; i < buffers; ++i) {
    const std::uint32_t length = memory_.load<RxDescriptor>(rx_descriptor(rx_next_ + i)).write_back.length;
    if (contents && bytes + length <= contents.size())
      memory_.port().peek(rx_at(rx_next_ + i).at, contents.bytes().subspan(bytes, length));
    bytes += length;
  }
  Frame frame = take_frame(rx_at(rx_next_).at, bytes);
  rx_next_ += buffers - 1;
  if (frame.data) std::memcpy(frame.data.data(), contents.data(), frame.data.size());
  return frame;
}

/// Each costs what a frame of one does. A lender knows frames of one buffer only, and gets these back without one.
Task NicDriver::receive_of(std::uint32_t buffers) {
  Strand& strand = place_.softirq;
  const std::uint32_t first = rx_next_;
  for (std::uint32_t i = 0; place_.dma && i < buffers; ++i) co_await unmap(rx_at(first + i));
  Frame frame = take_frame_of(buffers);
  co_await strand.spend(place_.context, Work::driver, costs_.driver_receive * static_cast<double>(buffers));
  if (!lender_) {
    if (receiver_) co_await receiver_->receive(strand, frame);
    co_return;
  }
  for (std::uint32_t i = 0; i < buffers; ++i) lender_->returned(rx_at(first + i));
  lose(frame.header.id, DropReason::malformed);
}

}  // namespace iov::software
