// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/types/nic.h"

namespace iov::endpoint {

namespace {
constexpr std::uint32_t throttle_end = nic::reg_throttle + 4 * Msix::max_vectors;
constexpr std::uint32_t redirection_end = nic::reg_redirection + nic::redirection_entries;
constexpr unsigned no_queue = ~0u;
constexpr std::uint32_t register_in_queue = nic::queue_stride - 1;
constexpr std::uint64_t link_bit = 1;

config::SriovDeviceResources resources_of(const NicParams& p) {
  return {.class_code = 0x020000,  // Ethernet controller
          .bar_bytes = nic::bar_bytes,
          .vf_bar_bytes = nic::bar_bytes,
          .vectors = p.pf_vectors,
          .vf_vectors = p.vf_vectors,
          .ats = {}, .acs = {}, .pri = {}, .pasid = {}};
}
}  // namespace

Nic::Nic(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port,
         PacketBook& packets)
    : Endpoint(name, timeline, params, resources_of(params), port),
      params_(params),
      policies_(functions().numbers()),
      mailboxes_(functions().numbers()),
      wire_("wire", timeline, params.wire_rate),
      services_{timeline, dma_engine(), switch_, packets, *this, table_, policies_, functions().pfs(), params.carry_payload},
      switch_("switch", params.embedded_switch, services_),
      flow_control_("flow_control", timeline, wire_, *this),
      receiver_("receiver", params.receiver, services_, flow_control_),
      transmitter_("transmitter", params.transmitter, services_, wire_) {
  first_queue_.resize(functions().numbers(), no_queue);
  for (unsigned pf = 0; pf < functions().pfs(); ++pf)
    pfs_.emplace_back(pf, PfRegisters::Parts{*this, switch_, receiver_, transmitter_, flow_control_, policies_});
  for (unsigned pf = 0; pf < functions().pfs(); ++pf) function(pf);  // their queues are assigned before any driver runs
}

std::string Nic::name_of(unsigned index) {
  const std::string pf = functions().pfs() == 1 ? "pf" : "pf" + std::to_string(functions().pf_of(index));
  if (physical(index)) return pf;
  return (functions().pfs() == 1 ? "" : pf) + "vf" + std::to_string(functions().vf_of(index));
}

void Nic::function_enabled(unsigned index) {
  switch_.sorter().subscribe({index, Destination::no_pool});
  if (first_queue_[index] != no_queue) return;
  table_.row_of(index);
  first_queue_[index] = queues_;
  queues_ += queues_of(index);
  for (unsigned q = 0; q < queues_of(index); ++q) {
    transmitter_.add_queue(index, requester(index));
    receiver_.add_queue(index, requester(index));
  }
  receiver_.set_function(index, first_queue(index), queues_of(index));
  limit_interrupts(index, Time(policies_[index].interrupt_ns, sc_core::SC_NS));
}

void Nic::function_disabled(unsigned index) {
  switch_.sorter().unsubscribe({index, Destination::no_pool});
  reset_queues(index);
  close(index);
}

/// What a VF was reset to: closed or open as the PF wants new ones to be. The PF's limits stay, a VF cannot shake them off.
void Nic::close(unsigned index) {
  receiver_.reset_spread(index);
  if (physical(index)) return;
  FunctionPolicy& policy = policies_[index];
  policy.decided = false;
  policy.control = pfs_[functions().pf_of(index)].new_vf_control();
  switch_.set_promiscuous(index, false);
  mailboxes_[index].mailbox.reset();
  mailboxes_[index].vector = 0;
  event(index, nic::PfEvent::vf_reset);
}

std::optional<unsigned> Nic::function_of(unsigned pf, unsigned vf) {
  const unsigned function = functions().number(pf, vf);
  if (vf == 0 || vf > functions().pf(pf).vfs() || !functions().exists(function)) return std::nullopt;
  return function;
}

void Nic::requester_changed(unsigned index) {
  for (unsigned q = 0; q < queues_of(index); ++q) {
    transmitter_.set_requester(first_queue(index) + q, requester(index));
    receiver_.set_requester(first_queue(index) + q, requester(index));
  }
}

void Nic::assign_pool(unsigned pf, unsigned pool, unsigned first, unsigned queues) {
  if (first + queues > params_.pf_queues) return;  // software names queues that do not exist
  receiver_.assign_pool(pool, first_queue(pf) + first, queues);
  for (unsigned q = first; q < first + queues; ++q) transmitter_.set_pool(first_queue(pf) + q, pool);
  switch_.sorter().subscribe({pf, pool});
}

/// A VF that nobody has used yet is not made for it: it finds its limit when it is.
void Nic::limit_interrupts(unsigned index, const Time& least_interval) {
  if (Msix* const interrupts = msix(index)) interrupts->set_least_interval(least_interval);
}

void Nic::set_control(unsigned index, std::uint32_t control) {
  policies_[index].control = control;
  policies_[index].decided = true;
  switch_.set_promiscuous(index, (control & nic::vf_accept_all) != 0);
  if (!(control & nic::vf_transmit_enable)) return;
  mailboxes_[index].mailbox.opened();
  if (first_queue_[index] == no_queue) return;
  for (unsigned q = 0; q < queues_of(index); ++q) transmitter_.resume(first_queue(index) + q);
}

void Nic::set_vf_default(unsigned pf, std::uint32_t control) {
  for (unsigned f = first_vf(pf); f < first_vf(pf) + functions().total_vfs(); ++f)
    if (!policies_[f].decided) policies_[f].control = control;
}

void Nic::plug(bool plugged) {
  plugged_ = plugged;
  update_link();
}

void Nic::set_link(bool up) {
  link_wanted_ = up;
  update_link();
}

void Nic::update_link() {
  const bool before = wire_.up();
  wire_.set_up(plugged_ && link_wanted_);
  if (wire_.up() != before) event(0, nic::PfEvent::link);
}

void Nic::frame(Frame&& frame) {
  if (wire_.up()) [[likely]]
    return receiver_.arrive(std::move(frame));
  ++table_.dropped(0, DropReason::link_down);
  services_.packets.dropped(frame.header.id, DropReason::link_down);
}

/// What a VF does concerns its PF, what the device does all of them.
void Nic::event(unsigned index, nic::PfEvent kind) {
  for (unsigned pf = 0; pf < pfs_.size(); ++pf)
    if ((physical(index) || functions().pf_of(index) == pf) && pfs_[pf].events.post(functions().vf_of(index), kind))
      announce_events(pf);
}

void Nic::announce_events(unsigned pf) {
  const PfRegisters& registers = pfs_[pf];
  if (!registers.events.empty() && (registers.event_vector() & PfRegisters::event_enable))
    raise(pf, registers.event_vector() & 0xff);
}

void Nic::reset_queues(unsigned index) {
  for (unsigned q = 0; q < queues_of(index); ++q) {
    transmitter_.reset(first_queue(index) + q);
    receiver_.reset(first_queue(index) + q);
  }
}

void Nic::reset_function(unsigned index) {
  reset_queues(index);
  function(index).msix->reset();
  close(index);
}

/// A PF and its VFs, as far as anybody has used them, and what its driver has set.
void Nic::reset_device(unsigned pf) {
  for (unsigned f = 0; f < first_queue_.size(); ++f)
    if (first_queue_[f] != no_queue && functions().exists(f) && functions().pf_of(f) == pf) reset_function(f);
  pf_reset(pf, false);
}

/// Of several PFs on one port a reset of one leaves what is the port's: it is the others', too.
void Nic::pf_reset(unsigned pf, bool whole_device) {
  const unsigned first = first_vf(pf), end = first + functions().total_vfs();
  switch_.forget([=](unsigned f) { return f == pf || (f >= first && f < end); });
  receiver_.forget_pools(pf);
  for (unsigned q = 0; q < queues_of(pf); ++q) transmitter_.set_pool(first_queue(pf) + q, Destination::no_pool);
  for (unsigned f = first; f < end; ++f) {
    policies_[f] = {};
    mailboxes_[f] = {};
    limit_interrupts(f, {});
  }
  pfs_[pf].reset();
  if (whole_device || functions().pfs() == 1) reset_port();
}

void Nic::reset_port() {
  switch_.reset_port();
  flow_control_.reset();
  receiver_.hash().set_key(ToeplitzHash::default_key);
  set_link(true);
}

void Nic::write_register(unsigned index, std::uint32_t offset, std::uint64_t value, unsigned bytes,
                         JourneyRef journey) {
  const bool tx = offset < nic::reg_rx_queues;
  const std::uint32_t base = tx ? nic::reg_tx_queues : nic::reg_rx_queues;
  if (offset >= nic::reg_tx_queues) {
    const std::uint32_t queue = (offset - base) / nic::queue_stride;
    if (queue >= queues_of(index)) return;
    const std::uint32_t reg = offset & register_in_queue;
    if (tx) return transmitter_.write(first_queue(index) + queue, reg, value, bytes, journey);
    return receiver_.write(first_queue(index) + queue, reg, value, bytes);
  }
  if (offset >= nic::reg_policy && offset < nic::reg_policy_end)
    return write_control_register(index, offset, value, bytes);
  if (offset == nic::reg_control) {
    if (value & nic::control_reset_function) reset_function(index);
    if (physical(index) && (value & nic::control_reset_device) != 0) reset_device(index);
    return;
  }
  if (offset == nic::reg_spread) {
    if (value <= static_cast<std::uint64_t>(nic::Spread::round_robin))
      receiver_.set_spread(index, static_cast<nic::Spread>(value));
    return;
  }
  write_interrupt_register(*function(index).msix, offset, value);
}

void Nic::write_control_register(unsigned index, std::uint32_t offset, std::uint64_t value, unsigned bytes) {
  if (offset < nic::reg_redirection && physical(index)) return pfs_[index].write(offset, value, bytes);
  for (unsigned done = 0; done < bytes; done += 4) {
    const auto dw = static_cast<std::uint32_t>(value >> (8 * done));
    if (offset + done >= nic::reg_redirection && offset + done < redirection_end)
      receiver_.write_redirection(index, offset + done - nic::reg_redirection, dw);
    else
      write_mailbox(index, offset + done, dw);
  }
}

std::uint64_t Nic::read_control_register(unsigned index, std::uint32_t offset, unsigned bytes) {
  if (offset < nic::reg_redirection && physical(index)) return pfs_[index].read(offset, bytes);
  std::uint64_t value = 0;
  for (unsigned done = 0; done < bytes; done += 4) {
    const bool table = offset + done >= nic::reg_redirection && offset + done < redirection_end;
    const std::uint64_t dw = table ? receiver_.read_redirection(index, offset + done - nic::reg_redirection)
                                   : read_mailbox(index, offset + done);
    value |= dw << (8 * done);
  }
  return value;
}

void Nic::write_mailbox(unsigned index, std::uint32_t offset, std::uint32_t value) {
  VfChannel& vf = mailboxes_[index];
  if (offset < nic::reg_mailbox_memory + 4 * nic::mailbox_words)
    return vf.mailbox.write_word(offset - nic::reg_mailbox_memory, value);
  if (offset == nic::reg_mailbox_vector) vf.vector = static_cast<std::uint8_t>(value);
  if (offset != nic::reg_mailbox) return;
  const Mailbox::Effect effect = vf.mailbox.write_vf(value);
  if (effect.request) event(index, nic::PfEvent::mailbox_request);
  if (effect.ack) event(index, nic::PfEvent::mailbox_ack);
}

std::uint64_t Nic::read_mailbox(unsigned index, std::uint32_t offset) {
  VfChannel& vf = mailboxes_[index];
  if (offset < nic::reg_mailbox_memory + 4 * nic::mailbox_words)
    return vf.mailbox.read_word(offset - nic::reg_mailbox_memory);
  if (offset == nic::reg_mailbox_vector) return vf.vector;
  return offset == nic::reg_mailbox ? vf.mailbox.read_vf() : 0;
}

void Nic::write_interrupt_register(Msix& msix, std::uint32_t offset, std::uint64_t value) {
  const auto low = static_cast<std::uint32_t>(value);
  if (offset == nic::reg_interrupt_mask_set) return msix.enable(value);
  if (offset == nic::reg_interrupt_mask_clear) return msix.disable(value);
  if (offset == nic::reg_auto_mask) return msix.set_auto_mask(value);
  if (offset >= nic::reg_throttle && offset < throttle_end) msix.set_throttle((offset - nic::reg_throttle) / 4, low);
}

std::uint64_t Nic::read_register(unsigned index, std::uint32_t offset, unsigned bytes) {
  if (offset >= nic::reg_tx_queues) {
    const bool tx = offset < nic::reg_rx_queues;
    const std::uint32_t queue = (offset - (tx ? nic::reg_tx_queues : nic::reg_rx_queues)) / nic::queue_stride;
    if (queue >= queues_of(index)) return 0;
    const std::uint32_t reg = offset & register_in_queue;
    return tx ? transmitter_.read(first_queue(index) + queue, reg) : receiver_.read(first_queue(index) + queue, reg);
  }
  if (offset >= nic::reg_policy && offset < nic::reg_policy_end) return read_control_register(index, offset, bytes);
  if (offset == nic::reg_status) return wire_.up() ? link_bit : 0;
  if (offset == nic::reg_spread) return static_cast<std::uint64_t>(receiver_.spread(index));
  return read_interrupt_register(*function(index).msix, offset);
}

std::uint64_t Nic::read_interrupt_register(Msix& msix, std::uint32_t offset) {
  if (offset == nic::reg_interrupt_cause) return msix.take_causes();
  if (offset == nic::reg_interrupt_mask_set) return msix.mask();
  if (offset == nic::reg_auto_mask) return msix.auto_mask();
  if (offset >= nic::reg_throttle && offset < throttle_end) return msix.throttle((offset - nic::reg_throttle) / 4);
  return 0;
}

void Nic::add_to(WorkingSet& set, unsigned function) const {
  add_function_to(set, function);
  set.add_object(policies_[function]);
  receiver_.add_to(set, function);
  table_.add_to(set, function);
  switch_.sorter().add_to(set, policies_[function].mac);
}

std::optional<Nic::Requests> Nic::requests(unsigned function) const {
  const Function* const f = made(function);
  Requests next;
  if (!f || !functions().exists(function) || !receiver_.next_addresses(function, next.addresses)) return std::nullopt;
  next.message = {f->requester, f->msix->read_table(0), f->msix->read_table(8)};
  return next;
}

void Nic::join(unsigned index, unsigned vector, JourneyRef journey) { function(index).msix->join(vector, journey); }
/// A function that was reset and not used since has no interrupts.
void Nic::raise(unsigned index, unsigned vector) {
  if (live(index)) msix(index)->raise(vector);
}

void Nic::send_message(unsigned index, std::uint64_t address, std::uint32_t data, JourneyRef journey) {
  ++table_.count(index, FunctionTable::interrupts);
  Endpoint::send_message(index, address, data, journey);
}

}  // namespace iov::endpoint
