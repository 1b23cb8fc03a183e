// SPDX-License-Identifier: Apache-2.0
#include "models/software/iommu_driver.h"

#include "models/protocol/vtd_registers.h"

namespace iov::software {

namespace {
// VT-d 4.1 11.4.2 and 11.4.3
constexpr std::uint64_t cap_four_levels = 1ull << 10, cap_2m_pages = 1ull << 34, cap_1g_pages = 1ull << 35,
                        cap_posting = 1ull << 59;
constexpr std::uint64_t ecap_device_tlb = 1u << 2, ecap_remapping = 1u << 3, ecap_x2apic = 1u << 4, ecap_pass_through = 1u << 6,
                        ecap_scalable_mode = 1ull << 43, ecap_page_requests = 1u << 29, ecap_first_stage = 1ull << 47;
constexpr std::uint64_t irte_posted = 1u << 15;  // 9.11
constexpr unsigned irta_size_code = 15;          // 65536 entries
void require(bool possible, const std::string& claim) {
  if (!possible) throw SimError({}, "iommu_driver", claim);
}
}  // namespace

IommuDriver::IommuDriver(MemoryView& tables, const Registers& registers, const SoftwareCosts& costs)
    : tables_(tables),
      registers_(registers),
      capability_(registers.read(vtd::reg_capability, 8)),
      extended_capability_(registers.read(vtd::reg_extended_capability, 8)),
      levels_(capability_ & cap_four_levels ? 4 : 3),
      root_(new_table()),
      queue_("iommu_driver", tables, costs) {
  interrupt_table_ = tables.host(tables.allocate(std::uint64_t{16} << (irta_size_code + 1), 4096));
  pass_through_ = create_domain();
}

DomainId IommuDriver::create_domain(TableStage stage) {
  require(stage == TableStage::second || (scalable_ && extended_capability_ & ecap_first_stage && levels_ == 4),
          "the IOMMU has no first-stage translation of 4 levels in scalable mode");
  const DomainId domain{next_domain_++};
  domains_[domain.value] = {new_table(), stage};
  return domain;
}

Hpa IommuDriver::leaf_slot(DomainId domain, Iova iova, unsigned log2_page) {
  MemoryPort& memory = tables_.port();
  auto [table, stage] = domains_.at(domain.value);
  for (unsigned level = levels_;; --level) {
    const unsigned shift = 12 + 9 * (level - 1);
    const Hpa slot = table + (iova.value >> shift & 0x1ff) * 8;
    if (shift == log2_page) return slot;
    auto entry = memory.peek<std::uint64_t>(slot);
    if (!(entry & (vtd::pte_read | vtd::pte_write))) {
      const Hpa next = new_table();
      entry = stage == TableStage::first ? vtd::first_stage_table_entry(next) : vtd::table_entry(next);
      memory.poke_value(slot, entry);
    }
    table = Hpa(entry & vtd::page_mask);
  }
}

void IommuDriver::map(DomainId domain, Iova iova, Hpa hpa, std::uint64_t bytes, unsigned log2_page, bool read,
                      bool write) {
  const std::uint64_t page = std::uint64_t{1} << log2_page;
  require(((iova.value | hpa.value | bytes) & (page - 1)) == 0,
          "memory of " + std::to_string(bytes) + " bytes cannot be mapped by pages of " +
              std::to_string(page) + ": not aligned to them");
  require(log2_page == 12 || capability_ & (log2_page == 21 ? cap_2m_pages : cap_1g_pages),
          "the IOMMU has no pages of " + std::to_string(page) + " bytes");
  require(iova.value + bytes <= std::uint64_t{1} << (12 + 9 * levels_),
          "addresses do not fit into tables of " + std::to_string(levels_) +
              " levels, the most that the IOMMU walks");
  const bool first = domains_.at(domain.value).stage == TableStage::first;
  require(!first || read, "a first-stage page that is not readable is not there");
  for (std::uint64_t at = 0; at < bytes; at += page)
    tables_.port().poke_value(leaf_slot(domain, iova + at, log2_page),
                              first ? vtd::first_stage_leaf_entry(hpa + at, write, log2_page)
                                    : vtd::leaf_entry(hpa + at, read, write, log2_page));
}

void IommuDriver::use_scalable_mode() {
  require(extended_capability_ & ecap_scalable_mode, "the IOMMU has no scalable mode");
  if (scalable_) return;
  scalable_.emplace(tables_);
  queue_.use_wide_descriptors();
}

void IommuDriver::add_function(RequesterId function, const ScalableTables::Function& what) {
  require(!what.device_tlb || extended_capability_ & ecap_device_tlb, "the IOMMU supports no device TLBs (ATS)");
  require(!what.page_requests || extended_capability_ & ecap_page_requests, "the IOMMU has no page requests (PRI)");
  scalable_->add(function, what);
}

void IommuDriver::attach_pasid(RequesterId function, Pasid pasid, DomainId domain) {
  bind(function, pasid.value, domain);
}

void IommuDriver::bind(RequesterId function, std::uint32_t pasid, DomainId domain) {
  const auto [table, stage] = domains_.at(domain.value);
  if (stage == TableStage::first) return scalable_->bind_first_stage(function, pasid, table, domain);
  scalable_->bind(function, pasid, vtd::PasidTranslation::second_stage, table, levels_, domain);
}

/// First-stage entries are tagged with their PASID and go by it (6.5.2.4); second-stage ones with their domain.
std::array<vtd::Pair, 3> IommuDriver::detach(RequesterId function, Pasid pasid, DomainId domain) {
  constexpr unsigned one_pasid = 1, whole_space = 63;  // granularity (6.5.2.2); PCIe 10.3.1: all addresses
  const std::uint32_t entry = pasid.present() ? pasid.value : ScalableTables::rid_pasid;
  scalable_->unbind(function, entry);
  const bool first = domains_.at(domain.value).stage == TableStage::first;
  return {vtd::invalidate_pasid_cache(one_pasid, domain, entry),
          first ? vtd::invalidate_pasid_iotlb(domain, entry) : vtd::invalidate_iotlb_domain(domain),
          pasid.present() ? vtd::invalidate_pasid_device_tlb(function, entry, 0, whole_space)
                          : vtd::invalidate_device_tlb(function, 0, whole_space)};
}

std::array<vtd::Pair, 2> IommuDriver::invalidate_page(RequesterId function, Pasid pasid, DomainId domain, Iova page) const {
  const std::uint32_t entry = pasid.present() ? pasid.value : ScalableTables::rid_pasid;
  const bool first = domains_.at(domain.value).stage == TableStage::first;
  return {first ? vtd::invalidate_pasid_iotlb_pages(domain, entry, page) : vtd::invalidate_iotlb_pages(domain, page),
          pasid.present() ? vtd::invalidate_pasid_device_tlb(function, entry, page.value)
                          : vtd::invalidate_device_tlb(function, page.value)};
}

void IommuDriver::unmap(DomainId domain, Iova iova, std::uint64_t pages) {
  for (std::uint64_t page = 0; page < pages; ++page)
    tables_.port().poke_value(leaf_slot(domain, iova + page * 4096, 12), std::uint64_t{0});
}

void IommuDriver::attach(RequesterId function, DomainId domain, vtd::TranslationType type) {
  MemoryPort& memory = tables_.port();
  require(type != vtd::TranslationType::pass_through || extended_capability_ & ecap_pass_through,
          "the IOMMU has no pass-through");
  if (type == vtd::TranslationType::with_ats && !(extended_capability_ & ecap_device_tlb))
    type = vtd::TranslationType::untranslated_only;
  if (scalable_) {
    using vtd::PasidTranslation;
    if (!scalable_->has(function)) scalable_->add(function, {0, type == vtd::TranslationType::with_ats, false});
    if (type != vtd::TranslationType::pass_through) return bind(function, ScalableTables::rid_pasid, domain);
    return scalable_->bind(function, ScalableTables::rid_pasid, PasidTranslation::pass_through, domains_.at(domain.value).table,
                           levels_, domain);
  }
  auto [found, fresh] = contexts_.try_emplace(function.bus());
  if (fresh) {
    found->second = new_table();
    memory.poke_value(root_ + function.bus() * 16u, vtd::root_entry(found->second));
  }
  memory.poke_value(found->second + function.devfn() * 16u,
                    vtd::context_entry(domains_.at(domain.value).table, levels_, domain, type));
}

void IommuDriver::detach(RequesterId function) {
  require(!scalable_, "functions are detached in legacy mode only");
  tables_.port().poke_value(contexts_.at(function.bus()) + function.devfn() * 16u, vtd::Pair{});
}

bool IommuDriver::x2apic() const { return remaps_interrupts() && extended_capability_ & ecap_x2apic; }

bool IommuDriver::remaps_interrupts() const { return extended_capability_ & ecap_remapping; }

std::uint16_t IommuDriver::allocate_irte(const vtd::Pair& entry) {
  set_irte(next_irte_, entry);
  return next_irte_++;
}

void IommuDriver::set_irte(std::uint16_t index, const vtd::Pair& entry) {
  require(!(entry.lo & irte_posted) || capability_ & cap_posting, "the IOMMU posts no interrupts");
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
