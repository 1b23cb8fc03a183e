// SPDX-License-Identifier: Apache-2.0
// Software asks the IOMMU what it can do: what it cannot is refused before anything runs, each with its exact
// message.
#include "tests/contract/platforms/machine_bench.h"

using namespace iov;
using namespace iov::platform;

namespace {
std::string answer(const Settings& settings) {
  const auto config = effective(settings);
  try {
    Machine machine(config, 1);
    machine.boot();
  } catch (const BadInput& bad) {
    const std::string said = bad.what();  // and before it when: refused while the machine boots
    return said.substr(said.find("iommu_driver"));
  }
  return "accepted";
}
}  // namespace

TEST_CASE("huge pages that the IOMMU does not walk are refused") {
  CHECK(answer({{"iommu.features.page_2m", false}}) ==
        "iommu_driver: the IOMMU has no pages of 2097152 bytes");
}
TEST_CASE("4 KiB pages need no capability") {
  CHECK(answer({{"iommu.features.page_2m", false}, {"vm0.iommu_log2_page", 12}}) == "accepted");
}
TEST_CASE("posted interrupts that the IOMMU does not post are refused") {
  CHECK(answer({{"iommu.features.posted_interrupts", false}}) ==
        "iommu_driver: the IOMMU posts no interrupts");
}
TEST_CASE("pass-through that the IOMMU does not have is refused") {
  CHECK(answer({{"iommu.features.pass_through", false}, {"vm0.path", "native"}}) ==
        "iommu_driver: the IOMMU has no pass-through");
}
TEST_CASE("memory that is not a whole number of pages is refused") {
  CHECK(
      answer({{"vm0.memory", "9 MiB"}}) ==
      "iommu_driver: memory of 9437184 bytes cannot be mapped by pages of 2097152: not aligned to them");
}
TEST_CASE("memory beyond three levels of tables is refused") {
  CHECK(answer({{"memory.size", "2 TiB"},
                {"vm0.memory", "1 TiB"},
                {"iommu.features.max_levels", 3},
                {"vm0.iommu_log2_page", 30}}) ==
        "iommu_driver: addresses do not fit into tables of 3 levels, the most that the IOMMU walks");
}
