// SPDX-License-Identifier: Apache-2.0
#include "models/workload/time_line.h"

namespace iov::workload {

void TimeLine::reach(const Time& now) {
  if (closed_) return;
  if (cells_.empty()) cells_.resize(vms_);
  while (now >= end_) {
    end_ += interval_;
    cells_.resize(cells_.size() + vms_);
  }
}

void TimeLine::close(const Time& now) {
  reach(now);
  const Time begun = end_ - interval_;
  if (now == begun && cells_.size() > vms_) cells_.resize(cells_.size() - vms_);  // of no length
  last_end_ = now - origin_;
  closed_ = true;
}

}  // namespace iov::workload
