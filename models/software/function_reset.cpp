// SPDX-License-Identifier: Apache-2.0
#include "models/software/function_reset.h"

#include <linux/pci_regs.h>

#include "models/software/register_io.h"

namespace iov::software {

using host::Strand;

std::vector<FunctionReset::Saved> FunctionReset::kept(const ResetTarget& t) {
  std::vector<Saved> saved{{t.express + PCI_EXP_DEVCTL, 2}, {t.express + PCI_EXP_DEVCTL2, 2}};
  if (t.ats != 0) saved.push_back({t.ats + PCI_ATS_CTRL, 2});
  for (unsigned bar = PCI_BASE_ADDRESS_0; bar <= PCI_BASE_ADDRESS_5; bar += 4) saved.push_back({bar, 4});
  saved.push_back({PCI_COMMAND, 2});
  if (t.msix != 0) saved.push_back({t.msix + PCI_MSIX_FLAGS, 2});
  return saved;
}

Task FunctionReset::run(Strand& strand, const ResetTarget& target, bool& answers) {
  id_ = target.id;
  saved_ = kept(target);
  for (Saved& s : saved_) co_await io_.read(strand, id_, s.offset, s.bytes, s.value);
  answers = saved_.front().value != all_ones(2);
  if (!answers) co_return;  // gone: there is nothing to reset, and all ones are not its state, should it come back meanwhile
  co_await io_.write(strand, id_, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
  co_await io_.write(strand, id_, target.express + PCI_EXP_DEVCTL, 2, saved_.front().value | PCI_EXP_DEVCTL_BCR_FLR);
  co_await timeline_.until(timeline_.now() + policy_.reset_wait);
  std::uint32_t header = 0;
  co_await io_.read(strand, id_, PCI_HEADER_TYPE, 1, header);
  answers = header != 0xff;
}

Task FunctionReset::restore(Strand& strand, Delegate<void()> table) {
  for (const Saved& s : saved_) {
    co_await io_.write(strand, id_, s.offset, s.bytes, s.value);
    if (s.offset == PCI_COMMAND && table) table();
  }
}

}  // namespace iov::software
