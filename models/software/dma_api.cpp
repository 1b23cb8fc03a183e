// SPDX-License-Identifier: Apache-2.0
#include "models/software/dma_api.h"

namespace iov::software {

using host::Context;
using host::Strand;
using host::Work;

DmaApi::DmaApi(const sc_core::sc_module_name& name, Timeline& timeline, const Params& params, MappingPolicy policy,
               const SoftwareCosts& costs, IommuDriver& iommu, MmioBus& registers, host::Core& core)
    : sc_module(name),
      timeline_(timeline),
      params_(params),
      policy_(policy),
      costs_(costs),
      iommu_(iommu),
      registers_(registers, Context::host_kernel, costs),
      domain_(iommu.create_domain()),
      timer_strand_(core, host::Level::host_softirq) {
  registers_.map(Hpa(0));
  timer_task_ = timer_loop();
  timer_task_.start();
}

void DmaApi::attach(const Device& device) {
  device_ = device;
  iommu_.attach(device.function, domain_,
                device.device_tlb ? vtd::TranslationType::with_ats : vtd::TranslationType::untranslated_only);
}

Iova DmaApi::allocate(std::uint64_t pages) {
  const auto iova = space_.allocate(pages);
  if (!iova) throw SimError(timeline_.now(), name(), "the I/O virtual address space is used up");
  return *iova;
}

Iova DmaApi::map_coherent(Hpa buffer, std::uint64_t bytes) {
  const std::uint64_t offset = buffer.value & 0xfff, pages = pages_of(buffer.value, bytes);
  const Iova iova = allocate(pages);
  iommu_.map(domain_, iova, Hpa(buffer.value - offset), pages << 12, 12);
  return iova + offset;
}

Task DmaApi::map(Strand& strand, Context context, Hpa buffer, std::uint64_t bytes, Direction direction, Iova& iova) {
  const std::uint64_t offset = buffer.value & 0xfff, pages = pages_of(buffer.value, bytes);
  co_await strand.spend(context, Work::driver,
                        costs_.dma_map + costs_.iova_allocate + costs_.iommu_map * static_cast<double>(pages));
  const Iova page = allocate(pages);
  iommu_.map(domain_, page, Hpa(buffer.value - offset), pages << 12, 12, direction == Direction::to_device,
             direction == Direction::from_device);
  ++mapped;
  iova = page + offset;
}

Task DmaApi::unmap(Strand& strand, Context context, Iova iova, std::uint64_t bytes) {
  const std::uint64_t pages = pages_of(iova.value, bytes);
  const Iova page(iova.value & vtd::page_mask);
  co_await strand.spend(context, Work::driver,
                        costs_.dma_unmap + costs_.iova_find + costs_.iommu_unmap * static_cast<double>(pages));
  iommu_.unmap(domain_, page, pages);
  const Time cleared = timeline_.now();
  ++unmapped;
  if (policy_ == MappingPolicy::strict) {
    co_await invalidate_pages(strand, context, page, pages);
    window.record(timeline_.now() - cleared);
    co_await strand.spend(context, Work::driver, costs_.iova_free);
    space_.free(page, pages);
    co_return;
  }
  co_await strand.spend(context, Work::driver, costs_.flush_queue_add);
  co_await free_flushed(strand, context);
  while (queue_full()) {
    ++full_flushes;
    co_await flush_domain(strand, context);
    co_await free_flushed(strand, context);
  }
  queue_.push({page, pages, flushes_started_, cleared});
  if (!timer_.scheduled()) timer_.at(timeline_.now() + params_.flush_timeout);
}

Task DmaApi::invalidate_pages(Strand& strand, Context context, Iova page, std::uint64_t pages) {
  const auto mask = static_cast<unsigned>(std::bit_width(pages - 1));  // ranges are aligned to their size class
  const std::array<vtd::Pair, 2> batch{vtd::invalidate_iotlb_pages(domain_, page, mask),
                                       vtd::invalidate_device_tlb(device_.function, page.value, 12 + mask)};
  co_await iommu_.queue().submit(strand, context, registers_, std::span(batch).first(device_.device_tlb ? 2 : 1));
}

/// One invalidation for everything that was unmapped before it began.
Task DmaApi::flush_domain(Strand& strand, Context context) {
  constexpr unsigned whole_space = 63;  // PCIe 10.3.1: S set and all address bits ones but the highest
  const std::array<vtd::Pair, 2> batch{vtd::invalidate_iotlb_domain(domain_),
                                       vtd::invalidate_device_tlb(device_.function, 0, whole_space)};
  const std::uint64_t flush = ++flushes_started_;
  co_await iommu_.queue().submit(strand, context, registers_, std::span(batch).first(device_.device_tlb ? 2 : 1));
  if (flushes_finished_ < flush) flushes_finished_ = flush, flushed_at_ = timeline_.now();
}

/// Addresses whose flush is over may be handed out again.
Task DmaApi::free_flushed(Strand& strand, Context context) {
  while (!queue_.empty() && queue_.front().flush < flushes_finished_) {
    const Unmapped range = queue_.front();
    queue_.pop();
    window.record(flushed_at_ - range.cleared);
    space_.free(range.iova, range.pages);
    co_await strand.spend(context, Work::driver, costs_.iova_free);
  }
}

Task DmaApi::timer_loop() {
  for (;;) {
    co_await timer_strand_.wait();
    if (queue_.empty()) continue;
    ++timed_flushes;
    co_await flush_domain(timer_strand_, Context::host_kernel);
    co_await free_flushed(timer_strand_, Context::host_kernel);
  }
}

}  // namespace iov::software
