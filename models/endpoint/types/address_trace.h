// SPDX-License-Identifier: Apache-2.0
/// AddressTrace -- a file of DMA accesses to replay.
///
/// Format  CSV, one access per line: time in ns, requester ID (bb:dd.f, or a number), PASID (may be empty), address,
///         bytes, access (r or w). Lines that are empty or begin with # or "time" say nothing. Times do not decrease.
/// Units   ns, bytes
#pragma once
#include <stdexcept>
#include <string>
#include <vector>

#include "models/core/address.h"
#include "models/core/units.h"

namespace iov::endpoint {

/// The trace cannot be used; names the file, the line and the reason.
struct AddressTraceError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct TracedAccess {
  Time at;  ///< since the first access
  RequesterId requester;
  Pasid pasid;
  Iova address;
  std::uint32_t bytes = 0;
  bool write = false;
};

/// @throws AddressTraceError
std::vector<TracedAccess> read_address_trace(const std::string& file);

/// One line of a trace, its time since time 0. @throws std::invalid_argument with the reason
TracedAccess parse_access(const std::string& line);

}  // namespace iov::endpoint
