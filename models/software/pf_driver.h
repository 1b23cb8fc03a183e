// SPDX-License-Identifier: Apache-2.0
/// PfDriver -- the part of a PF's driver that governs the device: it answers the VFs' mailbox requests by policy, reacts
/// to events, and carries out what an administrator or a script asks. All of it by register accesses, on a thread of its
/// own with its own CPU time.
///
/// Spec    models/protocol/nic_policy.h; Linux drivers/net/ethernet/intel/ixgbe/ixgbe_sriov.c (order of accesses, what is
///         granted to whom), ip-link(8).
/// Models  reset, MAC, VLAN, multicast, MTU, promiscuous, API and queue requests; refusals; events to the VFs (link,
///         impending reset, removal); stopping of VFs that misbehave; reaction to congestion; filters, pools, switch mode;
///         all that was asked for is kept, and written again after a reset of the device (ixgbe_reinit_locked, ice_rebuild).
/// Omits   statistics requests, RSS key and table requests, port VLANs.
#pragma once
#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "models/core/stat.h"
#include "models/software/mailbox_message.h"
#include "models/software/nic_driver.h"
#include "models/software/vf_settings.h"

namespace iov::software {

class PfDriver : public sc_core::sc_module {
 public:
  enum class OnCongestion : std::uint8_t { count, drop_enable, pause };
  struct Params {
    nic::SwitchMode switch_mode = nic::SwitchMode::veb;
    nic::SortMode sort_by = nic::SortMode::mac_vlan;
    OnCongestion on_congestion = OnCongestion::count;
    Bytes congestion_level{0}, pause_high{0}, pause_low{0};
    bool drop_enable = true;
    unsigned spoof_limit = 0, max_frame = 1514, multicast_limit = 30;
    Time reset_grace = 500_us;
    template <class V>
    void describe(V& v) {
      v.choice("switch_mode", switch_mode, Names<3>{"veb", "vepa", "representor"},
               "frames between VFs stay in the device, go out to the adjacent bridge, or to the host's software switch",
               "IEEE 802.1Q 5.5, 802.1Qbg 5.5; Linux bridge(8) hwmode, devlink eswitch mode");
      v.choice("sort_by", sort_by, Names<3>{"mac_vlan", "mac", "vlan"}, "what the device's filters compare",
               "Intel 82599 datasheet 7.10.3.3");
      v.flag("drop_enable", drop_enable, "frames of VFs that find no descriptor are dropped; off: they wait in the buffer",
             "Linux ixgbe sets QDE for VFs");
      v.choice("on_congestion", on_congestion, Names<3>{"count", "drop_enable", "pause"},
               "what it does when the receive buffer fills beyond congestion_level", no_source);
      const Range<Bytes> level{Bytes{0}, 64_MiB};
      v.field("congestion_level", congestion_level, level, "bytes in the receive buffer that make an event; 0: never", no_source);
      v.field("pause_high", pause_high, level, "bytes in the receive buffer that stop the sender (XOFF); 0: never",
              "Intel 82599 datasheet 3.7.7.3.2, FCRTH");
      v.field("pause_low", pause_low, level, "and that let it go on (XON)", "Intel 82599 datasheet 3.7.7.3.2, FCRTL");
      v.field("spoof_limit", spoof_limit, Range<unsigned>{0, 1'000'000}, "events of spoofing after which a VF is stopped; 0: never",
              "Linux counts and warns only");
      v.field("max_frame", max_frame, Range<unsigned>{60, 9014, "B"}, "largest frame without FCS that a VF may ask for", "MTU 1500");
      v.field("multicast_limit", multicast_limit, Range<unsigned>{0, 30}, "multicast hashes per VF", "ixgbe_sriov.h: 30");
      v.field("reset_grace", reset_grace, Range<Time>{{}, 1'000'000_us}, "from the notice of a reset to the reset", no_source);
      v.require(pause_low <= pause_high, "pause_low must not exceed pause_high");
    }
  };
  struct Place {
    host::Strand& strand;
    host::Context context;
    host::Context interrupt_context;
    unsigned vector = 0;  ///< MSI-X vector of the PF for events
    bool port = true;     ///< it also sets what is the port's: of several PFs on it one does
  };
  PfDriver(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, const SoftwareCosts& costs,
           RegisterIo& registers, const Place& place);

  void start();                          ///< initialises the device, then serves for ever
  Task interrupt(host::Strand& strand);  ///< the handler of the event vector
  /// Carries out what was asked so far, on the caller's strand: for a driver that has no thread.
  Task carry_out(host::Strand& strand);

  // --- operations: queued, carried out by the driver's thread in this order
  void manage(unsigned vf, const VfSettings& settings);  ///< from now on (again)
  /// The VF is about to be reset: it is told so, and not opened again until admit().
  void withdraw(unsigned vf);
  void admit(unsigned vf) { this->vf(vf).managed = true; }
  void add_filter(MacAddress mac, std::optional<unsigned> pool = {}) { filter(mac, 0, pool, nic::filter_add); }
  void assign_pool(unsigned pool, unsigned first_queue, unsigned queues);
  void use_representor(unsigned pool);  ///< that gets what VFs send to each other, in representor mode
  void set_mac(unsigned vf, MacAddress mac);
  void set_max_transmit_rate(unsigned vf, Bandwidth rate);
  void set_min_transmit_rate(unsigned vf, Bandwidth rate);
  void set_max_receive_rate(unsigned vf, Bandwidth rate);
  void set_storm_rate(unsigned vf, unsigned frames_per_second);
  void set_interrupt_interval(unsigned vf, const Time& interval);
  void set_spoof_check(unsigned vf, bool check);
  void set_trust(unsigned vf, bool trust) { this->vf(vf).settings.trust = trust; }
  void stop_vf(unsigned vf);   ///< it neither sends nor receives until allow_vf()
  void allow_vf(unsigned vf);
  void set_link(bool up);
  void reset_device();         ///< with notice to the VFs
  /// Before the host resets the PF: VFs are told and get time to stop, then the host's queues stop; who asks is not answered
  /// until begin_anew(). Over when that is done.
  Task quiesce(host::Strand& caller);
  /// The device was reset behind the driver's back, and answers again. Over when it is as it was, but for its VFs, which ask.
  Task begin_anew(host::Strand& caller);
  Task write_again(host::Strand& strand);  ///< filters and pools; also for a driver that has no thread
  void announce_removal();     ///< the driver is about to go
  /// The host's own queue pairs: they stop and start around a reset of the device.
  void add_client(NicDriver& client) { clients_.push_back(&client); }

  bool open(unsigned vf) { return this->vf(vf).open; }
  bool stopped(unsigned vf) { return this->vf(vf).stopped; }
  MacAddress mac(unsigned vf) { return this->vf(vf).mac; }
  std::uint64_t events(nic::PfEvent kind) const { return events_.at(0, static_cast<std::size_t>(kind)); }
  std::uint64_t refused() const { return refused_.value(); }

 private:
  struct Vf {
    VfSettings settings;
    MacAddress mac;  ///< it has now
    bool managed = false, open = false, stopped = false, all_multicast = false, promiscuous = false;
    unsigned max_frame = 0, spoofs = 0;
    std::set<std::uint32_t> vlans;
  };
  struct Waiter {
    host::Strand& strand;
    bool done = false;
  };
  struct Operation {
    enum class Kind : std::uint8_t { device, window, filter, program, tell, tell_all, reset, quiesce, begin_anew } kind;
    unsigned vf = 0;  ///< filter: 0 is the PF
    std::uint32_t reg = 0;
    std::uint64_t value = 0;
    unsigned bytes = 4;
    MacAddress mac{};
    Waiter* waiter = nullptr;
  };
  Vf& vf(unsigned number);
  void ask(const Operation& operation);
  void keep(const Operation& operation);  ///< is asked again after each reset
  Task have_done(host::Strand& caller, Operation::Kind kind);
  void filter(MacAddress mac, unsigned vf, std::optional<unsigned> pool, std::uint32_t command);
  void ask_window(unsigned vf, std::uint32_t reg, std::uint64_t value) { ask({Operation::Kind::window, vf, reg, value}); }
  void ask_device(std::uint32_t reg, std::uint64_t value, unsigned bytes = 4) { ask({Operation::Kind::device, 0, reg, value, bytes}); }
  Task serve();
  Task initialise();
  Task set_port();
  Task carry_out_one(Operation operation);
  Task announce_reset();
  Task reset();
  Task stop_clients();
  Task start_anew(bool reset);
  Task write(std::uint32_t offset, std::uint64_t value, unsigned bytes = 4);
  Task read(std::uint32_t offset, unsigned bytes, std::uint64_t& value);
  Task select(unsigned vf);
  Task program(unsigned vf);
  Task set_filter(MacAddress mac, std::uint32_t target, std::uint32_t command, bool& done);
  Task handle_event(std::uint32_t event);
  Task handle_request(unsigned vf);
  Task handle_misbehaviour(unsigned vf);
  Task handle_congestion();
  Task decide(unsigned vf, MailboxMessage& message, unsigned& words);
  Task open_vf(unsigned vf, MailboxMessage& message, unsigned& words);
  Task change_mac(unsigned vf, MacAddress mac, bool& granted);
  Task change_vlan(unsigned vf, std::uint32_t vlan, bool add, bool& granted);
  Task change_multicast(const MailboxMessage& message, bool& granted);
  Task change_promiscuity(unsigned vf, std::uint32_t mode, bool& granted);
  Task tell(unsigned vf, std::uint32_t info);
  Task tell_all(std::uint32_t info);
  Task reply(const MailboxMessage& message, unsigned words);
  std::uint32_t control_of(const Vf& vf) const;
  std::uint32_t switching() const;  ///< what belongs into reg_switch
  void time_up() { place_.strand.wake(); }

  Timeline& timeline_;
  const Params params_;
  const SoftwareCosts& costs_;
  RegisterIo& registers_;
  const Place place_;
  host::Strand* strand_;  ///< who works now
  std::vector<Vf> vfs_;   ///< by number; 0 is not used
  std::vector<NicDriver*> clients_;
  std::deque<Operation> operations_;
  std::vector<Operation> standing_;  ///< what the device is to have after every reset
  unsigned selected_ = 0, representor_ = 0;
  bool running_ = false, quiet_ = false, link_ = true, drop_enable_;
  Task task_;
  Event timer_{timeline_, bind<&PfDriver::time_up>(this)};
  Counter requests_{"requests", "1", "mailbox requests of VFs answered"};
  Counter refused_{"refused", "1", "requests and filters refused"};
  Counter told_{"told", "1", "messages to VFs that were no answers"};
  Counter busy_{"mailbox_busy", "1", "times a VF had its mailbox when a message was to be sent"};
  Counter stops_{"stopped_vfs", "1", "times a VF was stopped for misbehaviour"};
  TableStat events_;
};

}  // namespace iov::software
