// SPDX-License-Identifier: Apache-2.0
#include "platforms/ask_platform.h"

#include "platforms/dma_machine.h"
#include "platforms/machine.h"

namespace iov::platform {

namespace {

struct TablesInMemory {
  bool read(std::uint64_t address, std::span<std::uint64_t> words) {
    memory.peek(Hpa(address), {reinterpret_cast<std::uint8_t*>(words.data()), words.size_bytes()});
    return memory.ok();
  }
  MemoryPort& memory;
};

nlohmann::ordered_json ask(Hardware& machine, const nlohmann::json& config, const TranslationQuery& query) {
  if (!machine.iommu) throw BadInput("the platform has no module of kind \"iommu\"");
  const auto status = machine.iommu->read_register(vtd::reg_global_status, 4);
  const iommu::RemappingRegisters registers{machine.iommu->read_register(vtd::reg_root_table, 8),
                                            machine.iommu->read_register(vtd::reg_interrupt_table, 8),
                                            (status & vtd::gcmd_translation_enable) != 0,
                                            (status & vtd::gcmd_interrupt_remapping) != 0,
                                            (status & vtd::gcmd_compatibility_format) != 0};
  TablesInMemory tables{*machine.cpu_memory};
  const auto params = read_params<iommu::Params>(config, the_one(config, "iommu"));
  return answer(params.features, registers, {bind<&TablesInMemory::read>(&tables), {}, {}}, query, true);
}

}  // namespace

nlohmann::ordered_json ask_platform(const nlohmann::json& config, std::uint64_t seed, const Time& after,
                                    const TranslationQuery& query) {
  if (!modules_of(config, "dma_bench").empty()) {
    DmaMachine machine(config, seed);
    machine.prepare();
    return ask(machine, config, query);
  }
  Machine machine(config, seed);
  machine.boot();
  if (after > Time()) {
    machine.start();
    machine.timeline.run(machine.timeline.now() + after);
  }
  return ask(machine, config, query);
}

}  // namespace iov::platform
