// SPDX-License-Identifier: Apache-2.0
#include "models/io_path/recovery.h"

#include <linux/pci_regs.h>

#include <algorithm>

#include "models/io_path/grant.h"
#include "models/io_path/uplink.h"

namespace iov::io_path {

using host::Strand;

namespace {
Time first_pause() { return Time(1, sc_core::SC_MS); }  // pci_dev_wait()
Time patience() { return Time(60, sc_core::SC_SEC); }   // PCIE_RESET_READY_POLL_MS
}

Recovery::Recovery(const sc_core::sc_module_name& name, HostSystem& host)
    : sc_module(name),
      host_(host),
      thread_(host.core(host.params.network_core), host::Thread::Kind::process, "recovery"),
      admin_(thread_.core(), host::Level::thread_low, &thread_),
      late_strand_(thread_.core(), host::Level::thread_low, &thread_),
      timer_(host.timeline, bind<&Recovery::time_up>(this)) {}

void Recovery::start() {
  task_ = serve();
  task_.start();
}

void Recovery::shut_down() {
  leaving_ = true;
  late_.clear();
  timer_.cancel();
}

void Recovery::lose(unsigned pf) {
  lost_vfs_[pf] = std::max(lost_vfs_[pf], host_.functions.lose(pf));
  std::erase_if(late_, [pf](const Grant* grant) { return grant->name().pf == pf; });
}

/// The PF's driver first, which closes VFs that have not asked; then the VFs.
Task Recovery::bring_back(Strand& strand, unsigned pf) {
  if (pf == 0)
    for (HostNic* nic : host_.nics) co_await nic->enable(strand);
  if (pf < host_.pfs.size() && host_.pfs[pf]) co_await host_.pfs[pf]->recover(strand);
  std::string refusal;
  if (lost_vfs_[pf] != 0) co_await host_.functions.enable(strand, pf, lost_vfs_[pf], refusal);
  const bool enabled = host_.functions.vfs(pf) != 0;  // though perhaps not all answer yet
  if (!refusal.empty() && !enabled) ++refusals_;
  if (refusal.empty() || enabled) lost_vfs_[pf] = 0;  // else gone again: all are enabled when it is back
  for (Grant* grant : host_.grants)
    if (grant->name().pf == pf) give_again(*grant);
  late_strand_.wake();  // to look, though perhaps at none
}

// --- what the host gives a function that somebody has --------------------------------------------------------

void Recovery::give_again(Grant& grant) {
  if (leaving_ || !grant.given() || !has_ats(host_, grant.function())) return;
  if (std::find(late_.begin(), late_.end(), &grant) == late_.end()) late_.push_back(&grant);
  pause_ = first_pause();
  give_up_at_ = host_.timeline.now() + patience();
  late_strand_.wake();
}

/// One that does not answer is asked again, twice as rarely each time, and the others with it: they begin together.
Task Recovery::serve() {
  for (;;) {
    bool answers = true;
    while (answers && !late_.empty()) co_await look_at(*late_.front(), answers);
    if (!late_.empty() && host_.timeline.now() < give_up_at_) {
      timer_.at(host_.timeline.now() + pause_);
      pause_ = pause_ * 2;
    }
    for (; !late_.empty() && !timer_.scheduled(); late_.pop_front()) ++given_up_;
    co_await late_strand_.wait();
  }
}

/// Its turn is over if it was lost, or taken from its user, while it was asked; one that somebody resets just now gets it after that.
Task Recovery::look_at(Grant& grant, bool& answers) {
  std::uint32_t header = 0;
  std::string busy;
  co_await host_.config.read(late_strand_, grant.id(), PCI_HEADER_TYPE, 1, header);
  if (std::erase(late_, &grant) == 0 || !grant.given()) co_return;
  answers = header != 0xff && grant.begin(true, busy);
  if (!answers) {
    ++late_looks_;
    late_.push_back(&grant);
    co_return;
  }
  pause_ = first_pause();
  co_await enable_ats(host_, late_strand_, grant.function());
  grant.end();
}

// --- the reset of a PF ---------------------------------------------------------------------------------------

Task Recovery::reset(unsigned pf, std::string& refusal) {
  if (std::exchange(resetting_, true)) {
    refusal = "a PF is being reset already";
    co_return;
  }
  if (!lock.try_acquire(admin_)) co_await lock.acquire(admin_);
  const software::Owner* owner = host_.functions.owners().owner_of({pf, 0});
  if (pf >= host_.pfs.size() || !host_.pfs[pf])
    refusal = "the host has no driver of the PF" + (owner ? ", it belongs to " + owner->text() : std::string());
  else if (!host_.functions.pf(pf).present)
    refusal = "the function is not there";
  else
    co_await reset_function(pf, refusal);
  lock.release();
  resetting_ = false;
}

Task Recovery::reset_function(unsigned pf, std::string& refusal) {
  const software::PciFunction& f = host_.functions.pf(pf);
  const auto index = static_cast<unsigned>(&f - host_.tree.functions.data());
  bool answers = false;
  co_await host_.pfs[pf]->driver().quiesce(admin_);
  software::FunctionReset reset(host_.timeline, host_.config, host_.functions.policy());
  co_await reset.run(admin_, {f.id, f.express, f.msix, f.ats}, answers);
  lose(pf);
  if (!answers) {
    refusal = "the function does not answer";
    co_return;
  }
  co_await reset.restore(admin_, {});
  co_await host_.scan.configure_again(admin_, host_.tree, index);
  co_await bring_back(admin_, pf);
}

}  // namespace iov::io_path
