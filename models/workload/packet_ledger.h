// SPDX-License-Identifier: Apache-2.0
/// PacketLedger -- the books of all packets: who sent what when, what became of it. Every packet has one
/// entry from the moment it is sent until it is delivered or dropped with a reason; entries are recycled,
/// ids carry a generation, so a stale or duplicated id is recognised and not counted twice.
///
/// Models  offered / delivered / dropped by way and by VM; one-way and round-trip latency counted from the
///         time a packet was due; the journey of a request continues in its response; verification of
///         header, length, place and (carry_payload) every byte on arrival.
/// Per VM  counts, and the latency of what it sent or received (of responses the round trip).
/// Window  counters and histograms count between begin_window() and end_window() only; the conservation
///         invariant counts always.
/// Units   bytes: frame without FCS.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <systemc>
#include <utility>
#include <vector>

#include "models/core/delegate.h"
#include "models/core/prefetch.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/protocol/traffic.h"
#include "models/workload/params.h"
#include "models/workload/time_line.h"

namespace iov::workload {

enum class Way : std::uint8_t { transmit, receive };  ///< seen from the VM
enum class PacketKind : std::uint8_t { plain, request, response };

struct PacketEntry {
  FrameHeader header;
  std::uint32_t bytes = 60;
  unsigned vm = 0;
  Way way = Way::transmit;
  PacketKind kind = PacketKind::plain;
  Time due;              ///< when its sender wanted to send it
  bool offered = false;  ///< counted already, when it became due
  Time request_due;      ///< responses: when their request was due
  JourneyRef journey;
};

class PacketLedger : public sc_core::sc_module, public PacketBook {
 public:
  /// Columns of `ways` and `vms`; the drop reasons follow from `first_drop` on.
  enum Column : std::size_t { offered, sent, delivered, delivered_bytes, first_drop };

  PacketLedger(const sc_core::sc_module_name& name, Timeline& timeline, bool carry_payload);

  void add_vm();
  /// Also keeps the books of `time_line`, in and outside the window.
  void keep(TimeLine& time_line) { time_line_ = &time_line; }
  bool carry_payload() const { return carry_payload_; }

  /// Enters a packet that is being sent now; fills in header.id and, if it has none, a journey that begins
  /// when the packet was due.
  void send(PacketEntry& entry, Stage first);
  /// A packet became due and waits for its sender.
  void offer(Way way, unsigned vm) { count(way, vm, offered); }
  /// A packet that was due and found its sender's own queue full.
  void refuse(Way way, unsigned vm);
  static constexpr unsigned any_vm = ~0u;
  /// What the receiver at the end of `way` (of VM `vm`; the peer: any_vm) found in its memory or on the wire. `contents`: all bytes
  /// with carry_payload.
  /// @returns the packet's entry, now closed and there until the next send(); null when it was unknown or not what was sent
  const PacketEntry* receive(Way way, unsigned vm, const FrameHeader& header,
                             std::span<const std::uint8_t> contents, std::uint32_t bytes, const Time& now);

  void dropped(PacketId id, DropReason reason) override;
  void write_off(DropReason why);  ///< all that is under way: nothing holds it any more
  JourneyRef journey(PacketId id) override;
  bool under_way(PacketId id) const override;

  /// All bytes of a packet; those after the header are a function of its id.
  static void write_payload(const FrameHeader& header, std::span<std::uint8_t> out);
  /// Called when a request or a response was dropped.
  void on_lost(Delegate<void(const PacketEntry&)> handler) { lost_ = handler; }

  void begin_window(const Time& now);
  void end_window(const Time& now);
  const Time& window() const { return window_; }  ///< its length, once ended
  std::uint64_t in_flight() const { return open_; }
  const Histogram& latency_of(unsigned vm) const { return vm_latency_[vm]; }
  void add_to(WorkingSet& set, unsigned vm) const {
    set.add(vms.cells(vm), first_drop * sizeof(std::uint64_t));
    vm_latency_[vm].add_to(set);
  }

  TableStat ways, vms;
  Counter group_copies{"group_copies", "1", "copies of broadcast and multicast packets that a station beside the intended one got"};
  Counter unknown{"unknown", "1",
                  "arrivals whose id was not under way: duplicates and what old buffers held"};
  LatencyHistogram one_way{"one_way", "from due at the sender to read by the receiver"};
  LatencyHistogram round_trip{"round_trip", "from a request's due time to its response at the client"};
  JourneyLog journeys{"journeys"};

 protected:
  struct Totals {  ///< since the beginning, for conservation
    std::uint64_t offered = 0, delivered = 0, dropped = 0;
  };
  std::array<Totals, 2> totals_{};

 private:
  static constexpr std::uint32_t no_slot = ~0u;
  struct Slot {
    PacketEntry entry;
    std::uint32_t generation = 0;
    std::uint32_t next_free = no_slot;
    bool open = false;
  };
  Slot* find(PacketId id);
  void close(Slot& slot) {
    slot.open = false;
    --open_;
    slot.next_free = std::exchange(free_, static_cast<std::uint32_t>(slot.entry.header.id));
  }
  [[gnu::cold]] void add_slot();
  [[gnu::noinline]] void drop(Slot& slot, DropReason reason);
  bool genuine(const PacketEntry& sent, unsigned vm, Way way, const FrameHeader& header,
               std::span<const std::uint8_t> contents, std::uint32_t bytes) const;
  /// Those of the packet's way and of its VM.
  std::array<std::uint64_t*, 2> cells(Way way, unsigned vm) { return {ways.cells(static_cast<std::size_t>(way)), vms.cells(vm)}; }
  void count(Way way, unsigned vm, std::size_t column) {
    if (!counting_) return;
    for (std::uint64_t* const counts : cells(way, vm)) ++counts[column];
  }
  void finish(const PacketEntry& entry, const Time& now);
  std::string conservation() const;

  Timeline& timeline_;
  const bool carry_payload_;
  std::vector<Slot> slots_;
  std::uint32_t free_ = no_slot;  ///< a chain
  std::uint64_t open_ = 0;
  bool counting_ = false;
  Time window_begin_, window_;
  std::vector<Histogram> vm_latency_;
  TimeLine* time_line_ = nullptr;
  Delegate<void(const PacketEntry&)> lost_;
  Invariant conserved_{"conserved", Invariant::always, "offered = delivered + dropped + in flight, each way",
                       [this] { return conservation(); }};
  Invariant drained_{"drained", Invariant::at_rest, "no packet is under way once traffic has drained",
                     [this] { return open_ ? std::to_string(open_) + " under way" : std::string(); }};
};

}  // namespace iov::workload
