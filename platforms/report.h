// SPDX-License-Identifier: Apache-2.0
/// What a finished window says: headline metrics, breakdowns, statistics. Ratios are derived here, from counts.
///
/// Per packet  means per packet delivered in the window, both ways together.
/// Units       in the metric names; *_per_packet are numbers.
#pragma once
#include "platforms/simulation.h"

namespace iov::platform {

class Machine;

/// @pre the window has ended and nothing ran since
PointResult report(Machine& machine);

}  // namespace iov::platform
