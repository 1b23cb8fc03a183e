// SPDX-License-Identifier: Apache-2.0
/// Asking a platform's IOMMU: the machine is made, its drivers build their tables, and the unit's registers and the bytes
/// in memory answer -- what a TLP would meet at that moment, without caches and without time.
#pragma once
#include <nlohmann/json.hpp>

#include "platforms/translation_image.h"

namespace iov::platform {

/// @param after  simulated time that drivers and devices run before the question
/// @throws BadInput when the platform has no IOMMU, and as simulate() does
nlohmann::ordered_json ask_platform(const nlohmann::json& effective_config, std::uint64_t seed, const Time& after,
                                    const TranslationQuery& query);

}  // namespace iov::platform
