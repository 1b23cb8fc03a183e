// SPDX-License-Identifier: Apache-2.0
/// Port -- one end of a link: transmit queues, wire, receive buffer with credits.
///
/// Spec    PCIe Base 5.0 2.4 (ordering), 2.6 (flow control), 3 (data link overhead).
/// Models  a queue per flow-control class, arbitrated oldest first within the ordering table; credits with
///         their way back; the wire as a reservation; one timeline event per arriving TLP, none per credit
///         unless a TLP waits for it. With bit errors: replay.h. Link down and up, hot reset.
/// Omits   virtual channels beyond VC0, link power states.
/// Order   a TLP that goes on the wire is there for good, unless the link goes down: what arrives is FIFO.
#pragma once
#include <array>
#include <memory>
#include <span>
#include <tlm>

#include "models/core/invariant.h"
#include "models/core/stat.h"
#include "models/core/timeline.h"
#include "models/pcie/credits.h"
#include "models/pcie/link.h"
#include "models/pcie/ordering.h"
#include "models/pcie/replay.h"

namespace iov::pcie {

/// BEGIN_REQ (forward) hands over TLPs that follow one another on the wire; the annotated delay is that of the first one's arrival.
/// END_REQ (backward) gives credits back, all that were booked since, each with its time: when the sender waits for them or asks.
struct LinkTransfer {
  FcClass fc = FcClass::posted;
  std::uint32_t headers = 1, data = 0;  ///< credits taken by the TLPs
  std::span<Tlp> tlps;
  const Time* const* gaps = nullptr;  ///< of each from the arrival of the one before; the first one's is not used
  Ring<CreditReturn>* back = nullptr;  ///< credits given back; the annotated delay is that of the newest
};
struct LinkProtocol {
  using tlm_payload_type = LinkTransfer;
  using tlm_phase_type = tlm::tlm_phase;
};

class Port final : public sc_core::sc_module,
             public TlpPort,
             public tlm::tlm_fw_transport_if<LinkProtocol>,
             public tlm::tlm_bw_transport_if<LinkProtocol> {
 public:
  using Params = LinkParams;
  /// @param seed  of the bit errors
  Port(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, std::uint64_t seed = 0);

  /// Joins both ends; once, before the simulation starts. @throws SimError when they disagree on the link
  void connect(Port& partner);

  void send(Tlp&& tlp) override;
  bool clear_for(FcClass fc, std::uint32_t tlps, std::uint32_t payload_bytes) override;
  void send_together(std::span<Tlp> tlps) override;
  std::size_t backlog(FcClass fc) const override { return lane(fc).queue.size(); }
  Time sent_all_but(std::uint32_t bytes) const override;
  void on_arrival(Delegate<void()> handler) override { on_arrival_ = handler; }
  void on_foreseen(Delegate<void(RequesterId)> handler) override { on_foreseen_ = handler; }
  void on_drained(Delegate<void()> handler) override { on_drained_ = handler; }
  void on_posted_left(Delegate<void()> handler) override { on_posted_left_ = handler; }
  std::size_t take(Tlp& tlp) override;
  void release(FcClass fc, std::uint32_t payload_bytes) override { release_at(fc, payload_bytes, timeline_.now()); }
  void release_at(FcClass fc, std::uint32_t payload_bytes, const Time& when) override;
  const LinkLimits& limits() const override { return limits_; }

  /// Both ends at once: what is queued, on the wire or untaken is lost and counted; later sends are lost too.
  void link_down();  ///< by surprise
  void link_up();    ///< nothing happens when it is up
  void hot_reset();  ///< down, and up after training_time (Secondary Bus Reset of the port above)
  bool up() const { return up_; }
  bool present() const { return present_; }  ///< there is something at the other end, even while the link is reset
  /// Called at each end when the link went down (false) or came up (true).
  void on_link(Delegate<void(bool)> handler) { on_link_ = handler; }
  /// Called when this end sees an error of the link, for the function that logs it.
  void on_error(Delegate<void(config::PcieError)> handler) { on_error_ = handler; }
  /// When the TLPs put on the wire so far have left; with bit errors those that are there now.
  const Time& wire_free() const { return replay_ ? replay_->wire_free_at() : wire_free_; }
  std::int64_t taken(FcClass fc) const;  ///< TLPs taken and not yet released
  /// Payload of posted TLPs from this end that link down took, in units of 16 B: nobody else knows that it went nowhere.
  std::uint64_t lost_posted_data() const { return lost_posted_data_; }

  const Params& params() const { return params_; }

  /// The time a TLP of this size occupies the wire.
  const Time& wire_time(const Tlp& tlp) const { return wire_time_of(tlp.header() + tlp.payload()); }
  const Time& wire_time_of(std::uint32_t header_and_payload) const { return wire_times_.of(header_and_payload); }

  tlm::tlm_initiator_socket<32, LinkProtocol> tx{"tx"};
  tlm::tlm_target_socket<32, LinkProtocol> rx{"rx"};

  tlm::tlm_sync_enum nb_transport_fw(LinkTransfer& transfer, tlm::tlm_phase& phase, Time& delay) override;
  tlm::tlm_sync_enum nb_transport_bw(LinkTransfer& transfer, tlm::tlm_phase& phase, Time& delay) override;

 private:
  friend struct PortProbe;  ///< tests that break an invariant on purpose
  struct Queued {
    Tlp tlp;
    std::uint64_t order = 0;
  };
  struct Arrival {
    Tlp tlp;
    Time when;
  };
  /// One flow-control class: what waits to be sent, and both credit accounts.
  struct Lane {
    explicit Lane(FcClass fc);
    Ring<Queued> queue;
    Credits credits;                               ///< of the far receive buffer
    std::int64_t held_headers = 0;                 ///< of our receive buffer, from hand-over to release
    std::uint64_t last_order = 0;                  ///< of the last TLP put on the wire
    std::int64_t held_data = 0;                    ///< as held_headers
    bool returns = false, returns_headers = false;  ///< its credits, those of headers: finite, so they are given back
    Ring<CreditReturn> back;                       ///< of our receive buffer: booked, the sender does not know yet
    bool stalled = false;
    Time stalled_since;
    Counter tlps, payload_bytes, wire_bytes;
    BusyTime credit_stall;
  };
  Lane& lane(FcClass fc) { return lanes_[static_cast<std::size_t>(fc)]; }
  const Lane& lane(FcClass fc) const { return lanes_[static_cast<std::size_t>(fc)]; }

  void b_transport(LinkTransfer&, Time&) override;
  bool get_direct_mem_ptr(LinkTransfer&, tlm::tlm_dmi&) override { return false; }
  unsigned transport_dbg(LinkTransfer&) override { return 0; }
  void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
  void start_of_simulation() override;

  void enqueue(Lane& to, Tlp&& tlp);
  void transmit(Lane& from, std::span<Tlp> tlps);
  void hand_over(LinkTransfer& transfer, Time delay);
  void deliver(Tlp& tlp);
  void room_for_replay() { pump(no_order); }
  void pump(std::uint64_t newest);
  Lane* next_to_send();
  bool affords(Lane& mine, FcClass fc, std::int64_t units, std::int64_t tlps = 1) {
    return mine.credits.enough(units, tlps) || ask_for_credits(mine, fc, units, tlps);
  }
  [[gnu::noinline]] bool ask_for_credits(Lane& mine, FcClass fc, std::int64_t units, std::int64_t tlps);
  [[gnu::noinline]] void give_back(FcClass fc);
  [[gnu::noinline]] void give_back_at_once(FcClass fc, const CreditReturn& credits);
  void set_waiting(std::size_t tlps) {
    waiting_ = tlps;
    if (partner_) partner_->back_wanted_ = tlps > 0;
  }
  void transmit_queued(Lane& from, std::uint64_t newest);
  void wait_for_credits();
  void credits_arrived();
  void tlp_arrived();
  void foresee(RequesterId requester) {
    if (requester == foreseen_) return;
    foreseen_ = requester;
    if (on_foreseen_) on_foreseen_(requester);
  }
  bool may_transmit() const { return !replay_ || replay_->has_room(); }
  void link_error(config::PcieError error);
  void take_down();
  void go_down();
  void lose(const Tlp& tlp);
  void restore_credits();
  std::string check_credits() const;
  std::string check_at_rest() const;

  Timeline& timeline_;
  const Params params_;
  const LinkLimits limits_;
  const WireTimes wire_times_;
  const Time credit_return_;
  Port* partner_ = nullptr;
  static constexpr std::uint64_t no_order = ~std::uint64_t{0};
  bool started_ = false, up_ = true, present_ = true;
  bool direct_ = false;  ///< TLPs with credits go on the wire without passing the queues: up, and no bit errors
  std::unique_ptr<Replay> replay_;

  std::array<Lane, fc_classes> lanes_;
  std::size_t waiting_ = 0;  ///< TLPs in the three queues
  std::uint64_t order_ = 0;  ///< age of queued TLPs
  Time wire_free_;
  bool drained_ = false;
  bool asking_ = false;      ///< for the credits that the partner booked
  bool back_wanted_ = false;  ///< the partner has TLPs that wait: credits are given back at once

  Ring<Arrival> arrivals_;    ///< on the wire or in the receive buffer, oldest first
  std::size_t arrived_ = 0;   ///< how many of them are in the receive buffer
  Time last_arrival_;
  RequesterId foreseen_;  ///< of that TLP
  std::uint64_t order_breaks_ = 0, lost_posted_data_ = 0;

  Delegate<void()> on_arrival_, on_drained_, on_posted_left_;
  Delegate<void(RequesterId)> on_foreseen_;
  Delegate<void(bool)> on_link_;
  Delegate<void(config::PcieError)> on_error_;
  Event arrive_{timeline_, bind<&Port::tlp_arrived>(this)};
  Event credit_{timeline_, bind<&Port::credits_arrived>(this)};
  Event trained_{timeline_, bind<&Port::link_up>(this)};

  BusyTime wire_busy_{"wire_busy", "time the transmit wire carried TLPs, their framing and its share of DLLPs, without replays"};
  Counter lost_{"lost_tlps", "1", "TLPs that link down took: queued, on this wire, or sent while down"};
  Occupancy queued_{"queued", "TLPs waiting for credits or order"};

  Invariant credit_conservation_{"credit_conservation", Invariant::always,
                                 "credits available, returning and held by the receiver add up to those advertised",
                                 [this] { return check_credits(); }};
  Invariant order_kept_{"order_kept", Invariant::always,
                        "TLPs of a class leave and all TLPs arrive in the order in which they were sent", [this] {
                          return order_breaks_ ? std::to_string(order_breaks_) + " out of order" : std::string();
                        }};
  Invariant at_rest_{"nothing_queued", Invariant::at_rest, "no TLP is queued, on the wire or untaken",
                     [this] { return check_at_rest(); }};
};

}  // namespace iov::pcie
