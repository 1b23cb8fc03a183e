// SPDX-License-Identifier: Apache-2.0
/// What can be configured: every kind of module and every I/O path, one explicit table each.
#pragma once
#include <vector>

#include "platforms/kind.h"

namespace iov::platform {

struct NamedItem {
  std::string name, meaning;
};

const std::vector<Kind>& catalog();
std::vector<NamedItem> io_paths();

}  // namespace iov::platform
