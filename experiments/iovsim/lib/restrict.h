// SPDX-License-Identifier: Apache-2.0
/// What --set leaves of a sweep, so that no row of the table says what its point did not have.
///
/// A value of an axis is left out when --set says otherwise in a key that all values of the axis set, in every key that the
/// value sets, or so that the value would be the same as another one. When none is left, an axis over one key has the value
/// of --set instead; any other is refused. A value that --set changes only in part keeps its row.
#pragma once
#include <string>
#include <vector>

#include "experiments/iovsim/lib/experiment.h"

namespace iov::experiment {

/// Takes values out of the axes and remembers them in `left_out`.
/// @return what to tell the user: one line per axis that is not as the file has it
std::vector<std::string> restrict_sweep(Experiment& experiment, const std::vector<Override>& last_word,
                                        platform::ProblemSink& problems);

/// Which value that was left out this claim speaks of, as "path=native"; empty when it speaks of none.
std::string left_out_of(const Experiment& experiment, const Claim& claim);

}  // namespace iov::experiment
