// SPDX-License-Identifier: Apache-2.0
/// Table -- the results of an experiment, one row per point: what table.csv holds and what claims
/// speak about.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "experiments/iovsim/lib/claim.h"
#include "experiments/iovsim/lib/experiment.h"
#include "experiments/iovsim/lib/metrics.h"

namespace iov::experiment {

class Table {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;  ///< axis, label; "seed" last when there are several
  struct Row {
    Labels labels;
    std::map<std::string, Cell> cells;  ///< empty: the point gave no result
  };

  explicit Table(const Experiment& experiment);

  /// @param columns  of the point's summary, then what was collected
  void add(const Point& point, const std::vector<std::pair<std::string, Cell>>& columns);

  std::string csv() const;
  /// Headline columns side by side, for people.
  std::string aligned() const;

  /// Names of more than one column: an axis or a collected value has the name of a result.
  const std::set<std::string>& ambiguous() const { return ambiguous_; }
  const std::vector<Row>& rows() const { return rows_; }
  const std::vector<Axis>& axes() const { return axes_; }
  /// The row with these labels; nullptr when there is none.
  const Row* find(const Labels& labels) const;
  /// A result, or the number in an axis label; not a number when missing.
  static double value(const Row& row, const std::string& name);
  /// As printed; empty when missing.
  static std::string text(const Row& row, const std::string& name);

 private:
  std::vector<std::string> header() const;
  const std::vector<std::string>& metrics() const;  ///< the contract that the points follow
  std::vector<Axis> axes_;
  bool several_seeds_;
  std::vector<std::string> collected_;
  std::vector<std::string> others_;  ///< every other column, in order of appearance
  std::vector<Row> rows_;
  std::set<std::string> ambiguous_;
};

/// Nothing when the claim holds at every point it speaks of, else where it does not.
std::optional<std::string> refute(const Claim& claim, const Table& table);

}  // namespace iov::experiment
