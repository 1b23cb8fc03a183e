// SPDX-License-Identifier: Apache-2.0
/// What a device's functions take of the machine, read from where it is: configuration spaces, BARs, requester IDs, and
/// the IOMMU's tables in memory.
///
/// Units  in the names; counts without
#pragma once
#include <nlohmann/json.hpp>

namespace iov::platform {

class Machine;

nlohmann::ordered_json resources_of(const Machine& machine);

}  // namespace iov::platform
