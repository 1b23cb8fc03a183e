// SPDX-License-Identifier: Apache-2.0
#include "models/iommu/page_request_queue.h"

#include "models/protocol/vtd.h"

namespace iov::iommu {

using namespace vtd;

PageRequestQueue::PageRequestQueue(Timeline& timeline, const Params& p, MemoryPort& memory,
                                   RegisterFile& registers, FaultLog& faults, InterruptBus& bus)
    : timeline_(timeline),
      memory_(memory),
      registers_(registers),
      faults_(faults),
      supported_(p.features.page_requests),
      event_(registers, reg_page_request_event_control, bus) {}

/// Answers the last request of a group; L without R and W is a stop marker, which wants no answer.
void PageRequestQueue::respond(RequesterId function, Pasid pasid, std::uint64_t body, std::uint8_t code) {
  if (!(body >> 2 & 1) || (body & 7) == 4 || !fabric_) return;
  fabric_->send_page_response(function, pasid, static_cast<std::uint16_t>(body >> 3 & 0x1ff), code);
}

bool PageRequestQueue::admitted(RequesterId function, Pasid pasid, std::uint64_t body) {
  TranslationRequest q;
  q.requester = function;
  q.pasid = pasid;
  q.access = body & 2 ? Access::write : Access::read;
  q.address = Iova(body & page_mask);
  const FaultReason reason = supported_ && admission_ ? admission_(q) : FaultReason::page_request_disabled;
  if (reason == FaultReason::none) return true;
  ++refused;
  if (supported_) faults_.record(q, reason);
  respond(function, pasid, body, 1);  // invalid request
  return false;
}

void PageRequestQueue::request(RequesterId function, Pasid pasid, std::uint64_t body) {
  if (!admitted(function, pasid, body)) return;
  const std::uint64_t tail = registers_.get64(reg_page_request_tail);
  const std::uint64_t after = (tail + 32 * (written_.size() + 1)) % queue_bytes();
  const std::uint64_t head = registers_.get64(reg_page_request_head);
  const bool overflowed = registers_.get32(reg_page_request_status) & prs_overflow;
  if (overflowed || after == head) {
    ++overflows;
    registers_.set32(reg_page_request_status, registers_.get32(reg_page_request_status) | prs_overflow);
    return respond(function, pasid, body, 0);  // 7.5.1: success, so that the device asks again
  }
  const std::uint64_t entry[4] = {std::uint64_t{1} | std::uint64_t{pasid.present()} << 8 |
                                      std::uint64_t{function.value} << 16 |
                                      (pasid.present() ? std::uint64_t{pasid.value & 0xfffff} << 32 : 0),
                                  body, 0, 0};
  const std::uint64_t base = registers_.get64(reg_page_request_address) & page_mask;
  const std::uint64_t at = (tail + 32 * written_.size()) % queue_bytes();
  written_.push_back(
      memory_.write(Hpa(base + at), {reinterpret_cast<const std::uint8_t*>(entry), 32}, 32, timeline_.now()));
  ++requests;
  announce_.before(written_.front());
}

/// The entry is in memory: the tail moves, and software is told if it had nothing left to do.
void PageRequestQueue::announce() {
  while (!written_.empty() && written_.front() <= timeline_.now()) {
    written_.pop_front();
    registers_.set64(reg_page_request_tail, (registers_.get64(reg_page_request_tail) + 32) % queue_bytes());
  }
  if (!written_.empty()) announce_.at(written_.front());
  const std::uint32_t status = registers_.get32(reg_page_request_status);
  if (!(status & prs_pending)) {
    registers_.set32(reg_page_request_status, status | prs_pending);
    event_.raise();
  }
  if (written_.empty() && all_written_) all_written_();
}

void PageRequestQueue::registers_written(std::uint32_t offset, unsigned bytes) {
  const auto touches = [&](std::uint32_t reg) { return offset <= reg && reg < offset + bytes; };
  if (touches(reg_page_request_event_control)) event_.unmasked();
  if (touches(reg_page_request_status) && registers_.get32(reg_page_request_status) == 0) event_.settle();
}

}  // namespace iov::iommu
