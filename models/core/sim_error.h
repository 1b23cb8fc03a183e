// SPDX-License-Identifier: Apache-2.0
/// The one exception of the models: when (unless before the simulation began), where (object path) and which claim
/// did not hold.
#pragma once
#include <stdexcept>
#include <string>
#include <systemc>

namespace iov {

struct SimError : std::runtime_error {
  SimError(const sc_core::sc_time& when, const std::string& where, const std::string& claim)
      : runtime_error((when == sc_core::SC_ZERO_TIME ? "" : when.to_string() + " ") + where + ": " + claim) {}
};

/// A broken invariant; the runner exits with code 3.
struct InvariantBroken : SimError {
  using SimError::SimError;
};

}  // namespace iov
