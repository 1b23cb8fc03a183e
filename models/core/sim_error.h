// SPDX-License-Identifier: Apache-2.0
/// The one exception of the models: when (unless before the simulation began), where (object path) and which claim
/// did not hold.
#pragma once
#include <stdexcept>
#include <string>

#include "models/core/time_text.h"

namespace iov {

struct SimError : std::runtime_error {
  SimError(const Time& when, const std::string& where, const std::string& claim)
      : runtime_error((when == Time() ? "" : exact_text(when) + " ") + where + ": " + claim) {}
};

/// A broken invariant; the runner exits with code 3.
struct InvariantBroken : SimError {
  using SimError::SimError;
};

}  // namespace iov
