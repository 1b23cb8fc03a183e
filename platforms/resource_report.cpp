// SPDX-License-Identifier: Apache-2.0
#include "platforms/resource_report.h"

#include <linux/pci_regs.h>

#include <bit>
#include <set>

#include "models/protocol/config_space/build_layout.h"
#include "models/protocol/vtd_registers.h"
#include "platforms/machine.h"

namespace iov::platform {

namespace {

constexpr unsigned config_bytes = 4096, table_bytes = 4096, entries = 256;
constexpr std::uint64_t present = 1;  // VT-d 4.1 9.1, 9.3: bit 0 of root and context entry

unsigned msix_vectors(const config::ConfigSpace& space) {
  const unsigned at = space.layout().capability(PCI_CAP_ID_MSIX);
  return at ? (space.read(at + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE) + 1 : 0;
}

std::uint64_t bar_bytes(const config::PhysicalFunction& pf) {
  std::uint64_t sum = 0;
  for (unsigned bar = 0; bar < PCI_STD_NUM_BARS; ++bar)
    sum += pf.description().bars[bar].bytes;
  return sum;
}

std::uint64_t vf_bar_bytes(const config::PhysicalFunction& pf) {
  std::uint64_t sum = 0;
  for (unsigned bar = 0; bar < PCI_STD_NUM_BARS; ++bar) sum += pf.vf_aperture(bar);
  return sum;
}

void count_contexts(nlohmann::ordered_json& out, const Machine& m) {
  std::uint64_t contexts = 0, tables = 0;
  if (m.iommu) {
    const Hpa root(m.iommu->read_register(vtd::reg_root_table, 8) & vtd::page_mask);
    for (unsigned bus = 0; bus < entries; ++bus) {
      const auto entry = m.cpu_memory->peek<std::uint64_t>(root + bus * 16u);
      if (!(entry & present)) continue;
      ++tables;
      for (unsigned devfn = 0; devfn < entries; ++devfn)
        contexts += m.cpu_memory->peek<std::uint64_t>(Hpa(entry & vtd::page_mask) + devfn * 16u) & present;
    }
  }
  out["context_entries"] = contexts;
  out["context_table_bytes"] = tables * table_bytes;
}

/// What a function of this kind has to keep: the bits of its configuration space that change, and its MSI-X table (7.7.2: 128 bits
/// and a pending bit per vector). A lower bound: data paths and BARs come on top.
std::uint64_t state_bits(const config::FunctionDescription& function) {
  std::uint64_t bits = function.msix ? std::uint64_t{function.msix->vectors} * 129 : 0;
  const config::Layout layout = config::build_layout(function);
  for (const config::Layout::Slot& slot : layout.slots()) bits += static_cast<unsigned>(std::popcount(slot.changeable()));
  return bits;
}

/// A full function, as of a device with many of them and no SR-IOV, against a VF.
void count_state(nlohmann::ordered_json& out, const config::FunctionDescription& pf) {
  config::FunctionDescription full = pf;
  full.sriov.reset();
  out["function_state_bits"] = state_bits(full);
  out["pf_state_bits"] = state_bits(pf);
  out["vf_state_bits"] = pf.sriov ? state_bits(config::virtual_function(pf)) : 0;
}

/// How many VMs the devices in the slots serve: with a function of their own, or by way of the host.
void count_slots(nlohmann::ordered_json& out, const Machine& m) {
  std::set<std::string> assigned;
  for (const auto& [function, owner] : m.boot_software().owners.all())
    if (owner.kind == software::Owner::Kind::vm) assigned.insert(owner.name);
  out["slots"] = m.slots != 0 ? m.slots : m.slots_used;
  out["slots_used"] = m.slots_used;
  out["vms"] = m.vms.size();
  out["vms_with_function"] = assigned.size();
  out["vms_per_slot_used"] = static_cast<double>(m.vms.size()) / m.slots_used;
}

}  // namespace

nlohmann::ordered_json resources_of(const Machine& machine) {
  const endpoint::FunctionSet& functions = machine.nic->functions();
  std::set<unsigned> buses;
  std::uint64_t config = 0, bars = 0, vectors = 0, ids = 0;
  for (unsigned f = 0; f < functions.numbers(); ++f) {
    if (!functions.exists(f)) continue;
    const config::PhysicalFunction& pf = functions.pf(functions.pf_of(f));
    ++ids;
    buses.insert(functions.id(f).bus());
    config += config_bytes;
    bars += functions.physical(f) ? bar_bytes(pf) : vf_bar_bytes(pf);
    vectors += msix_vectors(functions.config(f));
  }
  nlohmann::ordered_json out;
  out["vfs"] = functions.vfs();
  out["requester_ids"] = ids;
  out["bus_numbers"] = buses.size();
  out["config_space_bytes"] = config;
  out["bar_bytes"] = bars;
  out["msix_vectors"] = vectors;
  count_state(out, functions.pf(0).description());
  count_contexts(out, machine);
  count_slots(out, machine);
  return out;
}

}  // namespace iov::platform
