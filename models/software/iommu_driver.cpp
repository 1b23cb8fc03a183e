// SPDX-License-Identifier: Apache-2.0
#include "models/software/iommu_driver.h"

namespace iov::software {

namespace {
// VT-d 11.4, offsets and GCMD bits
constexpr std::uint32_t reg_gcmd = 0x18, reg_rtaddr = 0x20, reg_irta = 0xb8;
constexpr std::uint32_t gcmd_te = 1u << 31, gcmd_srtp = 1u << 30, gcmd_ire = 1u << 25, gcmd_sirtp = 1u << 24;
constexpr unsigned irta_size_code = 15;  // 65536 entries
}  // namespace

IommuDriver::IommuDriver(MemoryView& tables, const Registers& registers, unsigned levels)
    : tables_(tables), registers_(registers), levels_(levels), root_(new_table()) {
  interrupt_table_ = tables.host(tables.allocate(std::uint64_t{16} << (irta_size_code + 1), 4096));
  pass_through_ = create_domain();
}

DomainId IommuDriver::create_domain() {
  const DomainId domain{next_domain_++};
  second_stage_[domain.value] = new_table();
  return domain;
}

Hpa IommuDriver::leaf_slot(DomainId domain, Iova iova, unsigned log2_page) {
  MemoryPort& memory = tables_.port();
  Hpa table = second_stage_.at(domain.value);
  for (unsigned level = levels_;; --level) {
    const unsigned shift = 12 + 9 * (level - 1);
    const Hpa slot = table + (iova.value >> shift & 0x1ff) * 8;
    if (shift == log2_page) return slot;
    auto entry = memory.peek<std::uint64_t>(slot);
    if (!(entry & (vtd::pte_read | vtd::pte_write))) {
      entry = vtd::table_entry(new_table());
      memory.poke_value(slot, entry);
    }
    table = Hpa(entry & vtd::page_mask);
  }
}

void IommuDriver::map(DomainId domain, Iova iova, Hpa hpa, std::uint64_t bytes, unsigned log2_page, bool read, bool write) {
  const std::uint64_t page = std::uint64_t{1} << log2_page;
  if ((iova.value | hpa.value | bytes) & (page - 1))
    throw SimError({}, "iommu_driver", "a mapping is not aligned to its page size");
  for (std::uint64_t at = 0; at < bytes; at += page)
    tables_.port().poke_value(leaf_slot(domain, iova + at, log2_page), vtd::leaf_entry(hpa + at, read, write, log2_page));
}

void IommuDriver::attach(RequesterId function, DomainId domain, vtd::TranslationType type) {
  MemoryPort& memory = tables_.port();
  auto [found, fresh] = contexts_.try_emplace(function.bus());
  if (fresh) {
    found->second = new_table();
    memory.poke_value(root_ + function.bus() * 16u, vtd::root_entry(found->second));
  }
  memory.poke_value(found->second + function.devfn() * 16u,
                    vtd::context_entry(second_stage_.at(domain.value), levels_, domain, type));
}

std::uint16_t IommuDriver::allocate_irte(const vtd::Pair& entry) {
  set_irte(next_irte_, entry);
  return next_irte_++;
}

void IommuDriver::set_irte(std::uint16_t index, const vtd::Pair& entry) {
  tables_.port().poke_value(interrupt_table_ + index * 16u, entry);
}

void IommuDriver::enable(bool translation, bool interrupt_remapping) {
  registers_.write(reg_rtaddr, root_.value, 8);
  registers_.write(reg_gcmd, gcmd_srtp, 4);
  registers_.write(reg_irta, interrupt_table_.value | irta_size_code, 8);
  registers_.write(reg_gcmd, gcmd_sirtp, 4);
  registers_.write(reg_gcmd, (translation ? gcmd_te : 0) | (interrupt_remapping ? gcmd_ire : 0), 4);
}

}  // namespace iov::software
