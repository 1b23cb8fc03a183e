// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/endpoint.h"

#include <linux/pci_regs.h>

#include "models/protocol/completion_split.h"

namespace iov::endpoint {

namespace {
config::SriovDeviceResources with_services(config::SriovDeviceResources resources, const DeviceTlb::Params& tlb,
                                           const PeerParams& peer) {
  if (peer.inside) resources.acs = config::AcsCapability{.features = PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_DT};
  if (tlb.enabled) resources.ats = config::AtsCapability{.queue_depth = DeviceTlb::queue_depth};
  if (tlb.page_requests.enabled) resources.pri = config::PriCapability{.max_requests = tlb.page_requests.capacity};
  return resources;
}

config::PciExpressCapability express_of(const LinkLimits& limits) {
  config::PciExpressCapability e;
  e.link_speed = limits.generation, e.link_width = limits.width;
  e.max_payload = limits.max_payload;
  e.extended_tag = limits.tags >= 256;
  return e;
}
}  // namespace

Endpoint::Endpoint(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params,
                   config::SriovDeviceResources resources, TlpPort& port)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      functions_(params.functions, with_services(resources, params.device_tlb, params.peer_to_peer), express_of(port.limits())),
      peer_loop_(params.peer_to_peer.inside
                     ? std::make_unique<PeerLoop>("peer_loop", timeline, params.peer_to_peer, port, functions_,
                                                  bind<&Endpoint::from_inside>(this))
                     : nullptr),
      port_(peer_loop_ ? static_cast<TlpPort&>(*peer_loop_) : port),
      made_(functions_.numbers()),
      ready_at_(functions_.numbers()),
      outstanding_("outstanding", timeline, port, params.dma_engine.tags, params.dma_engine.completion_timeout),
      device_tlb_("device_tlb", timeline, params.device_tlb, port_, outstanding_),
      dma_engine_("dma_engine", timeline, params.dma_engine, port_, outstanding_, device_tlb_) {
  port.on_arrival(bind<&Endpoint::arrived>(this));
  outstanding_.on_error(bind<&Endpoint::report>(this));
  device_tlb_.page_requests().set_owner(*this);
  apply_sizes();
}

void Endpoint::add_function_to(WorkingSet& set, unsigned index) const {
  set.add_object(made_[index]);
  const Function* const f = made_[index].get();
  if (!f) return;
  set.add_object(*f);
  functions_.config(index).add_to(set, PCI_COMMAND);
  if (f->msix) f->msix->add_to(set);
  dma_engine_.add_to(set, f->interrupt_channel);
}

void Endpoint::send_message(unsigned function, std::uint64_t address, std::uint32_t data, JourneyRef journey) {
  if (!functions_.exists(function)) return;  // a VF that vanished just now, and whose queues end one after the other
  if ((functions_.config(function).read(PCI_COMMAND, 2) & PCI_COMMAND_MASTER) == 0) return;  // it may send nothing
  DmaRequest message;
  message.write = true;
  message.translate = false;  // VT-d 4.1 3.14: interrupt requests are not DMA to translate
  message.address = address;
  message.length = 4;
  message.data = pool_.take(4);
  std::memcpy(message.data.data(), &data, 4);
  message.journey = journey;
  message.enters_link = false;
  ++messages_;
  if (watch_) watch_->sent({made_[function]->requester, static_cast<std::uint32_t>(address), data});
  dma_engine_.submit(made_[function]->interrupt_channel, std::move(message));
}

void Endpoint::send_intx(unsigned function, bool asserted) {
  Tlp tlp;
  tlp.type = TlpType::message;
  const std::uint32_t line = functions_.config(function).read(PCI_INTERRUPT_PIN, 1) - 1;
  tlp.message = intx_message(line, asserted);
  tlp.requester = made_[function]->requester;
  port_.send(std::move(tlp));
}

void Endpoint::rogue_access(unsigned index, std::uint64_t address, std::uint32_t bytes, bool write) {
  DmaRequest access;
  access.write = write;
  access.address = address;
  access.length = bytes;
  if (write) {
    access.data = pool_.take(bytes);
    std::memset(access.data.data(), 0xbd, bytes);
  }
  dma_engine_.submit(function(index).interrupt_channel, std::move(access));
}

void Endpoint::rogue_message(unsigned index, std::uint64_t address, std::uint32_t data) {
  send_message(function(index).index, address, data, {});
}

void Endpoint::arrived() {
  for (Tlp tlp; port_.take(tlp);) {
    const FcClass fc = tlp.fc();
    const std::uint32_t payload = tlp.payload();
    dispatch(tlp);
    port_.release(fc, payload);
  }
}

/// With more payload than agreed on, or a request across 4 KiB (2.2.2, 2.2.7).
inline bool Endpoint::malformed(const Tlp& tlp) const {
  const bool memory = tlp.type == TlpType::memory_read || tlp.type == TlpType::memory_write;
  return tlp.payload() > port_.limits().max_payload || (memory && (tlp.address & 4095) + tlp.length > 4096);
}

/// What is malformed is dropped; poisoned payload is not used, a request whose completion is poisoned fails (2.7.2.2).
/// @returns whether nothing is left to do
inline bool Endpoint::damaged(Tlp& tlp) { return (tlp.poisoned || malformed(tlp)) && report_damage(tlp); }

bool Endpoint::report_damage(Tlp& tlp) {
  if (malformed(tlp)) {
    ++malformed_;
    report(config::PcieError::malformed_tlp, requester(0), &tlp);
    return true;
  }
  if (!tlp.has_data()) return false;
  ++poisoned_;
  const bool completion = tlp.type == TlpType::completion_data;
  report(config::PcieError::poisoned_tlp, completion ? tlp.requester : requester(0), &tlp);
  if (tlp.fc() == FcClass::non_posted) complete(tlp, requester(0), CompletionStatus::unsupported_request, 0);
  if (!completion) return true;
  tlp.status = CompletionStatus::abort;
  return false;
}

/// In the function's registers; what they let through goes to the root complex.
void Endpoint::report(config::PcieError error, RequesterId id, const Tlp* tlp) {
  const unsigned f = functions_.with_id(id).value_or(0);
  const MessageCode code =
      config::log_error(functions_.config(f), functions_.config(functions_.pf_of(f)), error, tlp);
  if (code == MessageCode::none) return;
  ++error_messages_;
  Tlp message;
  message.type = TlpType::message;
  message.message = code;
  message.requester = requester(f);
  port_.send(std::move(message));
}

void Endpoint::dispatch(Tlp& tlp) {
  if (damaged(tlp)) return;
  switch (tlp.type) {
    case TlpType::completion:
    case TlpType::completion_data: return outstanding_.completion(tlp);
    case TlpType::memory_write: return write(tlp);
    case TlpType::memory_read: return read(tlp);
    case TlpType::config_read:
    case TlpType::config_write: return config_request(tlp);
    case TlpType::message:
    case TlpType::message_data:
      if (tlp.message == MessageCode::invalidate_request) return device_tlb_.invalidate(tlp);
      if (tlp.message == MessageCode::page_group_response) return device_tlb_.page_requests().response(tlp);
      ++unsupported_;
      return report(config::PcieError::unsupported_request, requester(0), &tlp);
  }
}

void Endpoint::unclaimed(const Tlp& request) {
  ++unsupported_;
  report(config::PcieError::unsupported_request, requester(0), &request);
  complete(request, requester(0), CompletionStatus::unsupported_request, 0);
}

void Endpoint::write(const Tlp& tlp) {
  const auto target = functions_.decode(tlp.address);
  if (!target || !ready(target->function)) {
    ++unsupported_;
    return report(config::PcieError::unsupported_request, requester(0), &tlp);
  }
  ++register_writes_;
  if (has_memory() && target->bar == 0) return;
  std::uint64_t value = 0;
  if (tlp.length > 8 || tlp.data.size() < tlp.length) return;  // registers take at most a QW, with bytes
  std::memcpy(&value, tlp.data.data(), tlp.length);
  Function& f = function(target->function);
  if (target->bar == config::msix_bar) return write_msix(*f.msix, target->offset, value, tlp.length);
  write_register(target->function, target->offset, value, tlp.length, tlp.journey);
}

void Endpoint::read(const Tlp& tlp) {
  const auto target = functions_.decode(tlp.address);
  if (!target || !ready(target->function)) return unclaimed(tlp);
  ++register_reads_;
  const RequesterId completer = requester(target->function);
  if (has_memory() && target->bar == 0) return complete_block(tlp, completer);
  if (tlp.length > 8) {
    report(config::PcieError::completer_abort, completer, &tlp);
    return complete(tlp, completer, CompletionStatus::abort, 0);
  }
  function(target->function);
  const std::uint64_t value = target->bar == config::msix_bar
                                  ? read_msix(target->function, target->offset, tlp.length)
                                  : read_register(target->function, target->offset, tlp.length);
  complete(tlp, completer, CompletionStatus::success, value);
}

/// The pending bits are read-only (7.7.2.10).
void Endpoint::write_msix(Msix& msix, std::uint32_t offset, std::uint64_t value, unsigned bytes) const {
  msix.write_table(offset, static_cast<std::uint32_t>(value));
  if (bytes == 8) msix.write_table(offset + 4, static_cast<std::uint32_t>(value >> 32));
}

std::uint64_t Endpoint::read_msix(unsigned index, std::uint32_t offset, unsigned bytes) {
  const config::PhysicalFunction& pf = functions_.pf(functions_.pf_of(index));
  const auto& capability = physical(index) ? pf.description().msix : pf.description().sriov->vf_msix;
  const Msix& msix = *made_[index]->msix;
  if (offset >= capability->pending_offset) {
    const std::uint32_t at = offset - capability->pending_offset;
    return at < 8 ? msix.pending() >> at * 8 : 0;
  }
  const std::uint64_t high = bytes == 8 ? msix.read_table(offset + 4) : 0;
  return high << 32 | msix.read_table(offset);
}

/// Cut by MPS at multiples of 128 B, the boundary of every completer but a root complex (2.3.1.1).
void Endpoint::complete_block(const Tlp& request, RequesterId completer) {
  constexpr std::uint32_t boundary = 128;
  const Time when = timeline_.now() + params_.register_latency;
  for (std::uint32_t offset = 0; offset < request.length;) {
    const std::uint32_t piece =
        next_completion(request.address + offset, request.length - offset, port_.limits().max_payload, boundary);
    Tlp tlp;
    tlp.type = TlpType::completion_data;
    tlp.requester = request.requester;
    tlp.completer = completer;
    tlp.tag = request.tag;
    tlp.relaxed_ordering = request.relaxed_ordering;
    tlp.address = request.address + offset;
    tlp.byte_count = request.length - offset;
    tlp.length = piece;
    if (offset < request.want_bytes) {
      tlp.data = pool_.take(std::min(piece, request.want_bytes - offset));
      std::fill_n(tlp.data.data(), tlp.data.size(), std::uint8_t{0});
    }
    offset += piece;
    if (offset == request.length) tlp.journey = request.journey;
    replies_.push(when, std::move(tlp));
  }
}

void Endpoint::complete(const Tlp& request, RequesterId completer, CompletionStatus status, std::uint64_t value) {
  Tlp tlp;
  const bool data = status == CompletionStatus::success && request.type != TlpType::config_write;
  tlp.type = data ? TlpType::completion_data : TlpType::completion;
  tlp.status = status;
  tlp.requester = request.requester;
  tlp.completer = completer;
  tlp.tag = request.tag;
  tlp.address = request.address;
  tlp.byte_count = request.length;
  if (data) {
    tlp.length = request.length;
    tlp.data = pool_.take(request.length);
    std::memcpy(tlp.data.data(), &value, request.length);
  }
  tlp.journey = request.journey;
  replies_.push(timeline_.now() + params_.register_latency, std::move(tlp));
}

}  // namespace iov::endpoint
