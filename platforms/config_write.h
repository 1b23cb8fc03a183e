// SPDX-License-Identifier: Apache-2.0
/// ConfigWrite -- the host's software writes a register of a function's configuration space and reads it back until the
/// function answers: over is what the write began when the read is answered.
///
/// Spec    PCIe Base 5.0 2.3.1 (requests to a function that is not ready are retried), 6.6.2, 9.3.3.3.1.
/// Omits   the processor time of the two requests.
#pragma once
#include <utility>

#include "models/protocol/config_bus.h"
#include "platforms/script_action.h"

namespace iov::platform {

class ConfigWrite {
 public:
  struct Register {
    RequesterId function;
    unsigned offset = 0, bytes = 2;
  };
  ConfigWrite(ConfigBus& bus, const Register& where, std::uint32_t value, Outcome outcome)
      : bus_(bus), where_(where), value_(value), outcome_(std::move(outcome)) {}
  void start() { bus_.write_config(where_.function, where_.offset, where_.bytes, value_, bind<&ConfigWrite::written>(this)); }
  void stop() {}  ///< it ends by itself

 private:
  void written(std::uint64_t answer) {
    if (answer) return outcome_("nobody answered the write");
    bus_.read_config(where_.function, where_.offset, where_.bytes, bind<&ConfigWrite::read>(this));
  }
  void read(std::uint64_t answer) { outcome_(answer == ~std::uint64_t{0} ? "nobody answered the read" : "done"); }

  ConfigBus& bus_;
  const Register where_;
  const std::uint32_t value_;
  const Outcome outcome_;
};

}  // namespace iov::platform
