// SPDX-License-Identifier: Apache-2.0
/// Journey -- where one I/O spent its time. Stages tile: entering one closes the one before, so the
/// parts always add up to the whole and no picosecond goes unexplained. When an I/O is split into
/// TLPs, its journey travels with the last piece.
///
/// A JourneyRef is a weak reference: once the I/O has ended, entering through it does nothing, so a
/// TLP still in flight after a reset is harmless.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <systemc>
#include <vector>

#include "models/core/invariant.h"
#include "models/core/params.h"
#include "models/core/time_text.h"
#include "models/core/units.h"

namespace iov {

enum class Stage : std::uint8_t {
  application,       ///< in the application or its socket queue
  guest_driver,      ///< guest network stack and driver
  vm_exit,           ///< world switches on the way
  emulator_mutex,    ///< waits for the emulator's global mutex
  backend,           ///< device model or backend, incl. waiting for its thread
  copy,              ///< bytes copied by a CPU
  host_stack,        ///< host network stack, bridge and driver
  doorbell,          ///< notification on its way to the device
  descriptor_fetch,  ///< device reads descriptors
  device,            ///< inside the device: queues, scheduling, classification
  link,              ///< PCIe link and root complex
  translation,       ///< IOMMU or device TLB
  memory,            ///< host memory
  wire,              ///< Ethernet, both directions, and the peer
  completion,        ///< from write-back or used-ring update until software looks, unless an interrupt says so
  interrupt,         ///< moderation, message, remapping, delivery
  injection,         ///< virtual interrupt made visible to the guest
  guest_handler,     ///< guest interrupt handler, poll loop and stack, up to the application
};
inline constexpr std::size_t stage_count = 18;
inline constexpr Names<stage_count> stage_names{
    "application", "guest_driver", "vm_exit",     "emulator_mutex", "backend", "copy",      "host_stack",
    "doorbell",    "descriptor_fetch", "device",  "link",    "translation", "memory",
    "wire",        "completion",   "interrupt",   "injection", "guest_handler"};

struct Journey {
  std::array<Time, stage_count> spent{};
  Time born, since;
  Stage stage = Stage::application;
  std::uint32_t generation = 0;  ///< even: free
  void enter(Stage next, const Time& now) {
    if (now <= since) {  // a stamp made earlier by a faster piece: never backwards
      stage = next;
      return;
    }
    spent[static_cast<std::size_t>(stage)] += now - since;
    stage = next;
    since = now;
  }
  Time total() const { return since - born; }  ///< == sum of spent
};

class JourneyRef {
 public:
  JourneyRef() = default;
  JourneyRef(Journey* journey, std::uint32_t generation) : journey_(journey), generation_(generation) {}
  explicit operator bool() const { return journey_ && journey_->generation == generation_; }
  void enter(Stage next, const Time& now) const {
    if (*this) journey_->enter(next, now);
  }
  /// The same, unless it has gone on already: of whoever may come late.
  void advance(Stage from, Stage next, const Time& now) const {
    if (*this && journey_->stage == from) journey_->enter(next, now);
  }
  const Journey* get() const { return *this ? journey_ : nullptr; }

 private:
  friend class JourneyLog;
  Journey* journey_ = nullptr;
  std::uint32_t generation_ = 0;
};

/// Starts, ends and sums up journeys. Slots are recycled; no allocation once warm.
class JourneyLog : public sc_core::sc_object {
 public:
  explicit JourneyLog(const char* object_name) : sc_object(object_name) {}
  JourneyRef begin(Stage first, const Time& now);
  /// Ends the journey at `now` and, if `count`, adds it to the sums.
  Time finish(JourneyRef ref, const Time& now, bool count);
  std::uint64_t finished() const { return finished_; }
  const Time& spent(Stage s) const { return spent_[static_cast<std::size_t>(s)]; }
  std::uint64_t open() const { return open_; }
  void reset();  ///< forgets the sums, not the open journeys

 private:
  [[gnu::cold]] void add_slot();

  std::deque<Journey> slots_;
  std::vector<Journey*> free_;
  std::array<Time, stage_count> spent_{};
  Time total_;
  std::uint64_t finished_ = 0, open_ = 0;
  Invariant tile_{"journeys_tile", Invariant::always, "the stages of all journeys add up to their length",
                  [this] {
                    Time sum;
                    for (const Time& t : spent_) sum += t;
                    return sum == total_ ? std::string() : exact_text(sum) + " != " + exact_text(total_);
                  }};
};

}  // namespace iov
