// SPDX-License-Identifier: Apache-2.0
#include "models/io_path/grant.h"

#include <linux/pci_regs.h>

#include "models/io_path/uplink.h"

namespace iov::io_path {

using host::Context;

Task Grant::give(std::string& refusal) {
  std::uint32_t header = 0;
  co_await host_.config.read(worker_, id(), PCI_HEADER_TYPE, 1, header);
  refusal = header == 0xff ? "the function does not answer" : host_.functions.assign(name(), terms_.owner);
  if (!refusal.empty()) co_return;
  given_ = true;
  if (host_.iommu) open_memory();
  co_await enable_ats(host_, worker_, terms_.function);
}

void Grant::open_memory() {
  if (terms_.reach == Reach::everything) {
    domain_ = host_.iommu->pass_through();
    return host_.iommu->attach_pass_through(id());
  }
  const software::MemoryView& memory = terms_.memory;
  if (!domain_) {
    domain_ = host_.iommu->create_domain();
    host_.iommu->map(*domain_, Iova(memory.dma_base()), memory.base(), memory.size(), terms_.log2_page);
  }
  host_.iommu->attach(id(), *domain_, vtd::TranslationType::with_ats);
}

Task Grant::take_back() {
  bool answers = false;
  software::FunctionReset reset(host_.timeline, host_.config, host_.functions.policy());
  co_await reset.run(worker_, target(), answers);
  if (host_.iommu) co_await close_memory();
  host_.functions.unassign(name());
  given_ = false;
}

/// Its device TLB is empty since the reset; what the unit holds of it goes now.
Task Grant::close_memory() {
  host_.iommu->detach(id());
  software::MappedRegisters unit(*host_.iommu_registers, Context::host_kernel, host_.costs);
  const std::array<vtd::Pair, 2> batch{vtd::invalidate_context(3, *domain_, id()), vtd::invalidate_iotlb_domain(*domain_)};
  co_await host_.iommu->queue().submit(worker_, Context::host_kernel, unit, batch);
}

bool Grant::begin(bool given, std::string& refusal) {
  if (busy_)
    refusal = "something else is being done with the function";
  else if (given_ != given)
    refusal = given_ ? "it has its function already" : "it has no function now";
  if (!refusal.empty()) return false;
  return busy_ = true;
}

Task Grant::reset(bool notice, std::string& refusal) {
  bool answers = false;
  const software::FunctionName function = name();
  notice = notice && function.vf != 0;
  if (notice) pf_of(host_, function.pf).withdraw(function.vf);
  if (notice) co_await host_.timeline.until(host_.timeline.now() + host_.params.pf_driver.reset_grace);
  software::FunctionReset reset(host_.timeline, host_.config, host_.functions.policy());
  co_await reset.run(worker_, target(), answers);
  if (answers)
    co_await reset.restore(worker_, bind<&Grant::write_table>(this));
  else
    refusal = "the function does not answer";
  if (notice) pf_of(host_, function.pf).admit(function.vf);
}

software::ResetTarget Grant::target() const {
  const software::VfManager& known = host_.functions;
  return {id(), known.express(name()), known.msix(name()), known.ats(name())};
}

void Grant::route(unsigned vector, const InterruptMessage& message) { routes_.push_back({vector, message}); }

void Grant::write_table() {
  for (const Route& r : routes_) write_msix(host_, terms_.function, r.vector, r.message.address, r.message.data);
}

}  // namespace iov::io_path
