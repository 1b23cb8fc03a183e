// SPDX-License-Identifier: Apache-2.0
/// From the description of a function to its Layout: the header, the capability chain, the rules.
///
/// Spec    PCIe Base 5.0 7.5 to 7.9, 9.3, 10.5.
#pragma once
#include "models/protocol/config_space/function_description.h"
#include "models/protocol/config_space/layout.h"

namespace iov::config {

/// Throws SimError for a description no device could have.
Layout build_layout(const FunctionDescription& description);

}  // namespace iov::config
