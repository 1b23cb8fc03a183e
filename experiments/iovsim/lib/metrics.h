// SPDX-License-Identifier: Apache-2.0
/// The names of the results: the headline metrics that every run reports (a contract with whoever
/// reads table.csv) and the breakdowns, flattened to one column per part.
///
/// Units  in the names.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace iov::experiment {

/// Of a platform with workload and VMs, in the order of table.csv.
const std::vector<std::string>& contract_metrics();
/// Of a DMA microbenchmark. Which of the two a point has, its first name tells.
const std::vector<std::string>& dma_metrics();

/// Both, each name once.
std::vector<std::string> headline_metrics();

/// Whether a name may be a part of a breakdown, e.g. "exits_mmio" or "stage_wire_ns".
bool is_breakdown(const std::string& name);

/// A value of a table: a number or a text.
struct Cell {
  std::string text;      ///< as printed; empty: missing
  double number = 0;     ///< not a number when the text is none
};
Cell cell_of(double value);
Cell cell_of(const nlohmann::ordered_json& value);

/// The summary as columns: contract metrics first, then everything else in its own order, parts of
/// breakdowns under their short names. Provenance stays out.
std::vector<std::pair<std::string, Cell>> columns_of(const nlohmann::ordered_json& summary);

}  // namespace iov::experiment
