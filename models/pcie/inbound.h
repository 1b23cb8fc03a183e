// SPDX-License-Identifier: Apache-2.0
/// Inbound -- the half of the root complex that serves devices: DMA, translation requests, interrupts,
/// messages, peer-to-peer.
///
/// Spec    PCIe Base 5.0 2.3 (requests and completions), 2.4 (ordering), 10.2 (ATS); VT-d 4.1 3.14, 5.1.
/// Models  a TLP keeps its receive credits while its translation runs and waits (a full translation queue is
///         back-pressure); translations run concurrently (also the several of one
///         translation request), posted TLPs are issued in order per root port, each
///         read after the posted TLPs that arrived before it have been committed; line buffers for
///         writes and reads; completions cut by RCB and MPS.
/// Omits   relaxed ordering (permitted, not required), atomic operations; of ACS redirection and egress control: all that is untranslated is translated first.
/// Order   posted and non-posted TLPs wait in separate queues: neither blocks the other.
#pragma once
#include <algorithm>
#include <array>
#include <deque>

#include "models/core/invariant.h"
#include "models/core/ring.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/pcie/outbound.h"
#include "models/pcie/port.h"
#include "models/pcie/root_complex_params.h"
#include "models/pcie/routes.h"
#include "models/protocol/acs.h"
#include "models/protocol/config_space/aer.h"
#include "models/protocol/interrupt.h"
#include "models/protocol/memory_port.h"
#include "models/protocol/translation.h"

namespace iov::pcie {

class Inbound : public sc_core::sc_module, public TranslationClient {
 public:
  Inbound(const sc_core::sc_module_name& name, Timeline& timeline, const RootComplexParams& params,
          const Routes& routes, MemoryPort& memory, Outbound& outbound);

  void add_port(Port& link);
  void set_translator(Translator* translator) { translator_ = translator; }
  void set_interrupt_remapper(InterruptRemapper* remapper) { remapper_ = remapper; }
  void set_ats_agent(AtsAgent* agent) { ats_agent_ = agent; }
  void set_interrupt_pins(InterruptPins* pins) { pins_ = pins; }
  /// Who logs what a root port sees: an error of a TLP that came through it, an error message from below.
  void on_error(Delegate<void(unsigned, config::PcieError, const Tlp*)> handler) { on_error_ = handler; }
  void on_error_message(Delegate<void(unsigned, const Tlp&)> handler) { on_error_message_ = handler; }
  /// Of a root port, with the bus numbers below it.
  void set_acs(unsigned port, const AcsControl& acs, std::uint8_t first_bus, std::uint8_t last_bus);

  /// A message of the root complex's own: of a root port.
  void interrupt(const InterruptMessage& message);

  void translated(std::uint32_t ticket, const TranslationReply& reply) override;
  void translator_ready() override;

  Counter reads{"reads", "1", "DMA reads accepted"};
  Counter read_bytes{"read_bytes", "B", "bytes asked for by DMA reads"};
  Counter writes{"writes", "1", "DMA writes accepted"};
  Counter written_bytes{"written_bytes", "B", "bytes of DMA writes"};
  Counter translation_requests{"translation_requests", "1", "ATS translation requests"};
  Counter interrupts{"interrupts", "1", "interrupt messages handed to remapping"};
  Counter messages{"messages", "1", "invalidate completions, page requests, INTx"};
  Counter peer_to_peer{"peer_to_peer", "1", "requests sent on to another function's BAR"};
  Counter unsupported_requests{"unsupported_requests", "1", "reads answered with UR or CA"};
  Counter acs_violations{"acs_violations", "1", "requests that a root port's ACS blocked"};
  Counter poisoned{"poisoned_tlps", "1", "writes whose payload was poisoned: not written"};
  Counter error_messages{"error_messages", "1", "error messages from below"};
  Counter dropped_writes{"dropped_writes", "1", "posted TLPs dropped: blocked, or claimed by nobody"};
  BusyTime translation_time{"translation_time", "sum over TLPs, arrival to translated"};
  BusyTime read_time{"read_time", "sum over reads, arrival to completion sent"};
  Occupancy write_lines{"write_lines", "lines of posted writes in use"};
  Occupancy read_lines{"read_lines", "lines of reads in use"};

 private:
  friend struct InboundProbe;  ///< tests that break an invariant on purpose
  using Ticket = std::uint32_t;
  static constexpr unsigned entry_shift = 24;  ///< a translator's ticket: which entry above, slot below
  enum class Kind : std::uint8_t { memory, translation, interrupt, message, completion, refused };
  enum class State : std::uint8_t { free, translating, ordering, access, finish, forward };

  struct Slot;
  struct RootPort {
    struct Behind {
      Slot* slot;
      std::uint64_t posted;  ///< to be committed first
    };
    RootPort(Inbound& i, Port& l, unsigned n) : inbound(i), link(l), number(n) {}
    void arrived() { inbound.arrive(*this); }
    void foreseen(RequesterId requester) {
      if (inbound.translator_) inbound.translator_->foresee(requester);
    }
    void drained() { inbound.forward_waiting(*this); }
    Inbound& inbound;
    Port& link;
    const unsigned number;
    AcsControl acs;
    std::uint8_t first_bus = 0, last_bus = 0xff;
    Ring<Slot*> posted;   ///< not yet issued, in order of arrival, unless that is to be settled at once
    Ring<Behind> behind;  ///< reads and completions that arrived behind them
    std::uint64_t posted_arrived = 0, posted_issued = 0;
    Time last_issue, last_commit;
    std::array<Ring<Slot*>, fc_classes> forwards;  ///< peer-to-peer TLPs that wait to leave here
  };
  struct Return {
    Time when;
    unsigned lines = 0;
  };

  struct Slot {  ///< one TLP from arrival until its credits and lines are free
    Slot(Inbound& i, Timeline& timeline, Ticket t) : inbound(i), ticket(t), due(timeline, bind<&Slot::happen>(this)) {}
    void happen() { inbound.due(*this); }
    Inbound& inbound;
    const Ticket ticket;
    Event due;
    Slot* next_free = nullptr;
    Tlp tlp;
    RootPort* from = nullptr;
    Kind kind = Kind::memory;
    bool posted = false;
    bool snooped = true;   ///< its access looks into the caches: it does not say No Snoop, or its page overrules that
    State state = State::free;
    CompletionStatus status = CompletionStatus::success;
    bool ordered = false;   ///< the posted TLPs before it are issued
    bool lined_up = false;  ///< posted: its turn to be issued is kept in RootPort::posted
    unsigned wants = 0, lines = 0;  ///< lines: to be admitted, in use
    unsigned entries = 0, entries_pending = 0;  ///< of a translation request; they lie in `data`
    std::uint64_t turn = 0;  ///< if it has to wait for admission
    Hpa address;
    Time arrived, ready, order;
    ByteBuffer data;
  };

  // Arrival and admission (inbound.cpp)
  void arrive(RootPort& port);
  bool accept(RootPort& port, Slot& slot);
  [[gnu::noinline]] void queue(Slot& slot);
  bool nothing_waits() const { return posted_queue_.empty() && read_queue_.empty(); }
  Kind kind_of(const Tlp& tlp) const;
  [[gnu::cold]] Kind other_kind_of(const Tlp& tlp) const;
  [[gnu::cold]] bool refuse(RootPort& port, Slot& slot);
  void tell(const RootPort& port, config::PcieError error, const Tlp* tlp) const {
    if (on_error_) on_error_(port.number, error, tlp);
  }
  void order_behind_posted(Slot& slot);
  void admit();
  void admit_waiting();
  bool may_start(const Slot& slot);
  bool start(Slot& slot, const Time& now);
  void start_untranslated(Slot& slot);
  bool needs_translation(const Slot& slot) const;
  bool translate_now(Slot& slot);
  [[gnu::noinline]] bool translate(Slot& slot, unsigned entry);
  void translated_otherwise(Slot& slot, unsigned entry, const TranslationReply& reply);
  void translated(Slot& slot, const TranslationReply& reply);
  void entry_translated(Slot& slot, unsigned entry, const TranslationReply& reply);
  bool write_lines_for(unsigned wanted, std::uint64_t most);
  void take_lines(Slot& slot, const Time& now);
  void free_lines(Slot& slot);
  [[gnu::noinline]] void fold_returns();
  void wait_for_lines();
  [[gnu::noinline]] void line_up(Slot& slot);
  void resolve(Slot& slot);
  void issue(Slot& slot);
  [[gnu::noinline]] void issue_known(RootPort& port);
  void advance_other(Slot& slot);
  [[gnu::cold]] void add_slot();
  void free_slot(Slot& slot);

  // Access and answer (inbound_access.cpp)
  void due(Slot& slot);
  void issue_posted(Slot& slot);
  Time commit(Slot& slot);
  Time commit_otherwise(Slot& slot, unsigned peer);
  void follow(RootPort& port, const Time& done);
  void book_return(Slot& slot, const Time& done);
  void deliver_posted(Slot& slot);
  void deliver_interrupt(const Tlp& tlp);
  void deliver_message(const Tlp& tlp, const RootPort& from);
  void drive_pin(const Tlp& tlp, const RootPort& from);
  void access_other(Slot& slot);
  Time read_memory(Slot& slot);
  void answer_read(Slot& slot);
  void send_error(Slot& slot);
  void send_data(Slot& slot);
  void hand_completion(Slot& slot);
  void forward(Slot& slot, unsigned to);
  void forward_waiting(RootPort& to);
  void leave(Slot& slot, RootPort& to);
  std::string check_bytes() const;
  std::string check_lines();

  Timeline& timeline_;
  const RootComplexParams params_;
  const Routes& routes_;
  MemoryPort& memory_;
  Outbound& outbound_;
  Translator* translator_ = nullptr;
  InterruptRemapper* remapper_ = nullptr;
  AtsAgent* ats_agent_ = nullptr;
  InterruptPins* pins_ = nullptr;
  Delegate<void(unsigned, config::PcieError, const Tlp*)> on_error_;
  Delegate<void(unsigned, const Tlp&)> on_error_message_;

  std::deque<RootPort> ports_;
  std::deque<Slot> slots_;
  std::vector<Slot*> by_ticket_;
  Slot* free_slot_ = nullptr;  ///< the first of a chain
  Ring<Slot*> posted_queue_, read_queue_;  ///< arrived, not yet admitted to translation
  bool translator_full_ = false;
  std::uint64_t turns_ = 0;
  unsigned write_lines_used_ = 0, read_lines_used_ = 0;
  Ring<Return> returns_;  ///< lines of issued writes, free again when they are committed: in this order, counted when they matter
  Time last_return_;
  Event lines_free_{timeline_, bind<&Inbound::admit>(this)};  ///< only while a write waits for lines
  std::uint64_t asked_ = 0, answered_ = 0, failed_ = 0, forwarded_ = 0;  ///< bytes of reads
  BytePool pool_;

  Invariant reads_answered_{"reads_answered", Invariant::always,
                            "every read gets exactly its byte count, one error completion, or goes to a peer",
                            [this] { return check_bytes(); }};
  Invariant lines_conserved_{"lines_conserved", Invariant::always, "lines in use are those of the TLPs inside",
                             [this] { return check_lines(); }};
  Invariant nothing_pending_{"nothing_pending", Invariant::at_rest, "no TLP is inside the root complex", [this] {
                               const auto inside = std::ranges::count_if(slots_, [](const Slot& s) { return s.state != State::free; });
                               return inside ? std::to_string(inside) + " inside" : std::string();
                             }};
};

}  // namespace iov::pcie
