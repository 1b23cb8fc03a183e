// SPDX-License-Identifier: Apache-2.0
/// Recovery -- how the host gives a PF that was reset, its VFs and their users back what they had; and the reset itself, of a
/// PF whose driver is the host's.
///
/// Spec    Linux drivers/pci/pcie/err.c: pcie_do_recovery(); drivers/pci/pci.c: pci_reset_function(), pci_dev_wait();
///         drivers/pci/iov.c: sriov_restore_state(); drivers/pci/ats.c: pci_restore_ats_state().
/// Models  the PF's driver begins anew; the VFs that there were are enabled again, and belong to whom they belonged; what only
///         the host gives a function that somebody has, ATS, as soon as the function answers, however late, and when its user
///         begins anew, whatever took the function's state.
#pragma once
#include <deque>
#include <map>

#include "models/io_path/vm_path.h"
#include "models/software/queue_lock.h"

namespace iov::io_path {

class Recovery : public sc_core::sc_module {
 public:
  Recovery(const sc_core::sc_module_name& name, HostSystem& host);
  void start();
  /// The PF is gone, and its VFs with it.
  void lose(unsigned pf);
  /// The PF answers again and has its addresses. @pre the caller has the lock
  Task bring_back(host::Strand& strand, unsigned pf);
  /// The function's user begins anew: what the host gave it is given again, once the function answers.
  void give_again(Grant& grant);
  /// Function level reset of a PF, with notice to its driver. @param refusal  empty: it is as it was, its VFs come up
  Task reset(unsigned pf, std::string& refusal);
  void shut_down();  ///< waits for nobody any more
  software::QueueLock lock;  ///< of whoever configures functions (pci_lock_rescan_remove())

 private:
  Task reset_function(unsigned pf, std::string& refusal);
  Task serve();
  Task look_at(Grant& grant, bool& answers);
  void time_up() { late_strand_.wake(); }

  HostSystem& host_;
  host::Thread thread_;
  host::Strand admin_, late_strand_;
  bool resetting_ = false;                 ///< what resets a PF does one thing at a time
  bool leaving_ = false;
  std::map<unsigned, unsigned> lost_vfs_;  ///< by PF
  std::deque<Grant*> late_;  ///< functions whose user has to get back what the host gives
  Time pause_, give_up_at_;  ///< until the next look at one that does not answer yet; when to look no more
  Event timer_;
  Task task_;
  Counter refusals_{"refusals", "1", "PFs whose VFs could not be enabled again"};
  Counter late_looks_{"late_looks", "1", "looks at functions that did not answer yet"};
  Counter given_up_{"given_up", "1", "functions that did not answer for too long: they have no ATS until they are assigned anew"};
};

}  // namespace iov::io_path
