// SPDX-License-Identifier: Apache-2.0
/// What a finished window of a DMA microbenchmark says. Ratios are derived here, from counts.
///
/// Bandwidth    payload bytes each way, as in pcie-bench: transactions per second times transfer_size; with pattern
///              read_write as many bytes go the other way as well. read_gbps and write_gbps stand beside it.
/// Latency      of a transaction, from its start in the device to its end there.
/// Per transaction  walks and their table reads; a write_then_read is one transaction.
#pragma once
#include "platforms/simulation.h"

namespace iov::platform {

class DmaMachine;

/// @param begin  of the window, which has just ended
PointResult report(DmaMachine& machine, const Time& begin);

}  // namespace iov::platform
