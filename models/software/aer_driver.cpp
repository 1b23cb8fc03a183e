// SPDX-License-Identifier: Apache-2.0
#include "models/software/aer_driver.h"

namespace iov::software {

using host::Context;
using host::Strand;
using host::Work;

namespace {
constexpr std::uint32_t reporting = PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE;
constexpr std::uint32_t interrupting = PCI_ERR_ROOT_CMD_COR_EN | PCI_ERR_ROOT_CMD_NONFATAL_EN | PCI_ERR_ROOT_CMD_FATAL_EN;
}  // namespace

AerDriver::AerDriver(const sc_core::sc_module_name& name, ConfigIo& io, const PciTree& tree, const SoftwareCosts& costs)
    : sc_module(name), io_(io), tree_(tree), costs_(costs) {
  for (const char* severity : {"correctable", "nonfatal", "fatal"}) reported_.add_row(severity);
  for (std::size_t e = 0; e < config::pcie_errors; ++e) errors_.add_row(config::error_name(static_cast<config::PcieError>(e)));
}

Task AerDriver::enable(Strand& strand, const PciFunction& f) {
  if (f.aer == 0 || f.express == 0) co_return;
  std::uint32_t control = 0;
  co_await io_.read(strand, f.id, f.express + PCI_EXP_DEVCTL, 2, control);
  co_await io_.write(strand, f.id, f.express + PCI_EXP_DEVCTL, 2, control | reporting);
  if (f.port_type != PCI_EXP_TYPE_ROOT_PORT) co_return;
  co_await io_.write(strand, f.id, f.aer + PCI_ERR_ROOT_STATUS, 4, ~0u);  // from before
  co_await io_.write(strand, f.id, f.aer + PCI_ERR_ROOT_COMMAND, 4, interrupting);
}

/// Status is cleared before the sources are read: what is reported meanwhile interrupts again.
Task AerDriver::handle(Strand& strand, const PciFunction& port) {
  std::uint32_t status = 0, source = 0;
  co_await io_.read(strand, port.id, port.aer + PCI_ERR_ROOT_STATUS, 4, status);
  if ((status & (PCI_ERR_ROOT_COR_RCV | PCI_ERR_ROOT_UNCOR_RCV)) == 0) co_return;  // another service's interrupt
  ++interrupts_;
  co_await io_.read(strand, port.id, port.aer + PCI_ERR_ROOT_ERR_SRC, 4, source);
  co_await io_.write(strand, port.id, port.aer + PCI_ERR_ROOT_STATUS, 4, status);
  co_await strand.spend(Context::irq, Work::driver, costs_.driver_interrupt);
  const auto count = [&](Severity severity, std::uint32_t bit) { reported_.at(static_cast<std::size_t>(severity), 0) += (status & bit) != 0; };
  count(Severity::correctable, PCI_ERR_ROOT_COR_RCV);
  count(Severity::nonfatal, PCI_ERR_ROOT_NONFATAL_RCV);
  count(Severity::fatal, PCI_ERR_ROOT_FATAL_RCV);
  if (status & PCI_ERR_ROOT_COR_RCV) co_await look_at(strand, RequesterId{static_cast<std::uint16_t>(source)}, true);
  if (status & PCI_ERR_ROOT_UNCOR_RCV) co_await look_at(strand, RequesterId{static_cast<std::uint16_t>(source >> 16)}, false);
}

/// An advisory error is in both registers (6.2.3.2.4).
Task AerDriver::look_at(Strand& strand, RequesterId source, bool correctable) {
  const PciFunction* f = tree_.with_id(source);
  if (!f || f->aer == 0) co_return;
  std::uint32_t status = 0;
  if (correctable) co_await take(strand, *f, true, status);
  if (!correctable || (status & PCI_ERR_COR_ADV_NFAT) != 0) co_await take(strand, *f, false, status);
}

/// Counts and clears a status register. All ones: the function is not there, which is no error of its own.
Task AerDriver::take(Strand& strand, const PciFunction& f, bool correctable, std::uint32_t& status) {
  const unsigned at = f.aer + (correctable ? PCI_ERR_COR_STATUS : PCI_ERR_UNCOR_STATUS);
  co_await io_.read(strand, f.id, at, 4, status);
  if (status == ~0u) status = 0;
  if (status == 0) co_return;
  co_await io_.write(strand, f.id, at, 4, status);
  for (std::size_t e = 0; e < config::pcie_errors; ++e) {
    const config::ErrorBit known = config::error_bit(static_cast<config::PcieError>(e));
    if (known.correctable == correctable && (status & known.bit) != 0) ++errors_.at(e, 0);
  }
}

}  // namespace iov::software
