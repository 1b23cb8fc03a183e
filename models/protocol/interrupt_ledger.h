// SPDX-License-Identifier: Apache-2.0
/// InterruptLedger -- what became of every interrupt of the sources it follows: how long it took from its source to the
/// handler it is for, and that none got lost. Whoever holds the bit that a message sets says when it moves on.
///
/// Models  a message that finds the bit of its source set already merges with it, at every stage: IRR of the host's
///         processor, posted-interrupt descriptor, virtual IRR. All that share a bit are handled together.
/// Omits   sources that nobody opened a line for: a rogue message is its receiver's business.
#pragma once
#include <boost/container/small_vector.hpp>
#include <deque>

#include "models/core/flat_map.h"
#include "models/core/invariant.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/protocol/interrupt.h"

namespace iov {

/// Where an interrupt waits.
enum class InterruptStage : std::uint8_t {
  message,       ///< on its way from its source
  host_request,  ///< IRR of a processor
  host_handler,  ///< taken by the host, not yet passed on
  posted,        ///< posted-interrupt descriptor
  requested,     ///< virtual IRR
  in_service     ///< taken, its handler about to run
};

class InterruptLedger;

/// One source: a vector of a function, or the interrupt of a device model.
class InterruptLine {
 public:
  explicit InterruptLine(InterruptLedger& ledger) : ledger_(ledger) {}
  void raise(const Time& now);
  void arrive(InterruptStage at);  ///< the oldest message
  void block();                    ///< the oldest message is refused on its way
  void cancel();                   ///< its source takes back all messages
  void advance(InterruptStage from, InterruptStage to);
  void handled(const Time& now);   ///< the handler of all in service begins
  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    Time raised;
    InterruptStage at;
  };
  Waiting* oldest();
  void end(InterruptStage at);  ///< of all that are there
  InterruptLedger& ledger_;
  boost::container::small_vector<Waiting, 2> waiting_;  ///< in the order in which they were raised; seldom more than one
};

class InterruptLedger : public sc_core::sc_module, public InterruptRemapper, public InterruptWatch {
 public:
  explicit InterruptLedger(const sc_core::sc_module_name& name, Timeline& timeline) : sc_module(name), timeline_(timeline) {}
  /// Messages reach it from the root complex, and go on with their line.
  void set_remapper(InterruptRemapper* remapper) { remapper_ = remapper; }
  InterruptLine& open() { return lines_.emplace_back(*this); }
  /// The line of the messages that a function sends with this address and data.
  InterruptLine& open(RequesterId source, std::uint32_t address, std::uint32_t data);

  void add_to(WorkingSet& set, const InterruptMessage& message) const {
    by_message_.add_to(set, key(message));
  }
  void sent(const InterruptMessage& message) override;
  void cancelled(RequesterId source) override;
  void interrupt(const InterruptMessage& message) override;

  Counter raised{"raised", "1", "interrupts that left their source"};
  Counter blocked{"blocked", "1", "interrupts refused or undeliverable"};
  Counter handled{"handled", "1", "runs of the handler they are for"};
  Counter merged{"merged", "1", "interrupts whose handler run another one had brought about"};
  LatencyHistogram latency{"interrupt_latency", "from an interrupt's source to the handler it is for"};

 private:
  friend class InterruptLine;
  struct Key {
    std::uint32_t address, data;
    RequesterId source;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Number {
    std::uint64_t operator()(const Key& k) const {
      return ((std::uint64_t{k.source.value} << 32 | k.address) ^ std::uint64_t{k.data} << 20) * 0x9e3779b97f4a7c15ull >> 16;
    }
  };
  static Key key(const InterruptMessage& m) { return {m.address, m.data, m.requester}; }
  InterruptLine* find(const InterruptMessage& m);
  std::string unaccounted() const;
  std::string waiting() const;

  Timeline& timeline_;
  InterruptRemapper* remapper_ = nullptr;
  std::deque<InterruptLine> lines_;
  FlatMap<Key, InterruptLine*, Number> by_message_{{~0u, ~0u, {}}};
  std::uint64_t in_ = 0, out_ = 0;  ///< since the start
  Invariant conserved_{"conserved", Invariant::always, "every interrupt was handled, merged, refused, or waits",
                       [this] { return unaccounted(); }};
  Invariant none_left_{"none_left", Invariant::at_rest, "no interrupt waits for a handler that never runs",
                       [this] { return waiting(); }};
};

}  // namespace iov
