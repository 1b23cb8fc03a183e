// SPDX-License-Identifier: Apache-2.0
/// Replay -- one direction of a link with bit errors: sequence numbers, retry buffer, Ack and Nak, replay timer,
/// retraining. Links without bit errors have none.
///
/// Spec    PCIe Base 5.0 3.5 (LCRC, sequence numbers), 3.6 (retry buffer, Ack/Nak, REPLAY_TIMER, REPLAY_NUM).
/// Models  a corrupt TLP and those behind it are discarded, one Nak asks for them, all that is not acknowledged is sent
///         again, oldest first; Acks are collected up to the latency limit; Acks and Naks are corrupted too, then the
///         replay timer helps; the 4th replay without progress retrains the link.
/// Omits   corrupt UpdateFC DLLPs (the next one says the same), the retry buffer's size in bytes, flits: in FLIT mode
///         a TLP is what is replayed. Sequence numbers are not cut to 12 bits: with at most 2047 unacknowledged TLPs
///         modulo 4096 tells the same.
/// Order   what is delivered is delivered once and in the order of send().
#pragma once

#include "models/core/random.h"
#include "models/core/ring.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/pcie/link.h"
#include "models/protocol/config_space/aer.h"

namespace iov::pcie {

class Replay {
 public:
  /// @param deliver  a TLP has reached the far end undamaged and in sequence
  /// @param room     send() may be called again
  /// @param error    bad_tlp: seen by the far end; the others: by this one
  Replay(Timeline& timeline, const LinkParams& params, const WireTimes& wire_times, std::uint64_t seed, const char* stream,
         Delegate<void(Tlp&)> deliver, Delegate<void()> room, Delegate<void(config::PcieError)> error);

  bool has_room() const { return buffer_.size() < most_unacknowledged; }
  void send(Tlp&& tlp);
  bool at_rest() const { return buffer_.empty(); }
  const Time& wire_free_at() const { return wire_free_; }
  /// When all that send() got has been on the wire, if nothing is damaged from now on.
  Time all_sent_at() const;
  /// Takes away all that is not delivered, oldest first, and starts from the beginning: the link is down.
  void abandon(Delegate<void(const Tlp&)> lost);
  /// What was sent but not delivered: it holds credits of the far end that the far end does not hold.
  template <class Visit>
  void for_undelivered(Visit visit) const {
    for (std::size_t i = expected_ - first_; i < buffer_.size(); ++i) visit(buffer_[i].tlp);
  }

  Counter corrupted{"corrupted_tlps", "1", "TLPs that bit errors damaged on this wire"};
  Counter naks{"naks", "1", "Naks that the far end sent"};
  Counter lost_acknowledges{"lost_acknowledges", "1", "Acks and Naks for this wire that bit errors damaged"};
  Counter timeouts{"replay_timeouts", "1", "replays because the replay timer ran out"};
  Counter replays{"replays", "1", "times that the retry buffer was sent again"};
  Counter replayed{"replayed_tlps", "1", "TLPs put on the wire again"};
  Counter duplicates{"duplicates", "1", "TLPs that the far end had already and discarded"};
  Counter retrains{"retrains", "1", "links retrained because a replay failed 4 times"};
  BusyTime replay_time{"replay_time", "time the transmit wire carried TLPs again"};

 private:
  friend struct ReplayProbe;  ///< tests that place an error
  static constexpr std::size_t most_unacknowledged = 2047;  // 3.5.2.1
  struct Entry {
    Tlp tlp;  ///< its bytes leave it with the delivery
    std::uint32_t bytes = 0;
  };
  struct Flight {
    Time when;
    std::uint64_t sequence = 0;
    bool damaged = false;
  };
  struct Acknowledge {
    Time when;
    std::uint64_t below = 0;  ///< sequence numbers acknowledged
    bool nak = false, damaged = false;
  };
  bool damages(std::uint32_t bytes);
  void wire_free();
  void arrived();
  void accept(std::uint64_t sequence);
  void ask_again();
  void acknowledge_due() { answer(false); }
  void answer(bool nak);
  void answered();
  void forget(std::uint64_t below);
  void timed_out();
  void replay();

  Timeline& timeline_;
  const WireTimes& wire_times_;
  const Time propagation_, answer_time_, acknowledge_time_, timeout_, retrain_time_;
  const std::uint32_t dllp_bytes_;
  const double bits_between_errors_;
  Random random_;
  double bits_to_error_;
  Delegate<void(Tlp&)> deliver_;
  Delegate<void()> room_;
  Delegate<void(config::PcieError)> error_;

  // The transmitter: unacknowledged TLPs, the first of them has sequence number `first_`.
  Ring<Entry> buffer_;
  std::uint64_t first_ = 0, next_ = 0, newest_ = 0;  ///< next to go on the wire; never sent before, from this one on
  unsigned replays_in_a_row_ = 0;
  Time wire_free_;
  Event wire_{timeline_, bind<&Replay::wire_free>(this)};
  Event timer_{timeline_, bind<&Replay::timed_out>(this)};
  Ring<Flight> flights_;
  Event arrive_{timeline_, bind<&Replay::arrived>(this)};

  // The receiver at the far end.
  std::uint64_t expected_ = 0;
  bool nak_scheduled_ = false;
  Event acknowledge_{timeline_, bind<&Replay::acknowledge_due>(this)};
  Ring<Acknowledge> answers_;
  Event answer_{timeline_, bind<&Replay::answered>(this)};
};

}  // namespace iov::pcie
