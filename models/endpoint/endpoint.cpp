// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/endpoint.h"

#include <linux/pci_regs.h>

namespace iov::endpoint {

namespace {
config::SriovDeviceResources with_translation(config::SriovDeviceResources resources, const DeviceTlb::Params& tlb) {
  if (tlb.enabled) resources.ats = config::AtsCapability{.queue_depth = DeviceTlb::queue_depth};
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
      port_(port),
      functions_(params.functions, with_translation(resources, params.device_tlb), express_of(port.limits())),
      made_(functions_.numbers()),
      ready_at_(functions_.numbers()),
      outstanding_("outstanding", timeline, port, params.dma_engine.tags, params.dma_engine.completion_timeout),
      device_tlb_("device_tlb", timeline, params.device_tlb, port, outstanding_),
      dma_engine_("dma_engine", timeline, params.dma_engine, port, outstanding_, device_tlb_) {
  port.on_arrival(bind<&Endpoint::arrived>(this));
  apply_sizes();
}

void Endpoint::send_message(unsigned function, std::uint64_t address, std::uint32_t data, JourneyRef journey) {
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

void Endpoint::arrived() {
  while (!port_.empty()) {
    Tlp tlp = port_.take();
    const FcClass fc = tlp.fc();
    const std::uint32_t payload = tlp.payload();
    dispatch(tlp);
    port_.release(fc, payload);
  }
}

void Endpoint::dispatch(Tlp& tlp) {
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
      return ++unsupported_;
  }
}

void Endpoint::unclaimed(const Tlp& request) {
  ++unsupported_;
  complete(request, requester(0), CompletionStatus::unsupported_request, 0);
}

void Endpoint::write(const Tlp& tlp) {
  const auto target = functions_.decode(tlp.address);
  if (!target || !ready(target->function)) return ++unsupported_;
  ++register_writes_;
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
  if (tlp.length > 8) return complete(tlp, completer, CompletionStatus::abort, 0);
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
