// SPDX-License-Identifier: Apache-2.0
/// Errors of a function: what detecting one does to its configuration space, and which message it sends. The registers
/// are the only state. A mechanism.
///
/// Spec    PCIe Base 5.0 6.2 (classes, advisory non-fatal errors, masks, logs), 7.5.3.4 and 7.5.3.5 (Device Control and
///         Status), 7.8.4 (AER); a VF's masks, severities and reporting are its PF's (9.3.7).
/// Omits   TLP prefix log, multiple header recording, ECRC, interrupts of the root port (counted, not sent).
#pragma once
#include <cstdint>

#include "models/protocol/config_space/config_space.h"
#include "models/protocol/tlp.h"

namespace iov::config {

/// Messages (2.2.8.3).
inline constexpr MessageCode error_correctable{0x30}, error_nonfatal{0x31}, error_fatal{0x33};
constexpr bool is_error(MessageCode code) {
  return code == error_correctable || code == error_nonfatal || code == error_fatal;
}

enum class PcieError : std::uint8_t {
  // uncorrectable
  surprise_down,
  poisoned_tlp,
  completion_timeout,
  completer_abort,
  unexpected_completion,
  malformed_tlp,
  unsupported_request,
  acs_violation,
  // correctable
  bad_tlp,
  bad_dllp,
  replay_rollover,
  replay_timeout,
};
inline constexpr std::size_t pcie_errors = 12;
const char* error_name(PcieError error);
struct ErrorBit {
  std::uint32_t bit;
  bool correctable;  ///< in the Correctable Error Status register; else in the Uncorrectable
};
ErrorBit error_bit(PcieError error);

/// Logs an error in `function`. @param controls  its own space, or that of the PF for a VF
/// @param tlp  the TLP at fault, if there is one, for the header log
/// @returns the message to send to the root complex; none: masked, or reporting is off
MessageCode log_error(ConfigSpace& function, const ConfigSpace& controls, PcieError error, const TlpHeader* tlp);

/// An error message has reached a root port. @returns whether it interrupts: an enabled message is there and none was (6.2.4.1.2)
bool log_error_message(ConfigSpace& root_port, MessageCode message, RequesterId source);

}  // namespace iov::config
