// SPDX-License-Identifier: Apache-2.0
#include "models/software/pf_driver.h"

namespace iov::software {

using host::Strand;
using host::Work;
using namespace nic;

namespace {
constexpr std::uint32_t valid = 1u << 31;
constexpr std::uint32_t pause_quanta = 0xffff;
std::uint32_t mbps(Bandwidth rate) {
  const double steps = rate.bytes_per_second * 8e-6;
  return steps <= 0 ? 0 : std::max(1u, static_cast<std::uint32_t>(steps + 0.5));
}
}  // namespace

PfDriver::PfDriver(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, const SoftwareCosts& costs,
                   RegisterIo& registers, const Place& place)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      costs_(costs),
      registers_(registers),
      place_(place),
      strand_(&place.strand),
      drop_enable_(params.drop_enable),
      events_("events", "events the driver took from the device",
              {{"mailbox_request", "1"}, {"mailbox_ack", "1"}, {"vf_reset", "1"}, {"mac_spoof", "1"}, {"vlan_spoof", "1"},
               {"storm", "1"}, {"congestion", "1"}, {"congestion_over", "1"}, {"link", "1"}}) {
  events_.add_row("pf");
}

PfDriver::Vf& PfDriver::vf(unsigned number) {
  if (vfs_.size() <= number) vfs_.resize(number + 1);
  return vfs_[number];
}

// --- operations ---------------------------------------------------------------------------------------------

void PfDriver::ask(const Operation& operation) {
  operations_.push_back(operation);
  if (running_) place_.strand.wake();
}

void PfDriver::keep(const Operation& operation) {
  standing_.push_back(operation);
  ask(operation);
}

void PfDriver::manage(unsigned number, const VfSettings& settings) {
  Vf& v = vf(number);
  v.settings = settings;
  v.managed = true;
  ask({Operation::Kind::program, number});
}

void PfDriver::withdraw(unsigned number) {
  vf(number).managed = false;
  ask({Operation::Kind::tell, number, control_reset});
}

void PfDriver::filter(MacAddress mac, unsigned number, std::optional<unsigned> pool, std::uint32_t command) {
  const std::uint32_t target = number | (pool ? filter_has_pool | *pool << 16 : 0);
  keep({Operation::Kind::filter, number, command, target, 4, mac});
}

void PfDriver::assign_pool(unsigned pool, unsigned first_queue, unsigned queues) {
  keep({Operation::Kind::device, 0, reg_pool, pool | std::uint64_t{first_queue} << 16 | std::uint64_t{queues} << 32, 8});
}

void PfDriver::use_representor(unsigned pool) {
  representor_ = pool;
  ask_device(reg_switch, switching());
}

std::uint32_t PfDriver::switching() const {
  return static_cast<std::uint32_t>(params_.switch_mode) | static_cast<std::uint32_t>(params_.sort_by) << 4 | representor_ << 16;
}

void PfDriver::set_mac(unsigned number, MacAddress mac) {
  vf(number).settings.mac = mac;
  ask({Operation::Kind::tell, number, control_reset});  // the VF starts anew and learns its address
}

void PfDriver::set_max_transmit_rate(unsigned number, Bandwidth rate) {
  vf(number).settings.max_transmit_rate = rate;
  ask_window(number, vf_transmit_rate, mbps(rate));
}
void PfDriver::set_min_transmit_rate(unsigned number, Bandwidth rate) {
  vf(number).settings.min_transmit_rate = rate;
  ask_window(number, vf_transmit_share, mbps(rate));
}
void PfDriver::set_max_receive_rate(unsigned number, Bandwidth rate) {
  vf(number).settings.max_receive_rate = rate;
  ask_window(number, vf_receive_rate, mbps(rate));
}
void PfDriver::set_storm_rate(unsigned number, unsigned frames_per_second) {
  vf(number).settings.storm_rate = frames_per_second;
  ask_window(number, vf_storm_rate, frames_per_second);
}
void PfDriver::set_interrupt_interval(unsigned number, const Time& interval) {
  vf(number).settings.interrupt_interval = interval;
  ask_window(number, vf_interrupt_interval, static_cast<std::uint64_t>(to_ns(interval)));
}
void PfDriver::set_spoof_check(unsigned number, bool check) {
  vf(number).settings.spoof_check = check;
  ask_window(number, vf_control, control_of(vf(number)));
}
void PfDriver::stop_vf(unsigned number) {
  vf(number).stopped = true;
  ask_window(number, vf_control, control_of(vf(number)));
}
void PfDriver::allow_vf(unsigned number) {
  vf(number).stopped = false;
  vf(number).spoofs = 0;
  ask_window(number, vf_control, control_of(vf(number)));
}
void PfDriver::set_link(bool up) {
  link_ = up;
  ask_device(reg_link, up);
}
void PfDriver::reset_device() { ask({Operation::Kind::reset}); }
void PfDriver::announce_removal() { ask({Operation::Kind::tell_all, 0, control_removal}); }

Task PfDriver::quiesce(Strand& caller) { return have_done(caller, Operation::Kind::quiesce); }
Task PfDriver::begin_anew(Strand& caller) { return have_done(caller, Operation::Kind::begin_anew); }

/// A driver that has not started yet has set nothing, and begins when it starts.
Task PfDriver::have_done(Strand& caller, Operation::Kind kind) {
  Waiter waiter{caller};
  Operation operation{kind};
  operation.waiter = &waiter;
  if (running_) ask(operation);
  while (running_ && !waiter.done) co_await caller.wait();
}

// --- the thread ---------------------------------------------------------------------------------------------

void PfDriver::start() {
  running_ = true;
  task_ = serve();
  task_.start();
}

Task PfDriver::interrupt(Strand& strand) {
  co_await strand.spend(place_.interrupt_context, Work::driver, costs_.driver_interrupt);
  place_.strand.wake();
}

Task PfDriver::serve() {
  co_await initialise();
  for (;;) {
    co_await carry_out(place_.strand);
    for (std::uint64_t event = 0; !quiet_;) {
      co_await read(reg_event, 4, event);
      if (!(event & valid) || event == all_ones(4)) break;  // no more, or no device
      co_await handle_event(static_cast<std::uint32_t>(event));
    }
    if (!operations_.empty()) continue;
    co_await place_.strand.wait();
  }
}

Task PfDriver::initialise() {
  co_await write(reg_vf_default, vf_drop_enable);  // VFs are closed until they have asked
  if (place_.port) co_await set_port();
  co_await write(reg_event_vector, place_.vector | valid);
  co_await write(reg_interrupt_mask_set, std::uint64_t{1} << place_.vector, 8);
}

Task PfDriver::set_port() {
  co_await write(reg_switch, switching());
  co_await write(reg_congestion, params_.congestion_level.count);
  co_await write(reg_pause_time, pause_quanta);
  co_await write(reg_pause_low, params_.pause_low.count);
  co_await write(reg_pause_high, params_.pause_high.count);
}

Task PfDriver::carry_out(Strand& strand) {
  strand_ = &strand;
  while (!operations_.empty()) {
    const Operation operation = operations_.front();
    operations_.pop_front();
    co_await strand_->spend(place_.context, Work::driver, costs_.control_message);
    co_await carry_out_one(operation);
    if (!operation.waiter) continue;
    operation.waiter->done = true;
    operation.waiter->strand.wake();
  }
  strand_ = &place_.strand;
}

Task PfDriver::carry_out_one(Operation o) {
  bool done = true;
  switch (o.kind) {
    case Operation::Kind::device: co_await write(o.reg, o.value, o.bytes); break;
    case Operation::Kind::filter:
      co_await set_filter(o.mac, static_cast<std::uint32_t>(o.value), o.reg, done);
      if (!done) ++refused_;
      break;
    case Operation::Kind::window:
      co_await select(o.vf);
      co_await write(o.reg, o.value);
      break;
    case Operation::Kind::program:
      co_await select(o.vf);
      co_await program(o.vf);
      break;
    case Operation::Kind::tell: co_await tell(o.vf, o.reg); break;
    case Operation::Kind::tell_all: co_await tell_all(o.reg); break;
    case Operation::Kind::reset: co_await reset(); break;
    case Operation::Kind::quiesce:
      co_await announce_reset();
      co_await stop_clients();
      quiet_ = true;
      break;
    case Operation::Kind::begin_anew: co_await start_anew(false); break;
  }
}

Task PfDriver::write(std::uint32_t offset, std::uint64_t value, unsigned bytes) {
  co_await registers_.write(*strand_, offset, value, bytes, {});
}
Task PfDriver::read(std::uint32_t offset, unsigned bytes, std::uint64_t& value) {
  co_await registers_.read(*strand_, offset, bytes, value);
}

Task PfDriver::select(unsigned number) {
  if (selected_ == number) co_return;
  selected_ = number;
  co_await write(reg_vf_select, number);
}

std::uint32_t PfDriver::control_of(const Vf& v) const {
  const std::uint32_t drop = drop_enable_ ? std::uint32_t{vf_drop_enable} : 0;
  if (!v.open || v.stopped) return drop;
  std::uint32_t control = drop | vf_receive_enable | vf_transmit_enable | vf_accept_broadcast | vf_check_membership;
  if (v.settings.spoof_check) control |= vf_check_mac | vf_check_vlan;
  if (v.all_multicast) control |= vf_accept_multicast;
  if (v.promiscuous) control |= vf_accept_all;
  return control;
}

/// Everything about the selected VF, as it should be now.
Task PfDriver::program(unsigned number) {
  const Vf& v = vf(number);
  co_await write(vf_mac, v.mac.value, 8);
  co_await write(vf_max_frame, v.max_frame);
  co_await write(vf_transmit_rate, mbps(v.settings.max_transmit_rate));
  co_await write(vf_transmit_share, mbps(v.settings.min_transmit_rate));
  co_await write(vf_receive_rate, mbps(v.settings.max_receive_rate));
  co_await write(vf_storm_rate, v.settings.storm_rate);
  co_await write(vf_interrupt_interval, static_cast<std::uint64_t>(to_ns(v.settings.interrupt_interval)));
  co_await write(vf_control, control_of(v));
}

Task PfDriver::set_filter(MacAddress mac, std::uint32_t target, std::uint32_t command, bool& done) {
  co_await write(reg_filter_mac, mac.value, 8);
  co_await write(reg_filter_vlan, filter_any_vlan);
  co_await write(reg_filter_target, target);
  co_await write(reg_filter_command, command);
  std::uint64_t status = 0;
  co_await read(reg_filter_command, 4, status);
  done = status & 1;
}

Task PfDriver::announce_reset() {
  co_await tell_all(control_reset);
  timer_.at(timeline_.now() + params_.reset_grace);
  while (timer_.scheduled()) co_await place_.strand.wait();
}

/// The VFs are told, get time to stop, then everything stops; the host's own queues start again, VFs do when they ask.
Task PfDriver::reset() {
  co_await announce_reset();
  co_await start_anew(true);
}

Task PfDriver::stop_clients() {
  for (NicDriver* client : clients_) co_await client->stop(place_.strand);
}

/// The device knows nothing any more. First VFs are closed again; what is set for one of them is written before it is opened.
Task PfDriver::start_anew(bool reset) {
  co_await stop_clients();
  for (Vf& v : vfs_) {
    v.open = false;
    v.mac = {};
    v.vlans.clear();
  }
  if (reset) co_await write(reg_control, control_reset_device);
  selected_ = 0;
  co_await initialise();
  if (!link_) co_await write(reg_link, link_);
  co_await write_again(*strand_);
  for (NicDriver* client : clients_) co_await client->initialise(place_.strand);
  quiet_ = false;
}

Task PfDriver::write_again(Strand& strand) {
  Strand* const before = std::exchange(strand_, &strand);
  for (std::size_t i = 0; i < standing_.size(); ++i) co_await carry_out_one(standing_[i]);
  strand_ = before;
}

// --- events -------------------------------------------------------------------------------------------------

Task PfDriver::handle_event(std::uint32_t event) {
  const auto kind = static_cast<PfEvent>(event >> 16 & 0xff);
  const unsigned number = event & 0xffff;
  ++events_.at(0, static_cast<std::size_t>(kind));
  co_await strand_->spend(place_.context, Work::driver, costs_.control_message);
  switch (kind) {
    case PfEvent::mailbox_request: co_await handle_request(number); break;
    case PfEvent::vf_reset: vf(number).open = false; break;
    case PfEvent::mac_spoof:
    case PfEvent::vlan_spoof: co_await handle_misbehaviour(number); break;
    case PfEvent::congestion: co_await handle_congestion(); break;
    case PfEvent::link: co_await tell_all(control_link); break;
    case PfEvent::mailbox_ack:
    case PfEvent::storm:
    case PfEvent::congestion_over: break;
  }
}

Task PfDriver::handle_misbehaviour(unsigned number) {
  Vf& v = vf(number);
  if (v.stopped || ++v.spoofs != params_.spoof_limit) co_return;
  ++stops_;
  v.stopped = true;
  co_await select(number);
  co_await write(vf_control, control_of(v));
}

Task PfDriver::handle_congestion() {
  if (params_.on_congestion == OnCongestion::pause) {
    co_await write(reg_pause_low, params_.congestion_level.count / 2);
    co_await write(reg_pause_high, params_.congestion_level.count);
  }
  if (params_.on_congestion != OnCongestion::drop_enable || drop_enable_) co_return;
  drop_enable_ = true;
  for (unsigned n = 1; n < vfs_.size(); ++n) {
    if (!vfs_[n].open) continue;
    co_await select(n);
    co_await write(vf_control, control_of(vfs_[n]));
  }
}

Task PfDriver::tell_all(std::uint32_t info) {
  for (unsigned n = 1; n < vfs_.size(); ++n)
    if (vfs_[n].open) co_await tell(n, info);
}

Task PfDriver::tell(unsigned number, std::uint32_t info) {
  ++told_;
  co_await select(number);
  MailboxMessage message{};
  message[0] = msg_control | info << msg_info_shift | (vf(number).open ? std::uint32_t{msg_cts} : 0);
  co_await reply(message, 1);
}

/// Takes the mailbox of the selected VF, if need be by force, and leaves a message in it.
Task PfDriver::reply(const MailboxMessage& message, unsigned words) {
  std::uint64_t state = 0;
  co_await write(vf_window_mailbox, pf_mailbox_pfu);
  co_await read(vf_window_mailbox, 4, state);
  if (!(state & pf_mailbox_pfu)) {
    ++busy_;
    co_await write(vf_window_mailbox, pf_mailbox_rvfu | pf_mailbox_pfu);
  }
  for (unsigned i = 0; i < words; ++i) co_await write(vf_window_mailbox_memory + 4 * i, message[i]);
  co_await write(vf_window_mailbox, pf_mailbox_status);
}

}  // namespace iov::software
