// SPDX-License-Identifier: Apache-2.0
/// The configuration spaces of a platform as `lspci -xxxx` prints them: what `lspci -F FILE` reads.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace iov::platform {

struct LspciRequest {
  bool after_boot = false;  ///< else as the devices leave reset, with the IDs of the first bus
  std::string guest;        ///< what this VM sees, after boot; empty: what the host sees
};

/// @throws BadInput
std::string lspci(const nlohmann::json& effective_config, const LspciRequest& request);

}  // namespace iov::platform
