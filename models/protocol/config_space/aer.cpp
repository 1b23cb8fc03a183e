// SPDX-License-Identifier: Apache-2.0
#include "models/protocol/config_space/aer.h"

#include <linux/pci_regs.h>

#include <array>
#include <bit>

#include "models/protocol/tlp_header_image.h"

namespace iov::config {

namespace {

struct ErrorRow {
  const char* name;
  std::uint32_t bit;
  bool correctable = false;
  bool advisory = false;  ///< non-fatal it is only an advice to software (6.2.3.2.4); for UR and CA: of requests answered
};
constexpr std::array<ErrorRow, pcie_errors> rows{{
    {"surprise_down", PCI_ERR_UNC_SURPDN},
    {"poisoned_tlp", PCI_ERR_UNC_POISON_TLP},
    {"completion_timeout", PCI_ERR_UNC_COMP_TIME},
    {"completer_abort", PCI_ERR_UNC_COMP_ABORT, false, true},
    {"unexpected_completion", PCI_ERR_UNC_UNX_COMP, false, true},
    {"malformed_tlp", PCI_ERR_UNC_MALF_TLP},
    {"unsupported_request", PCI_ERR_UNC_UNSUP, false, true},
    {"acs_violation", PCI_ERR_UNC_ACSV, false, true},
    {"bad_tlp", PCI_ERR_COR_BAD_TLP, true},
    {"bad_dllp", PCI_ERR_COR_BAD_DLLP, true},
    {"replay_rollover", PCI_ERR_COR_REP_ROLL, true},
    {"replay_timeout", PCI_ERR_COR_REP_TIMER, true},
}};

/// Sets what the function has of these bits: a VF leaves the link's errors to its PF.
void set_existing(ConfigSpace& space, unsigned offset, std::uint32_t bits) {
  const std::uint8_t slot = space.layout().slot_of(offset & ~3u);
  if (slot == Layout::no_slot) return;
  const std::uint32_t there = space.layout().slots()[slot].changeable() >> (offset & 3) * 8;
  if ((bits & there) != 0) space.set_bits(offset, (offset & 3) ? 2 : 4, bits & there);
}

struct Signal {
  MessageCode message;
  std::uint16_t detected, enable;
};
constexpr Signal correctable{config::error_correctable, PCI_EXP_DEVSTA_CED, PCI_EXP_DEVCTL_CERE};
constexpr Signal nonfatal{config::error_nonfatal, PCI_EXP_DEVSTA_NFED, PCI_EXP_DEVCTL_NFERE};
constexpr Signal fatal{config::error_fatal, PCI_EXP_DEVSTA_FED, PCI_EXP_DEVCTL_FERE};

Signal signal_of(const ErrorRow& row, const ConfigSpace& controls, unsigned aer, bool answered) {
  if (row.correctable) return correctable;
  const bool is_fatal = aer != 0 && (controls.dword(aer + PCI_ERR_UNCOR_SEVER) & row.bit) != 0;
  if (is_fatal) return fatal;
  return row.advisory && answered ? correctable : nonfatal;
}

/// The first error that is not masked keeps the log until software clears its status (6.2.4.2).
void log_header(ConfigSpace& function, unsigned aer, std::uint32_t before, std::uint32_t bit, const TlpHeader* tlp) {
  const std::uint32_t first = function.dword(aer + PCI_ERR_CAP) & 0x1f;
  if ((before >> first & 1) != 0) return;
  function.set(aer + PCI_ERR_CAP, 1, static_cast<std::uint32_t>(std::countr_zero(bit)));
  const auto header = tlp ? header_dwords(*tlp) : std::array<std::uint32_t, 4>{};
  for (unsigned i = 0; i < 4; ++i) function.set(aer + PCI_ERR_HEADER_LOG + 4 * i, 4, header[i]);
}

bool reported(const ConfigSpace& controls, const Signal& signal, const ErrorRow& row) {
  const unsigned express = controls.layout().capability(PCI_CAP_ID_EXP);
  const std::uint32_t control = controls.read(express + PCI_EXP_DEVCTL, 2);
  if (row.bit == PCI_ERR_UNC_UNSUP && !row.correctable && (control & PCI_EXP_DEVCTL_URRE) == 0) return false;
  const bool serr = signal.message != config::error_correctable && (controls.read(PCI_COMMAND, 2) & PCI_COMMAND_SERR) != 0;
  return serr || (control & signal.enable) != 0;
}

bool interrupts(std::uint32_t command, std::uint32_t status) {
  return ((command & PCI_ERR_ROOT_CMD_COR_EN) != 0 && (status & PCI_ERR_ROOT_COR_RCV) != 0) ||
         ((command & PCI_ERR_ROOT_CMD_NONFATAL_EN) != 0 && (status & PCI_ERR_ROOT_NONFATAL_RCV) != 0) ||
         ((command & PCI_ERR_ROOT_CMD_FATAL_EN) != 0 && (status & PCI_ERR_ROOT_FATAL_RCV) != 0);
}

}  // namespace

const char* error_name(PcieError error) { return rows[static_cast<std::size_t>(error)].name; }

ErrorBit error_bit(PcieError error) {
  const ErrorRow& row = rows[static_cast<std::size_t>(error)];
  return {row.bit, row.correctable};
}

MessageCode log_error(ConfigSpace& function, const ConfigSpace& controls, PcieError error, const TlpHeader* tlp) {
  const ErrorRow& row = rows[static_cast<std::size_t>(error)];
  const unsigned aer = function.layout().extended(PCI_EXT_CAP_ID_ERR);
  const unsigned control_aer = controls.layout().extended(PCI_EXT_CAP_ID_ERR);
  // A request that is answered with an error leaves the rest to its requester; so does a stray completion.
  const bool answered = tlp && tlp->fc() != FcClass::posted;
  const Signal signal = signal_of(row, controls, control_aer, answered);
  const bool unsupported = error == PcieError::unsupported_request;
  set_existing(function, function.layout().capability(PCI_CAP_ID_EXP) + PCI_EXP_DEVSTA,
               signal.detected | (unsupported ? PCI_EXP_DEVSTA_URD : 0u));
  if (aer == 0) return reported(controls, signal, row) ? signal.message : MessageCode::none;
  const unsigned status = row.correctable ? PCI_ERR_COR_STATUS : PCI_ERR_UNCOR_STATUS;
  const std::uint32_t before = function.dword(aer + status);
  set_existing(function, aer + status, row.bit);
  const std::uint32_t mask = controls.dword(control_aer + (row.correctable ? PCI_ERR_COR_MASK : PCI_ERR_UNCOR_MASK));
  if ((mask & row.bit) != 0) return MessageCode::none;
  if (!row.correctable) {
    if (signal.message == config::error_correctable) {
      set_existing(function, aer + PCI_ERR_COR_STATUS, PCI_ERR_COR_ADV_NFAT);
      if ((controls.dword(control_aer + PCI_ERR_COR_MASK) & PCI_ERR_COR_ADV_NFAT) != 0) return MessageCode::none;
    }
    if ((function.dword(aer + status) & row.bit) != 0) log_header(function, aer, before, row.bit, tlp);
  }
  return reported(controls, signal, row) ? signal.message : MessageCode::none;
}

bool log_error_message(ConfigSpace& root_port, MessageCode message, RequesterId source) {
  const unsigned aer = root_port.layout().extended(PCI_EXT_CAP_ID_ERR);
  if (aer == 0) return false;
  const std::uint32_t before = root_port.dword(aer + PCI_ERR_ROOT_STATUS);
  const bool uncorrectable = message != config::error_correctable;
  const std::uint32_t first = uncorrectable ? PCI_ERR_ROOT_UNCOR_RCV : PCI_ERR_ROOT_COR_RCV;
  const std::uint32_t more = uncorrectable ? PCI_ERR_ROOT_MULTI_UNCOR_RCV : PCI_ERR_ROOT_MULTI_COR_RCV;
  const bool is_fatal = message == config::error_fatal;
  std::uint32_t bits = first;
  if ((before & first) != 0) bits |= more;
  else {
    root_port.set(aer + PCI_ERR_ROOT_ERR_SRC + (uncorrectable ? 2 : 0), 2, source.value);
    if (is_fatal) bits |= PCI_ERR_ROOT_FIRST_FATAL;
  }
  if (uncorrectable) bits |= is_fatal ? PCI_ERR_ROOT_FATAL_RCV : PCI_ERR_ROOT_NONFATAL_RCV;
  root_port.set_bits(aer + PCI_ERR_ROOT_STATUS, 4, bits);
  const std::uint32_t command = root_port.dword(aer + PCI_ERR_ROOT_COMMAND);
  return !interrupts(command, before) && interrupts(command, before | bits);
}

}  // namespace iov::config
