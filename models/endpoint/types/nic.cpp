// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/types/nic.h"

namespace iov::endpoint {

namespace {
constexpr std::uint32_t throttle_end = nic::reg_throttle + 4 * Msix::max_vectors;
constexpr unsigned no_queue = ~0u;
constexpr std::uint32_t register_in_queue = nic::queue_stride - 1;
constexpr std::uint64_t link_up = 1;

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
      sorter_(params.filters),
      wire_("wire", timeline, params.wire_rate),
      services_{timeline, dma_engine(), sorter_, packets, *this, table_, params.carry_payload},
      receiver_("receiver", params.receiver, services_),
      transmitter_("transmitter", params.transmitter, services_, wire_, bind<&Receiver::accept>(&receiver_)) {
  first_queue_.resize(functions().numbers(), no_queue);
  for (unsigned pf = 0; pf < functions().pfs(); ++pf) function(pf);  // their queues are assigned before any driver runs
}

std::string Nic::name_of(unsigned index) {
  const std::string pf = functions().pfs() == 1 ? "pf" : "pf" + std::to_string(functions().pf_of(index));
  if (physical(index)) return pf;
  return (functions().pfs() == 1 ? "" : pf) + "vf" + std::to_string(functions().vf_of(index));
}

void Nic::function_enabled(unsigned index) {
  sorter_.subscribe({index, Destination::no_pool});
  if (first_queue_[index] != no_queue) return;
  table_.row_of(index);
  first_queue_[index] = queues_;
  queues_ += queues_of(index);
  for (unsigned q = 0; q < queues_of(index); ++q) {
    transmitter_.add_queue(index, requester(index));
    receiver_.add_queue(index, requester(index));
  }
  receiver_.set_function(index, first_queue(index), queues_of(index));
}

void Nic::function_disabled(unsigned index) {
  sorter_.unsubscribe({index, Destination::no_pool});
  stop_queues(index);
}

void Nic::requester_changed(unsigned index) {
  for (unsigned q = 0; q < queues_of(index); ++q) {
    transmitter_.set_requester(first_queue(index) + q, requester(index));
    receiver_.set_requester(first_queue(index) + q, requester(index));
  }
}

void Nic::assign_pool(unsigned pool, unsigned first, unsigned queues) {
  if (first + queues > params_.pf_queues)
    throw SimError(timeline().now(), name(), "a pool of queues that the PF does not have");
  receiver_.assign_pool(pool, first, queues);
  for (unsigned q = first; q < first + queues; ++q) transmitter_.set_pool(q, pool);
  sorter_.subscribe({0, pool});
}

void Nic::stop_queues(unsigned index) {
  for (unsigned q = 0; q < queues_of(index); ++q) {
    transmitter_.stop(first_queue(index) + q);
    receiver_.stop(first_queue(index) + q);
  }
}

void Nic::reset_function(unsigned index) {
  stop_queues(index);
  function(index).msix->reset();
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
  if (offset == nic::reg_control) {
    if (value & 1) reset_function(index);
    return;
  }
  write_interrupt_register(*function(index).msix, offset, value);
}

void Nic::write_interrupt_register(Msix& msix, std::uint32_t offset, std::uint64_t value) {
  const auto low = static_cast<std::uint32_t>(value);
  if (offset == nic::reg_interrupt_mask_set) return msix.enable(value);
  if (offset == nic::reg_interrupt_mask_clear) return msix.disable(value);
  if (offset == nic::reg_auto_mask) return msix.set_auto_mask(value);
  if (offset >= nic::reg_throttle && offset < throttle_end) msix.set_throttle((offset - nic::reg_throttle) / 4, low);
}

std::uint64_t Nic::read_register(unsigned index, std::uint32_t offset, unsigned) {
  if (offset >= nic::reg_tx_queues) {
    const bool tx = offset < nic::reg_rx_queues;
    const std::uint32_t queue = (offset - (tx ? nic::reg_tx_queues : nic::reg_rx_queues)) / nic::queue_stride;
    if (queue >= queues_of(index)) return 0;
    const std::uint32_t reg = offset & register_in_queue;
    return tx ? transmitter_.read(first_queue(index) + queue, reg) : receiver_.read(first_queue(index) + queue, reg);
  }
  if (offset == nic::reg_status) return wire_.connected() ? link_up : 0;
  return read_interrupt_register(*function(index).msix, offset);
}

std::uint64_t Nic::read_interrupt_register(Msix& msix, std::uint32_t offset) {
  if (offset == nic::reg_interrupt_cause) return msix.take_causes();
  if (offset == nic::reg_interrupt_mask_set) return msix.mask();
  if (offset == nic::reg_auto_mask) return msix.auto_mask();
  if (offset >= nic::reg_throttle && offset < throttle_end) return msix.throttle((offset - nic::reg_throttle) / 4);
  return 0;
}

void Nic::join(unsigned index, unsigned vector, JourneyRef journey) { function(index).msix->join(vector, journey); }
void Nic::raise(unsigned index, unsigned vector) { function(index).msix->raise(vector); }

void Nic::send_message(unsigned index, std::uint64_t address, std::uint32_t data, JourneyRef journey) {
  ++table_.count(index, FunctionTable::interrupts);
  Endpoint::send_message(index, address, data, journey);
}

}  // namespace iov::endpoint
