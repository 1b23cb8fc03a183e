// SPDX-License-Identifier: Apache-2.0
#include "models/endpoint/endpoint.h"

namespace iov::endpoint {

Endpoint::Endpoint(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, TlpPort& port)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      port_(port),
      outstanding_("outstanding", timeline, port, params.dma_engine.tags, params.dma_engine.completion_timeout),
      device_tlb_("device_tlb", timeline, params.device_tlb, port, outstanding_),
      dma_engine_("dma_engine", timeline, params.dma_engine, port, outstanding_, device_tlb_) {
  port.on_arrival(bind<&Endpoint::arrived>(this));
}

RequesterId Endpoint::requester(unsigned function) const {
  return {static_cast<std::uint16_t>(params_.functions.routing_id(pf_, function))};
}

void Endpoint::set_requester(RequesterId pf) {
  pf_ = pf;
  for (const auto& f : functions_) {
    if (!f) continue;
    f->requester = requester(f->index);
    dma_engine_.set_requester(f->interrupt_channel, f->requester);
    requester_changed(f->index);
  }
}

void Endpoint::set_bars(Hpa pf_bar, Hpa vf_bar) { bars_.pf = pf_bar, bars_.vf = vf_bar; }

bool Endpoint::enable_vfs(unsigned vfs) {
  if (!params_.functions.fits(pf_, vfs) || (vfs != 0 && bars_.vfs != 0)) return false;
  const unsigned before = std::exchange(bars_.vfs, vfs);
  for (unsigned n = 1; n <= before; ++n) {
    function_disabled(n);
    dma_engine_.cancel(functions_[n]->interrupt_channel);
    functions_[n]->msix->reset();
    device_tlb_.forget(functions_[n]->requester);
  }
  for (unsigned n = 1; n <= vfs; ++n) function_enabled(n);
  return true;
}

void Endpoint::add_function(unsigned index, unsigned vectors, std::uint32_t bar_bytes) {
  bars_.bytes = bar_bytes;
  if (functions_.size() <= index) functions_.resize(index + 1);
  if (functions_[index]) return;
  auto& f = *(functions_[index] = std::make_unique<Function>());
  f.index = index;
  f.requester = requester(index);
  f.interrupt_channel = dma_engine_.add_channel(f.requester, *this);
  f.msix.emplace(timeline_, static_cast<MsixSender&>(*this), index, vectors);
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
  dma_engine_.submit(functions_[function]->interrupt_channel, std::move(message));
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
    case TlpType::config_write:
      ++unsupported_;
      return complete(tlp, pf_, CompletionStatus::unsupported_request, 0);
    case TlpType::message:
    case TlpType::message_data:
      if (tlp.message == MessageCode::invalidate_request) return device_tlb_.invalidate(tlp);
      return ++unsupported_;
  }
}

void Endpoint::write(const Tlp& tlp) {
  const auto target = bars_.decode(tlp.address);
  if (!target) return ++unsupported_;
  ++register_writes_;
  std::uint64_t value = 0;
  if (tlp.length > 8 || tlp.data.size() < tlp.length) return;  // registers take at most a QW, with bytes
  std::memcpy(&value, tlp.data.data(), tlp.length);
  write_register(target->function, target->offset, value, tlp.length, tlp.journey);
}

void Endpoint::read(const Tlp& tlp) {
  const auto target = bars_.decode(tlp.address);
  if (!target) {
    ++unsupported_;
    return complete(tlp, pf_, CompletionStatus::unsupported_request, 0);
  }
  ++register_reads_;
  const RequesterId completer = requester(target->function);
  if (tlp.length > 8) return complete(tlp, completer, CompletionStatus::abort, 0);
  const std::uint64_t value = read_register(target->function, target->offset, tlp.length);
  complete(tlp, completer, CompletionStatus::success, value);
}

void Endpoint::complete(const Tlp& request, RequesterId completer, CompletionStatus status, std::uint64_t value) {
  Tlp tlp;
  const bool good = status == CompletionStatus::success;
  tlp.type = good ? TlpType::completion_data : TlpType::completion;
  tlp.status = status;
  tlp.requester = request.requester;
  tlp.completer = completer;
  tlp.tag = request.tag;
  tlp.address = request.address;
  tlp.byte_count = request.length;
  if (good) {
    tlp.length = request.length;
    tlp.data = pool_.take(request.length);
    std::memcpy(tlp.data.data(), &value, request.length);
  }
  tlp.journey = request.journey;
  replies_.push(timeline_.now() + params_.register_latency, std::move(tlp));
}

}  // namespace iov::endpoint
