// SPDX-License-Identifier: Apache-2.0
/// How packets move between pieces of software, and how their bytes lie in simulated memory.
#pragma once
#include <span>

#include "models/core/task.h"
#include "models/host/core.h"
#include "models/protocol/traffic.h"
#include "models/software/memory_view.h"

namespace iov::software {

/// A receiver whose work on a packet is one spend(), at the end of which it has it: who calls may do both in a task of its own.
class PacketConsumer {
 public:
  /// What the caller does before it may be owed.
  virtual host::Strand::Spend spend(host::Strand& strand) = 0;
  virtual void take(const Frame& frame) = 0;

 protected:
  ~PacketConsumer() = default;
};

/// Takes a packet upwards or sideways, on the strand (and so at the cost) of whoever calls, who keeps `frame` alive
/// until the task is done.
class PacketReceiver {
 public:
  virtual ~PacketReceiver() = default;
  virtual Task receive(host::Strand& strand, Frame& frame) = 0;
  /// Itself, if it is one whose work is in this context; else null.
  virtual PacketConsumer* consumer_in(host::Context) { return nullptr; }
};

/// Something packets can be sent through: a NIC driver, a virtio front end, a tap.
class NetDevice {
 public:
  virtual ~NetDevice() = default;
  /// Queues one packet; waits while the queue is full. `more`: another follows at once, the doorbell may wait.
  virtual Task transmit(host::Strand& strand, Frame& frame, bool more) = 0;
  /// Tells the device what a transmit() with `more` kept back; for a sender whose next packet did not come.
  virtual Task flush(host::Strand& strand) = 0;
  virtual void set_receiver(PacketReceiver& receiver) = 0;
  /// How many packets can be queued now without waiting.
  virtual std::size_t room() const = 0;
};

/// Writes a frame's real bytes at `at`: the header, or everything when the frame carries its payload.
inline void store_frame(const MemoryView& memory, Gpa at, const Frame& frame) {
  if (frame.data) return memory.write(at, frame.data.bytes());
  std::array<std::uint8_t, FrameHeader::header_bytes> header;
  frame.header.write(header, frame.bytes);
  memory.write(at, header, frame.bytes);
}

/// Reads back what lies at `at`: the header, and with `whole` all bytes. The journey is looked up by the id found.
inline Frame load_frame(MemoryPort& memory, Hpa at, std::uint32_t bytes, BytePool* whole, PacketBook& book) {
  Frame frame;
  std::array<std::uint8_t, FrameHeader::header_bytes> header;
  memory.peek(at, header);
  frame.header = FrameHeader::read(header);
  frame.bytes = bytes;
  frame.journey = book.journey(frame.header.id);
  if (whole && bytes <= ByteBuffer::capacity) {
    frame.data = whole->take(bytes);
    memory.peek(at, frame.data.bytes());
  }
  return frame;
}
inline Frame load_frame(const MemoryView& memory, Gpa at, std::uint32_t bytes, BytePool* whole, PacketBook& book) {
  return load_frame(memory.port(), memory.host(at), bytes, whole, book);
}

/// What a NIC's drivers and backends share: costs, books, whether payload bytes exist.
struct PacketServices {
  Timeline& timeline;
  PacketBook& book;
  BytePool* payload = nullptr;  ///< not null: carry_payload
};

}  // namespace iov::software
