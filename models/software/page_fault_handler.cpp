// SPDX-License-Identifier: Apache-2.0
#include "models/software/page_fault_handler.h"

#include <algorithm>
#include <array>
#include <utility>

#include "models/protocol/vtd_registers.h"

namespace iov::software {

using host::Context;
using host::Strand;
using host::Work;

namespace {
constexpr unsigned entry_bytes = 32;
constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint64_t last_of_group = 4, access_bits = 3;
constexpr std::uint8_t success = 0, invalid_request = 1;  // PCIe 10.4.2.2
std::uint16_t group_of(std::uint64_t body) { return static_cast<std::uint16_t>(body >> 3 & 0x1ff); }
}  // namespace

PageFaultHandler::PageFaultHandler(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params,
                                   const SoftwareCosts& costs, IommuDriver& iommu, MmioBus& registers,
                                   std::vector<host::Core*> cores, MemoryView& memory)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      costs_(costs),
      iommu_(iommu),
      memory_(memory),
      queue_(memory.allocate(page_bytes << params.log2_queue_pages, page_bytes)),
      queue_bytes_(page_bytes << params.log2_queue_pages),
      reader_(*cores.front(), "page_request_reader", registers, costs),
      vector_(cores.front()->allocate_vector(bind<&PageFaultHandler::interrupt>(this))) {
  for (unsigned i = 0; i < params.threads; ++i) {
    Worker& worker = *workers_.emplace_back(
        std::make_unique<Worker>(*cores[(i + 1) % cores.size()], "page_fault_" + std::to_string(i), registers, costs));
    worker.task = work_loop(worker);
    worker.task.start();
  }
  reader_task_ = read_loop();
  reader_task_.start();
}

void PageFaultHandler::add(const Space& space, bool populated) {
  space_index_[{space.function.value, space.pasid.value}] = spaces_.size();
  spaces_.push_back(space);
  populated_.push_back(populated);
  pages_.emplace_back(space.pages, Page::absent);
}

void PageFaultHandler::give_frames(Hpa first, std::uint64_t count) {
  for (std::uint64_t i = count; i-- > 0;) free_frames_.push_back(first + i * page_bytes);
}

/// Space by space in turn, until the frames are used up.
void PageFaultHandler::populate() {
  std::uint64_t most = 0;
  for (const Space& space : spaces_) most = std::max(most, space.pages);
  for (std::uint64_t page = 0; page < most; ++page)
    for (std::size_t s = 0; s < spaces_.size() && !free_frames_.empty(); ++s) {
      if (!populated_[s] || page >= spaces_[s].pages) continue;
      enter(s, page, free_frames_.back());
      free_frames_.pop_back();
    }
}

void PageFaultHandler::start(Delegate<void(std::uint32_t, std::uint64_t, unsigned)> write) {
  populate();
  const std::uint32_t apic_id = reader_.strand.core().apic_id();
  write(vtd::reg_page_request_head, 0, 8);
  write(vtd::reg_page_request_tail, 0, 8);
  write(vtd::reg_page_request_address, memory_.host(queue_).value | params_.log2_queue_pages, 8);
  write(vtd::reg_page_request_event_data, vector_, 4);
  write(vtd::reg_page_request_event_address, vtd::compatibility_msi_address(static_cast<std::uint8_t>(apic_id)), 4);
  write(vtd::reg_page_request_event_upper_address, 0, 4);
  write(vtd::reg_page_request_event_control, 0, 4);
}

Task PageFaultHandler::interrupt(Strand& strand) {
  co_await strand.spend(Context::irq, Work::interrupt, costs_.thread_wakeup);
  reader_.strand.wake();
}

Task PageFaultHandler::read_loop() {
  for (;;) {
    co_await reader_.strand.wait();
    co_await drain_queue();
    if (std::exchange(releasing_, false)) co_await release_spaces();
  }
}

void PageFaultHandler::release() {
  releasing_ = true;
  reader_.strand.wake();
}

Task PageFaultHandler::release_spaces() {
  for (const Space& space : spaces_) {
    if (space_index_.erase({space.function.value, space.pasid.value}) == 0) continue;
    co_await take_away(space);
    ++released;
  }
}

/// Requests that still come are for nobody's pages. When the device TLB has answered, all that the device sent before are at
/// the unit; when the wait is over, all those are in the queue, but for what an overflow has cost: that is asked for again.
Task PageFaultHandler::take_away(const Space& space) {
  co_await reader_.strand.spend(Context::host_kernel, Work::driver, costs_.iommu_unmap);
  const auto batch = iommu_.detach(space.function, space.pasid, space.domain);
  for (std::uint64_t status = vtd::prs_overflow; status & vtd::prs_overflow;) {
    co_await iommu_.queue().submit(reader_.strand, Context::host_kernel, reader_.registers, batch,
                                   QueuedInvalidation::Drain::page_requests);
    co_await reader_.registers.read(reader_.strand, vtd::reg_page_request_status, 4, status);
    co_await drain_queue();
  }
}

/// What comes after the pending bit is cleared raises it, and the event, anew.
Task PageFaultHandler::drain_queue() {
  Strand& strand = reader_.strand;
  MappedRegisters& registers = reader_.registers;
  std::uint64_t head = 0, tail = 0, status = 0;
  co_await registers.write(strand, vtd::reg_page_request_status, vtd::prs_pending, 4, {});
  co_await registers.read(strand, vtd::reg_page_request_tail, 8, tail);
  co_await registers.read(strand, vtd::reg_page_request_head, 8, head);
  for (; head != tail; head = (head + entry_bytes) % queue_bytes_) {
    co_await strand.spend(Context::host_kernel, Work::driver, params_.request_cost);
    const auto words = memory_.load<std::array<std::uint64_t, 2>>(queue_ + head);
    Pasid pasid;
    if (words[0] >> 8 & 1) pasid.value = static_cast<std::uint32_t>(words[0] >> 32 & 0xfffff);
    hand_on({{static_cast<std::uint16_t>(words[0] >> 16)}, pasid, words[1], timeline_.now()});
  }
  co_await registers.write(strand, vtd::reg_page_request_head, head, 8, {});
  co_await registers.read(strand, vtd::reg_page_request_status, 4, status);
  if (!(status & vtd::prs_overflow)) co_return;
  co_await registers.read(strand, vtd::reg_page_request_tail, 8, tail);
  if (head != tail) co_return;  // what came before the overflow is announced by an event of its own
  ++overflows;
  partial_.clear();  // their last requests were answered by the unit
  co_await registers.write(strand, vtd::reg_page_request_status, vtd::prs_overflow, 4, {});
}

void PageFaultHandler::hand_on(const Request& request) {
  ++requests;
  const std::uint64_t key = request.function.value | std::uint64_t{group_of(request.body)} << 16 |
                            std::uint64_t{request.pasid.value} << 32;
  if ((request.body & (last_of_group | access_bits)) == last_of_group) return ++markers, void();  // wants no answer
  Group& group = partial_[key];
  group.push_back(request);
  if (!(request.body & last_of_group)) return;
  groups_.push(std::move(group));
  partial_.erase(key);
  ++taken_;
  wake_worker();
}

void PageFaultHandler::wake_worker() {
  const auto idle = std::find_if(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->idle; });
  if (idle == workers_.end()) return;
  (*idle)->idle = false;
  (*idle)->strand.wake();
}

Task PageFaultHandler::work_loop(Worker& worker) {
  for (;;) {
    while (!groups_.empty()) {
      const Group group = std::move(groups_.front());
      groups_.pop();
      std::uint8_t code = success;
      for (const Request& request : group) co_await bring_in(worker, request, code);
      const Request& last = group.back();
      handling.record(timeline_.now() - last.read);
      const std::array<vtd::Pair, 1> response{vtd::respond_page_group(last.function, group_of(last.body), code, last.pasid)};
      co_await iommu_.queue().submit(worker.strand, Context::host_kernel, worker.registers, response);
      ++responses, ++answered_groups_;
    }
    worker.idle = true;
    co_await worker.strand.wait();
  }
}

bool PageFaultHandler::inside(const Request& request, std::size_t& space, std::uint64_t& page) const {
  const auto found = space_index_.find({request.function.value, request.pasid.value});
  if (found == space_index_.end()) return false;
  space = found->second;
  page = ((request.body & vtd::page_mask) - spaces_[space].base.value) / page_bytes;
  return page < spaces_[space].pages;
}

Task PageFaultHandler::bring_in(Worker& worker, const Request& request, std::uint8_t& code) {
  std::size_t space = 0;
  std::uint64_t page = 0;
  if (!inside(request, space, page)) {
    ++refused;
    code = invalid_request;
    co_return;
  }
  Page& state = pages_[space][page];
  if (state != Page::absent) ++spurious;
  while (state == Page::coming) co_await change(worker);
  if (state == Page::present) co_return;
  state = Page::coming;
  co_await worker.strand.spend(Context::host_kernel, Work::driver, params_.fault_cost);
  Hpa frame;
  co_await find_frame(worker, frame);
  co_await worker.strand.spend(Context::host_kernel, Work::driver, costs_.iommu_map);
  enter(space, page, frame);
  ++handled;
}

void PageFaultHandler::enter(std::size_t space, std::uint64_t page, Hpa frame) {
  static constexpr std::array<std::uint8_t, page_bytes> zeros{};
  memory_.port().poke(frame, zeros);  // nobody sees what another's page held
  iommu_.map(spaces_[space].domain, spaces_[space].base + page * page_bytes, frame, page_bytes, 12);
  pages_[space][page] = Page::present;
  resident_.push({space, page, frame});
  changed();
}

/// Until another thread has brought a page in.
Task PageFaultHandler::change(Worker& worker) {
  waiting_.push_back(&worker.strand);
  co_await worker.strand.wait();
}

void PageFaultHandler::changed() {
  for (Strand* waiter : std::exchange(waiting_, {})) waiter->wake();
}

Task PageFaultHandler::find_frame(Worker& worker, Hpa& frame) {
  while (free_frames_.empty() && resident_.empty()) co_await change(worker);  // other threads hold them all
  if (!free_frames_.empty()) {
    frame = free_frames_.back();
    free_frames_.pop_back();
    co_return;
  }
  const Resident victim = resident_.front();
  resident_.pop();
  co_await evict(worker, victim);
  frame = victim.frame;
}

std::string PageFaultHandler::unanswered() const {
  const std::size_t waits = groups_.size() + partial_.size();
  if (waits == 0 && taken_ == answered_groups_) return {};
  return std::to_string(waits) + " wait, " + std::to_string(taken_) + " taken, " + std::to_string(answered_groups_) + " answered";
}

/// The frame is free when no cache can name it any more (VT-d 6.5.2.11, PCIe 10.3).
Task PageFaultHandler::evict(Worker& worker, const Resident& victim) {
  const Space& space = spaces_[victim.space];
  const Iova address = space.base + victim.page * page_bytes;
  co_await worker.strand.spend(Context::host_kernel, Work::driver, costs_.iommu_unmap);
  iommu_.unmap(space.domain, address, 1);
  pages_[victim.space][victim.page] = Page::absent;
  ++evictions;
  const auto batch = iommu_.invalidate_page(space.function, space.pasid, space.domain, address);
  co_await iommu_.queue().submit(worker.strand, Context::host_kernel, worker.registers, batch);
}

}  // namespace iov::software
