// SPDX-License-Identifier: Apache-2.0
/// VfDriver -- the part of a VF's driver that talks to its PF: brings the function up through the mailbox, hands on what
/// the guest asks for, and obeys what the PF announces. Moving packets is the NicDriver's.
///
/// Spec    models/protocol/nic_policy.h; Linux drivers/net/ethernet/intel/ixgbevf (mbx.c, vf.c, ixgbevf_main.c).
/// Models  reset, API, queue, MTU, multicast, MAC, VLAN and promiscuous requests with timeout and retry; waiting for the
///         mailbox interrupt; link changes; impending reset (stop, start again when the function answers); removal of the
///         PF's driver; removal of the function; a new beginning when the PF does not answer or has closed the VF
///         (ixgbevf_check_mac_link_vf); a service task that looks for what nobody announces (FunctionWatch). It then waits until
///         the function is there again and begins anew; so it does when the PF does not answer and the function was reset meanwhile.
/// Omits   polling for the answer, as ixgbevf does with interrupts off.
#pragma once
#include <deque>
#include <set>

#include "models/core/stat.h"
#include "models/software/function_watch.h"
#include "models/software/mailbox_message.h"

namespace iov::software {

class VfDriver : public sc_core::sc_module {
 public:
  struct Params {
    Time answer_timeout = 2000_us, retry_interval = 500_us;
    Time patience = 1'000'000_us;
    Time service_interval{2, sc_core::SC_SEC}, transmit_timeout{5, sc_core::SC_SEC};
    unsigned max_frame = 1514;
    template <class V>
    void describe(V& v) {
      const Range<Time> range{1_us, 1'000'000_us};
      v.field("answer_timeout", answer_timeout, range,
              "how long it waits for an answer before it asks again, twice as long each time", no_source);
      v.field("patience", patience, range, "how long it goes on asking before it begins anew",
              "Linux ixgbevf: IXGBE_VF_MBX_INIT_TIMEOUT 2000 times 500 us");
      v.field("retry_interval", retry_interval, range, "between two attempts to get the mailbox",
              "Linux ixgbevf: IXGBE_VF_MBX_INIT_DELAY 500 us");
      const Range<Time> watch{Time(), Time(60, sc_core::SC_SEC)};
      v.field("service_interval", service_interval, watch,
              "between two looks whether the function is still as the driver left it; 0: never",
              "Linux ixgbevf_service_timer(), iavf_watchdog_task(): 2 s");
      v.field("transmit_timeout", transmit_timeout, watch, "how long senders wait for a full transmit ring before it begins anew",
              "Linux dev_watchdog(), ixgbevf: 5 s");
      v.field("max_frame", max_frame, Range<unsigned>{60, 9014, "B"}, "largest frame without FCS it asks for", "MTU 1500");
    }
  };
  struct Place {
    host::Strand& strand;
    host::Context context;
    host::Context interrupt_context;
    unsigned vector = 1;
    /// Makes the function usable again after a reset: bus master, MSI-X.
    Delegate<Task(host::Strand&)> restore{};
  };
  VfDriver(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, const SoftwareCosts& costs,
           RegisterIo& registers, NicDriver& data, const Place& place);

  /// Brings the function up, and serves until leave().
  /// @param ready  called when packets can move for the first time
  void start(Delegate<void()> ready);
  /// Stops the queues and lets go of the function, until start(); what is sent meanwhile finds no link.
  void leave(Delegate<void()> gone);
  Task interrupt(host::Strand& strand);  ///< the handler of the mailbox vector
  void stop_service() { watch_.stop(); }  ///< looks no more, until it is brought up again

  // --- what the guest asks for; asked again after every reset
  void ask_mac(MacAddress mac);
  void ask_vlan(std::uint16_t vlan, bool join);
  void ask_multicast(std::vector<MacAddress> groups);
  void ask_promiscuous(unsigned mode);  ///< 0 none, 1 all multicast, 2 all

  bool up() const { return up_; }
  bool removed() const { return removed_; }
  MacAddress mac() const { return mac_; }
  std::uint64_t refused() const { return refused_.value(); }
  std::uint64_t restarts() const { return restarts_.value(); }
  std::uint64_t timeouts() const { return timeouts_.value(); }
  std::uint64_t collisions() const { return collisions_.value(); }
  /// Times the service task found the function in this state.
  std::uint64_t found(NicDriver::Health health) const { return watch_.found(health); }

 private:
  enum class Answer : std::uint8_t { none, ack, nack };
  struct Wanted {
    MailboxMessage message;
    unsigned words;
  };
  Task serve();
  Task bring_up();
  Task configure();
  Task ask(Wanted wanted);
  Task open(bool& opened);
  Task take_down();
  Task look_after();
  Task find_again();
  Task look_for_reset();
  void answered(std::uint32_t type, const Time& asked);
  Task request(MailboxMessage asked, unsigned words, Answer& answer);
  Task listen();
  Task exchange(std::uint32_t type, bool& over, Answer& answer);
  Task obtain(bool& owned);
  Task take_message(MailboxMessage& message);
  Task obey(MailboxMessage said);
  Task let_go();
  Task look_at_link();
  Task pause(Time time);
  Task write(std::uint32_t offset, std::uint64_t value, unsigned bytes = 4);
  Task read(std::uint32_t offset, unsigned bytes, std::uint64_t& value);
  void want(const MailboxMessage& message, unsigned words);
  void time_up() { place_.strand.wake(); }

  Timeline& timeline_;
  const Params params_;
  const SoftwareCosts& costs_;
  RegisterIo& registers_;
  NicDriver& data_;
  const Place place_;
  Delegate<void()> ready_;
  std::uint32_t seen_ = 0;  ///< read-to-clear bits of the mailbox not yet acted on
  MacAddress mac_, wanted_mac_;
  std::set<std::uint16_t> vlans_;
  std::vector<MacAddress> groups_;
  unsigned promiscuity_ = 0;
  std::deque<Wanted> wanted_;
  bool up_ = false, restart_ = true, removed_ = false, leaving_ = false;
  bool lost_ = false, troubled_ = false;  ///< it was reset, or does not answer; not up again since that, or since a notice of it
  Delegate<void()> gone_;
  MailboxMessage answer_{};
  Task task_;
  Event timer_{timeline_, bind<&VfDriver::time_up>(this)};
  Counter requests_{"requests", "1", "requests to the PF"};
  Counter refused_{"refused", "1", "requests that the PF refused"};
  Counter timeouts_{"timeouts", "1", "requests that were not answered in time"};
  Counter collisions_{"collisions", "1", "times the PF had the mailbox when it was wanted"};
  Counter absences_{"absences", "1", "times the function did not answer when its mailbox was wanted"};
  TableStat answers_{"answers", "requests that the PF answered, and from asking to the answer", {{"count", "1"}, {"time", "ns"}}};
  Counter link_changes_{"link_changes", "1", "link events"};
  Counter restarts_{"restarts", "1", "times the function was brought up again"};
  FunctionWatch watch_;
};

}  // namespace iov::software
