// SPDX-License-Identifier: Apache-2.0
/// iovsim translate: what does the IOMMU do with this access?
#pragma once
#include <string>
#include <vector>

#include "experiments/iovsim/lib/program.h"

namespace iov::experiment {

struct TranslateRequest {
  std::string file;  ///< a platform (or an experiment of one point), or a dump with registers and memory
  std::vector<std::string> set;
  std::string requester, pasid, address, at = "untranslated", after = "0 ns";
  std::vector<std::string> msi;  ///< address and data
  bool write = false, execute = false, json = false;
};

/// A dump's own requests are answered one JSON object per line; a question of the command line with every table entry.
int translate(const Program& program, const TranslateRequest& request);

}  // namespace iov::experiment
