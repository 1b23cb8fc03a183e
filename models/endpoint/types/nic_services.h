// SPDX-License-Identifier: Apache-2.0
/// What the transmit and receive sides of a NIC share: accounts per function, the book of packets, and the
/// way to an interrupt. Plain references, handed to both by the Nic.
#pragma once
#include "models/core/stat.h"
#include "models/endpoint/dma_engine.h"
#include "models/endpoint/l2_sorter.h"
#include "models/protocol/traffic.h"

namespace iov::endpoint {

class InterruptLines {  ///< implemented by the Nic
 public:
  /// This I/O will be announced by the next message of the vector.
  virtual void join(unsigned function, unsigned vector, JourneyRef journey) = 0;
  virtual void raise(unsigned function, unsigned vector) = 0;

 protected:
  ~InterruptLines() = default;
};

/// One row per function that was ever used.
class FunctionTable : public TableStat {
 public:
  enum Column : std::size_t {
    tx_frames, tx_bytes, rx_frames, rx_bytes, local_frames, interrupts, drops  ///< drops: + reason
  };
  using NameOf = Delegate<std::string(unsigned)>;
  FunctionTable(const char* name, NameOf name_of)
      : TableStat(name, "frames and interrupts by function",
                  {{"tx_frames", "1"}, {"tx_bytes", "B"}, {"rx_frames", "1"}, {"rx_bytes", "B"},
                   {"local_frames", "1"}, {"interrupts", "1"},
                   {drop_name(0), "1"}, {drop_name(1), "1"}, {drop_name(2), "1"}, {drop_name(3), "1"},
                   {drop_name(4), "1"}, {drop_name(5), "1"}, {drop_name(6), "1"}, {drop_name(7), "1"}}),
        name_of_(name_of) {}
  std::uint64_t& count(unsigned function, Column c) { return at(row_of(function), c); }
  std::uint64_t& dropped(unsigned function, DropReason r) {
    return at(row_of(function), drops + static_cast<std::size_t>(r));
  }
  std::size_t row_of(unsigned function) {
    if (function >= row_.size()) row_.resize(function + 1, no_row);
    if (row_[function] == no_row) row_[function] = add_row(name_of_(function));
    return row_[function];
  }

 private:
  static constexpr std::size_t no_row = ~std::size_t{0};
  static const char* drop_name(std::size_t reason) { return drop_reason_names[reason]; }
  const NameOf name_of_;
  std::vector<std::size_t> row_;  ///< by function
};

struct NicServices {
  Timeline& timeline;
  DmaEngine& dma;
  L2Sorter& sorter;
  PacketBook& packets;
  InterruptLines& interrupts;
  FunctionTable& table;
  bool carry_payload;
};

}  // namespace iov::endpoint
