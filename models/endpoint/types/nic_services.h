// SPDX-License-Identifier: Apache-2.0
/// What the parts of a NIC share: accounts and policy per function, the book of packets, the way to an interrupt and to
/// the PF's event queue. Plain references, handed to all by the Nic.
#pragma once
#include <vector>

#include "models/core/stat.h"
#include "models/endpoint/dma_engine.h"
#include "models/endpoint/types/function_policy.h"
#include "models/protocol/traffic.h"

namespace iov::endpoint {

class InterruptLines {  ///< implemented by the Nic
 public:
  /// This I/O will be announced by the next message of the vector.
  virtual void join(unsigned function, unsigned vector, JourneyRef journey) = 0;
  virtual void raise(unsigned function, unsigned vector) = 0;
  /// Something that the PF of this function has to look at.
  virtual void event(unsigned function, nic::PfEvent kind) = 0;

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
      : TableStat(name, "frames and interrupts by function", columns()), name_of_(name_of) {}
  std::uint64_t& count(unsigned function, Column c) { return at(row_of(function), c); }
  std::uint64_t& dropped(unsigned function, DropReason r) {
    return at(row_of(function), drops + static_cast<std::size_t>(r));
  }
  void add_to(WorkingSet& set, unsigned function) const {
    if (function >= row_.size() || row_[function] == no_row) return;
    set.add_object(row_[function]);
    set.add(cells(row_[function]), drops * sizeof(std::uint64_t));
  }
  std::size_t row_of(unsigned function) {
    if (function >= row_.size()) row_.resize(function + 1, no_row);
    if (row_[function] == no_row) row_[function] = add_row(name_of_(function));
    return row_[function];
  }

 private:
  static constexpr std::size_t no_row = ~std::size_t{0};
  static std::vector<TableStat::Column> columns() {
    std::vector<TableStat::Column> all{{"tx_frames", "1"}, {"tx_bytes", "B"},     {"rx_frames", "1"},
                                       {"rx_bytes", "B"},  {"local_frames", "1"}, {"interrupts", "1"}};
    for (const char* reason : drop_reason_names) all.push_back({reason, "1"});
    return all;
  }
  const NameOf name_of_;
  std::vector<std::size_t> row_;  ///< by function
};

class EmbeddedSwitch;

struct NicServices {
  Timeline& timeline;
  DmaEngine& dma;
  EmbeddedSwitch& fabric;
  PacketBook& packets;
  InterruptLines& interrupts;
  FunctionTable& table;
  std::vector<FunctionPolicy>& policies;  ///< by function
  unsigned pfs;                           ///< functions below are PFs
  bool carry_payload;
  bool physical(unsigned function) const { return function < pfs; }
};

}  // namespace iov::endpoint
