// SPDX-License-Identifier: Apache-2.0
#include "models/software/iommu_driver.h"

namespace iov::software {

namespace {
constexpr std::uint64_t irte_posted = 1u << 15;  // 9.11
constexpr unsigned irta_size_code = 15;          // 65536 entries
void require(bool possible, const std::string& claim) {
  if (!possible) throw SimError({}, "iommu_driver", claim);
}
std::uint32_t entry_of(Pasid pasid) { return pasid.present() ? pasid.value : ScalableTables::rid_pasid; }
}  // namespace

IommuDriver::IommuDriver(MemoryView& tables, const Registers& registers, const SoftwareCosts& costs)
    : tables_(tables),
      registers_(registers),
      capability_(registers.read(vtd::reg_capability, 8)),
      extended_capability_(registers.read(vtd::reg_extended_capability, 8)),
      levels_(has(vtd::cap_four_levels) ? 4 : 3),
      root_(new_table()),
      queue_("iommu_driver", tables, costs) {
  interrupt_table_ = tables.host(tables.allocate(std::uint64_t{16} << (irta_size_code + 1), 4096));
  pass_through_ = create_domain();
}

void IommuDriver::require_first_stage() const {
  require(scalable_ && has(vtd::ecap_first_stage) && levels_ == first_stage_levels,
          "the IOMMU has no first-stage translation of 4 levels in scalable mode");
}

DomainId IommuDriver::create_domain(TableStage stage, bool snoop) {
  if (stage == TableStage::first) require_first_stage();
  require(!snoop || has(vtd::ecap_snoop_control), "the IOMMU has no snoop control");
  const DomainId domain{next_domain_++};
  domains_.try_emplace(domain.value, Domain{PageTable(tables_, stage, levels_), snoop});
  return domain;
}

void IommuDriver::check_page(unsigned log2_page) const {
  require(log2_page == 12 || has(log2_page == 21 ? vtd::cap_2m_pages : vtd::cap_1g_pages),
          "the IOMMU has no pages of " + std::to_string(std::uint64_t{1} << log2_page) + " bytes");
}

void IommuDriver::map(DomainId domain, Iova iova, Hpa hpa, std::uint64_t bytes, unsigned log2_page, bool read,
                      bool write) {
  const std::uint64_t page = std::uint64_t{1} << log2_page;
  require(((iova.value | hpa.value | bytes) & (page - 1)) == 0,
          "memory of " + std::to_string(bytes) + " bytes cannot be mapped by pages of " +
              std::to_string(page) + ": not aligned to them");
  check_page(log2_page);
  require(iova.value + bytes <= std::uint64_t{1} << (12 + 9 * levels_),
          "addresses do not fit into tables of " + std::to_string(levels_) +
              " levels, the most that the IOMMU walks");
  auto& [table, snoop] = domains_.at(domain.value);
  require(table.stage() == TableStage::second || read, "a first-stage page that is not readable is not there");
  table.map(iova.value, hpa.value, bytes, log2_page, {read, write, snoop});
}

void IommuDriver::use_scalable_mode() {
  require(has(vtd::ecap_scalable_mode), "the IOMMU has no scalable mode");
  if (scalable_) return;
  scalable_.emplace(tables_);
  queue_.use_wide_descriptors();
}

void IommuDriver::add_function(RequesterId function, const ScalableTables::Function& what) {
  require(!what.device_tlb || has(vtd::ecap_device_tlb), "the IOMMU supports no device TLBs (ATS)");
  require(!what.page_requests || has(vtd::ecap_page_requests), "the IOMMU has no page requests (PRI)");
  scalable_->add(function, what);
}

void IommuDriver::attach_pasid(RequesterId function, Pasid pasid, DomainId domain) {
  bind(function, pasid.value, domain);
}

void IommuDriver::bind(RequesterId function, std::uint32_t pasid, DomainId domain) {
  const auto& [table, snoop] = domains_.at(domain.value);
  vtd::PasidEntry entry;
  entry.domain = domain;
  if (table.stage() == TableStage::first) {
    entry.type = vtd::PasidTranslation::first_stage;
    entry.first_stage = table.root(), entry.first_levels = levels_, entry.snoop = snoop;
  } else {
    entry.second_stage = Hpa(table.root()), entry.second_levels = levels_;
  }
  scalable_->bind(function, pasid, entry);
}

void IommuDriver::attach_nested(RequesterId function, Pasid pasid, DomainId domain, Gpa first_stage) {
  require_first_stage();
  require(has(vtd::ecap_nested), "the IOMMU does not nest translations");
  const auto& [table, snoop] = domains_.at(domain.value);
  require(table.stage() == TableStage::second, "a guest's first stage lies above a second stage only");
  scalable_->bind(function, entry_of(pasid),
                  {vtd::PasidTranslation::nested, domain, Hpa(table.root()), levels_, first_stage.value, first_stage_levels, snoop});
}

namespace {
vtd::Pair in_device_tlb(RequesterId function, Pasid pasid, std::uint64_t page, unsigned log2_bytes = 12) {
  return pasid.present() ? vtd::invalidate_pasid_device_tlb(function, pasid.value, page, log2_bytes)
                         : vtd::invalidate_device_tlb(function, page, log2_bytes);
}
}  // namespace

/// First-stage entries are tagged with their PASID and go by it (6.5.2.4); second-stage and nested ones with their domain.
std::array<vtd::Pair, 3> IommuDriver::detach(RequesterId function, Pasid pasid, DomainId domain) {
  constexpr unsigned one_pasid = 1;  // granularity (6.5.2.2)
  const std::uint32_t entry = entry_of(pasid);
  scalable_->unbind(function, entry);
  const bool first = domains_.at(domain.value).table.stage() == TableStage::first;
  return {vtd::invalidate_pasid_cache(one_pasid, domain, entry),
          first ? vtd::invalidate_pasid_iotlb(domain, entry) : vtd::invalidate_iotlb_domain(domain),
          in_device_tlb(function, pasid, 0, vtd::log2_all_addresses)};
}

std::array<vtd::Pair, 2> IommuDriver::invalidate_page(RequesterId function, Pasid pasid, DomainId domain, Iova page) const {
  if (domains_.at(domain.value).table.stage() == TableStage::first) return invalidate_guest_page(function, pasid, domain, page);
  return {vtd::invalidate_iotlb_pages(domain, page), in_device_tlb(function, pasid, page.value)};
}

std::array<vtd::Pair, 2> IommuDriver::invalidate_guest_page(RequesterId function, Pasid pasid, DomainId domain, Iova page) const {
  return {vtd::invalidate_pasid_iotlb_pages(domain, entry_of(pasid), page), in_device_tlb(function, pasid, page.value)};
}

std::array<vtd::Pair, 2> IommuDriver::invalidate_guest_memory(RequesterId function, Pasid pasid, DomainId domain, Gpa page) const {
  return {vtd::invalidate_iotlb_pages(domain, Iova(page.value)), in_device_tlb(function, pasid, 0, vtd::log2_all_addresses)};
}

void IommuDriver::unmap(DomainId domain, Iova iova, std::uint64_t pages) {
  domains_.at(domain.value).table.unmap(iova.value, pages);
}

void IommuDriver::attach(RequesterId function, DomainId domain, vtd::TranslationType type) {
  MemoryPort& memory = tables_.port();
  require(type != vtd::TranslationType::pass_through || has(vtd::ecap_pass_through),
          "the IOMMU has no pass-through");
  if (type == vtd::TranslationType::with_ats && !has(vtd::ecap_device_tlb))
    type = vtd::TranslationType::untranslated_only;
  if (scalable_) {
    if (!scalable_->has(function)) scalable_->add(function, {0, type == vtd::TranslationType::with_ats, false});
    if (type != vtd::TranslationType::pass_through) return bind(function, ScalableTables::rid_pasid, domain);
    vtd::PasidEntry entry;
    entry.type = vtd::PasidTranslation::pass_through;
    entry.domain = domain, entry.second_levels = deepest();
    return scalable_->bind(function, ScalableTables::rid_pasid, entry);
  }
  auto [found, fresh] = contexts_.try_emplace(function.bus());
  if (fresh) {
    found->second = new_table();
    memory.poke_value(root_ + function.bus() * 16u, vtd::root_entry(found->second));
  }
  const unsigned levels = type == vtd::TranslationType::pass_through ? deepest() : levels_;
  memory.poke_value(found->second + function.devfn() * 16u,
                    vtd::context_entry(Hpa(domains_.at(domain.value).table.root()), levels, domain, type));
}

void IommuDriver::detach(RequesterId function) {
  require(!scalable_, "functions are detached in legacy mode only");
  tables_.port().poke_value(contexts_.at(function.bus()) + function.devfn() * 16u, vtd::Pair{});
}

bool IommuDriver::x2apic() const { return remaps_interrupts() && has(vtd::ecap_x2apic); }

bool IommuDriver::remaps_interrupts() const { return has(vtd::ecap_remapping); }

std::uint16_t IommuDriver::allocate_irte(const vtd::Pair& entry) {
  set_irte(next_irte_, entry);
  return next_irte_++;
}

void IommuDriver::set_irte(std::uint16_t index, const vtd::Pair& entry) {
  require(!(entry.lo & irte_posted) || has(vtd::cap_posting), "the IOMMU posts no interrupts");
  tables_.port().poke_value(interrupt_table_ + index * 16u, entry);
}

void IommuDriver::enable(bool translation, bool interrupt_remapping) {
  interrupt_remapping = interrupt_remapping && remaps_interrupts();
  registers_.write(vtd::reg_root_table, scalable_ ? scalable_->root().value | vtd::rtaddr_scalable : root_.value, 8);
  registers_.write(vtd::reg_global_command, vtd::gcmd_set_root_table, 4);
  if (interrupt_remapping) {
    registers_.write(vtd::reg_interrupt_table, interrupt_table_.value | (x2apic() ? vtd::irta_x2apic : 0) | irta_size_code, 8);
    registers_.write(vtd::reg_global_command, vtd::gcmd_set_interrupt_table, 4);
  }
  registers_.write(vtd::reg_queue_tail, 0, 8);
  registers_.write(vtd::reg_queue_address, queue_.ring(), 8);
  registers_.write(vtd::reg_global_command,
                   vtd::gcmd_queue_enable | (translation ? vtd::gcmd_translation_enable : 0) |
                       (interrupt_remapping ? vtd::gcmd_interrupt_remapping : 0),
                   4);
}

}  // namespace iov::software
