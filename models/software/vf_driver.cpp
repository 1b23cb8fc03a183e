// SPDX-License-Identifier: Apache-2.0
#include "models/software/vf_driver.h"

namespace iov::software {

using host::Strand;
using host::Work;
using namespace nic;

namespace {
constexpr const char* requests[] = {"reset", "set_mac", "set_multicast", "set_vlan", "set_mtu", "promiscuous", "none", "negotiate", "get_queues"};
static_assert(std::size(requests) == msg_get_queues);

MailboxMessage message(std::uint32_t type, std::uint32_t argument = 0, std::uint32_t info = 0) {
  MailboxMessage m{};
  m[0] = type | info << msg_info_shift;
  m[1] = argument;
  return m;
}
MailboxMessage mac_message(MacAddress mac) {
  MailboxMessage m = message(msg_set_mac);
  m.set_mac(mac);
  return m;
}
MailboxMessage multicast_message(const std::vector<MacAddress>& groups) {
  const auto count = static_cast<unsigned>(std::min<std::size_t>(groups.size(), MailboxMessage::max_hashes));
  MailboxMessage m = message(msg_set_multicast, 0, count);
  for (unsigned i = 0; i < count; ++i) m.set_hash(i, static_cast<std::uint32_t>(groups[i].value));
  return m;
}
}  // namespace

VfDriver::VfDriver(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, const SoftwareCosts& costs,
                   RegisterIo& registers, NicDriver& data, const Place& place)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      costs_(costs),
      registers_(registers),
      data_(data),
      place_(place),
      watch_(timeline, {params.service_interval, params.transmit_timeout, params.retry_interval},
             {registers, data, place.strand, place.restore}) {
  for (const char* request : requests) answers_.add_row(request);
}

void VfDriver::start(Delegate<void()> ready) {
  ready_ = ready;
  restart_ = true, removed_ = false;
  task_ = serve();
  task_.start();
}

void VfDriver::leave(Delegate<void()> gone) {
  if (task_.done()) return gone ? gone() : void();
  gone_ = gone;
  leaving_ = true;
  place_.strand.wake();
}

// --- what the guest asks for --------------------------------------------------------------------------------

void VfDriver::want(const MailboxMessage& message, unsigned words) {
  if (!up_) return;  // bring_up() asks for everything
  wanted_.push_back({message, words});
  place_.strand.wake();
}
void VfDriver::ask_mac(MacAddress mac) {
  wanted_mac_ = mac;
  want(mac_message(mac), 3);
}
void VfDriver::ask_vlan(std::uint16_t vlan, bool join) {
  join ? static_cast<void>(vlans_.insert(vlan)) : static_cast<void>(vlans_.erase(vlan));
  want(message(msg_set_vlan, vlan, join), 2);
}
void VfDriver::ask_multicast(std::vector<MacAddress> groups) {
  groups_ = std::move(groups);
  want(multicast_message(groups_), mailbox_words);
}
void VfDriver::ask_promiscuous(unsigned mode) {
  promiscuity_ = mode;
  want(message(msg_promiscuous, mode), 2);
}

// --- the thread ---------------------------------------------------------------------------------------------

/// Reading clears what it says, so it is kept.
Task VfDriver::interrupt(Strand& strand) {
  std::uint64_t bits = 0;
  co_await registers_.read(strand, reg_mailbox, 4, bits);
  if (bits != all_ones(4)) seen_ |= static_cast<std::uint32_t>(bits);
  co_await strand.spend(place_.interrupt_context, Work::driver, costs_.driver_interrupt);
  place_.strand.wake();
}

Task VfDriver::serve() {
  for (;;) {
    if (leaving_) {
      co_await let_go();
      co_return;
    }
    if (restart_) {
      co_await bring_up();
    } else if (seen_ & vf_mailbox_pf_status) {
      MailboxMessage message{};
      co_await take_message(message);
      co_await obey(message);
    } else if (!wanted_.empty()) {
      const Wanted next = wanted_.front();
      wanted_.pop_front();
      co_await ask(next);
    } else if (watch_.due()) {
      co_await look_after();
    } else {
      co_await place_.strand.wait();
    }
  }
}

Task VfDriver::write(std::uint32_t offset, std::uint64_t value, unsigned bytes) {
  co_await registers_.write(place_.strand, offset, value, bytes, {});
}
Task VfDriver::read(std::uint32_t offset, unsigned bytes, std::uint64_t& value) {
  co_await registers_.read(place_.strand, offset, bytes, value);
}
Task VfDriver::pause(Time time) {
  timer_.at(timeline_.now() + time);
  while (timer_.scheduled()) co_await place_.strand.wait();
}

Task VfDriver::look_after() {
  bool lost = false;
  co_await watch_.look(lost);
  if (lost) lost_ = troubled_ = restart_ = true;
}

Task VfDriver::find_again() {
  co_await watch_.find_again(leaving_);
  lost_ = false;
}

Task VfDriver::bring_up() {
  const bool again = up_;
  if (up_) co_await take_down();
  for (bool opened = false; !opened;) {
    if (lost_) co_await find_again();
    co_await open(opened);
    if (!opened && !lost_) co_await pause(params_.retry_interval);
    if (leaving_) co_return;
  }
  restart_ = false;
  co_await configure();
  if (restart_ || leaving_) co_return;  // there is reason to begin anew, or none to begin
  co_await data_.initialise(place_.strand);
  co_await look_at_link();
  up_ = true;
  troubled_ = false;
  watch_.start();
  again ? ++restarts_ : ready_ ? std::exchange(ready_, {})() : void();
}

Task VfDriver::let_go() {
  watch_.stop();
  data_.set_carrier(false);
  if (up_) co_await take_down();
  up_ = leaving_ = false;
  if (gone_) std::exchange(gone_, {})();
}

Task VfDriver::take_down() {
  watch_.stop();
  up_ = false;
  wanted_.clear();
  co_await data_.stop(place_.strand);
  up_ = true;  // counts as a restart
}

/// Resets the function once, for a reset gives up its turn with the PF, and asks the PF to open it.
Task VfDriver::open(bool& opened) {
  Answer answer{};
  co_await write(reg_control, control_reset_function);
  seen_ = 0;
  co_await request(message(msg_reset), 1, answer);
  opened = answer == Answer::ack;
  if (opened) mac_ = answer_.mac();
}

/// Says how messages are announced. Each time: the device may have been reset meanwhile.
Task VfDriver::listen() {
  co_await write(reg_mailbox_vector, place_.vector);
  co_await write(reg_interrupt_mask_set, std::uint64_t{1} << place_.vector, 8);
}

Task VfDriver::configure() {
  std::vector<Wanted> all{{message(msg_negotiate, api_1_1), 2},
                          {message(msg_get_queues), 1},
                          {message(msg_set_mtu, params_.max_frame), 2},
                          {multicast_message(groups_), mailbox_words}};
  for (const std::uint16_t vlan : vlans_) all.push_back({message(msg_set_vlan, vlan, 1), 2});
  if (promiscuity_ != 0) all.push_back({message(msg_promiscuous, promiscuity_), 2});
  if (wanted_mac_.value != 0 && wanted_mac_ != mac_) all.push_back({mac_message(wanted_mac_), 3});
  for (std::size_t i = 0; i < all.size() && !restart_ && !leaving_; ++i) co_await ask(all[i]);
}

/// Whom the PF does not answer and whom it has closed (a refusal that is not "clear to send"), begins anew.
Task VfDriver::ask(Wanted wanted) {
  Answer answer{};
  co_await request(wanted.message, wanted.words, answer);
  if (answer == Answer::none || (answer == Answer::nack && !answer_.has(msg_cts))) restart_ = true;
  if (answer == Answer::ack && wanted.message.type() == msg_set_mac) mac_ = wanted.message.mac();
}

// --- the mailbox --------------------------------------------------------------------------------------------

Task VfDriver::request(MailboxMessage asked, unsigned words, Answer& answer) {
  const Time asked_at = timeline_.now(), until = asked_at + params_.patience;
  answer = Answer::none;
  ++requests_;
  bool over = false;
  for (Time timeout = params_.answer_timeout; !over && !leaving_ && !lost_ && timeline_.now() < until;) {
    if (asked.type() == msg_reset) co_await listen();
    bool owned = false;
    co_await obtain(owned);
    if (!owned) {
      co_await pause(params_.retry_interval);
      continue;
    }
    for (unsigned i = 0; i < words; ++i) co_await write(reg_mailbox_memory + 4 * i, asked[i]);
    co_await write(reg_mailbox, vf_mailbox_request);  // and gives the buffer up
    timer_.at(timeline_.now() + std::exchange(timeout, timeout * 2));  // many may ask at once: ever less load
    co_await exchange(asked.type(), over, answer);
    timer_.cancel();
  }
  if (answer == Answer::none && timeline_.now() >= until) lost_ = true;  // it begins anew from the very beginning
  if (answer == Answer::nack) ++refused_;
  if (answer != Answer::none) answered(asked.type(), asked_at);
}

void VfDriver::answered(std::uint32_t type, const Time& asked) {
  ++answers_.at(type - 1, 0);
  answers_.at(type - 1, 1) += static_cast<std::uint64_t>(to_ns(timeline_.now() - asked));
}

/// Troubles seldom come alone: the function may have been reset again since the PF was asked, and interrupts nobody any more. A
/// reset forgets the mailbox's vector, too.
Task VfDriver::look_for_reset() {
  std::uint64_t vector = 0;
  co_await read(reg_mailbox_vector, 4, vector);
  lost_ = vector != place_.vector;
}

/// Waits for the answer; what the PF says on its own account meanwhile is obeyed.
Task VfDriver::exchange(std::uint32_t type, bool& over, Answer& answer) {
  while (!(seen_ & vf_mailbox_pf_status)) {
    if (!timer_.scheduled()) {
      ++timeouts_;
      if (troubled_) co_await look_for_reset();
      co_return;
    }
    co_await place_.strand.wait();
  }
  co_await take_message(answer_);
  if (answer_.type() == type) {
    answer = answer_.has(msg_ack) ? Answer::ack : Answer::nack;
    over = true;
  } else if (!answer_.has(msg_ack | msg_nack)) {
    co_await obey(answer_);
    over = restart_ && type != msg_reset;  // what was asked does not matter any more
    if (!over) co_await exchange(type, over, answer);
  }  // else the answer to something garbled: ask again
}

Task VfDriver::obtain(bool& owned) {
  std::uint64_t bits = 0;
  co_await write(reg_mailbox, vf_mailbox_vfu);
  co_await read(reg_mailbox, 4, bits);
  if (bits == all_ones(4)) {
    ++absences_;
    lost_ = troubled_ = true;
    co_return;
  }
  seen_ |= static_cast<std::uint32_t>(bits);
  if (seen_ & vf_mailbox_pf_status) {  // a message is in it: it would be overwritten
    MailboxMessage message{};
    ++collisions_;
    co_await take_message(message);
    co_await obey(message);
    co_return;
  }
  owned = bits & vf_mailbox_vfu;
  if (!owned) ++collisions_;
}

Task VfDriver::take_message(MailboxMessage& message) {
  seen_ &= ~std::uint32_t{vf_mailbox_pf_status};
  for (unsigned i = 0; i < 6; i += 2) {
    std::uint64_t pair = 0;
    co_await read(reg_mailbox_memory + 4 * i, 8, pair);
    message[i] = static_cast<std::uint32_t>(pair), message[i + 1] = static_cast<std::uint32_t>(pair >> 32);
    if (message.type() == msg_control) break;
  }
  co_await write(reg_mailbox, vf_mailbox_ack);
  co_await place_.strand.spend(place_.context, Work::driver, costs_.control_message);
}

Task VfDriver::obey(MailboxMessage said) {
  if (said.type() != msg_control) co_return;  // a late answer
  const std::uint32_t info = said.info();
  if (info == control_removal) {
    removed_ = true;
    data_.set_carrier(false);
    if (up_) co_await data_.stop(place_.strand);
    co_return;
  }
  if (info == control_reset || !said.has(msg_cts)) {
    restart_ = true;
    troubled_ = troubled_ || info == control_reset;
    removed_ = false;
    co_return;
  }
  ++link_changes_;
  co_await look_at_link();
}

Task VfDriver::look_at_link() {
  std::uint64_t status = 0;
  co_await read(reg_status, 4, status);
  data_.set_carrier((status & 1) && status != all_ones(4));
}

}  // namespace iov::software
