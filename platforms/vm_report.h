// SPDX-License-Identifier: Apache-2.0
/// What a finished window says about each VM, and how evenly they shared.
///
/// Fairness  Jain's index of the VMs' delivered bytes: 1 all alike, 1 / n one has everything (Jain, Chiu, Hawe: A
///           Quantitative Measure of Fairness, DEC TR-301, 1984).
#pragma once
#include "platforms/simulation.h"

namespace iov::platform {

class Machine;

/// Fills in result.vms, result.time_line and the metrics over all VMs.
void report_vms(PointResult& result, const Machine& machine);

}  // namespace iov::platform
