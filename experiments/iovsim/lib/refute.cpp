// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>

#include "experiments/iovsim/lib/table.h"

namespace iov::experiment {

namespace {

using Relation = Claim::Relation;
using Row = Table::Row;
using Labels = Table::Labels;

std::string shown(double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.6g", value);
  return std::isnan(value) ? "(no value)" : buffer;
}

std::string shown(const Labels& labels, const std::string& without = {}) {
  std::string text;
  for (const auto& [axis, label] : labels)
    if (axis != without) text += (text.empty() ? "" : ", ") + axis + "=" + label;
  return text.empty() ? "the only point" : text;
}

/// Missing values and what comes of a division by zero never hold.
bool holds(Relation relation, double left, double right, double tolerance) {
  if (!std::isfinite(left) || !std::isfinite(right)) return false;
  switch (relation) {
    case Relation::less: return left < right;
    case Relation::less_equal: return left <= right;
    case Relation::greater: return left > right;
    case Relation::greater_equal: return left >= right;
    case Relation::equal: return left == right;
    case Relation::unequal: return left != right;
    default: return std::abs(left - right) <= tolerance * std::abs(right);
  }
}

bool holds(Relation relation, const std::string& left, const std::string& right) {
  if (left.empty()) return false;
  if (relation == Relation::starts) return left.starts_with(right);
  return (left == right) == (relation == Relation::equal);
}

bool speaks_of(const Claim& claim, const Row& row) {
  return std::all_of(claim.where.begin(), claim.where.end(), [&](const auto& condition) {
    return std::any_of(row.labels.begin(), row.labels.end(), [&](const auto& axis) {
      return axis.first == condition.first &&
             std::find(condition.second.begin(), condition.second.end(), axis.second) != condition.second.end();
    });
  });
}

/// The labels of the row that a reference means, seen from `row`.
Labels meant(const Row& row, const Reference& reference) {
  Labels labels = row.labels;
  for (const auto& [axis, label] : reference.at)
    for (auto& [name, value] : labels)
      if (name == axis) value = label;
  return labels;
}

/// The axes that every reference fixes say nothing about where a claim broke.
Labels free_labels(const Row& row, const std::vector<Reference>& references) {
  Labels labels;
  for (const auto& axis : row.labels) {
    const bool fixed = !references.empty() && std::all_of(references.begin(), references.end(), [&](const Reference& r) {
      return std::any_of(r.at.begin(), r.at.end(), [&](const auto& at) { return at.first == axis.first; });
    });
    if (!fixed) labels.push_back(axis);
  }
  return labels;
}

/// Gathers counterexamples and keeps the message short.
class Counterexamples {
 public:
  void add(const std::string& text) {
    if (++count_ <= 3) text_ += "\n    " + text;
  }
  std::optional<std::string> result() const {
    if (count_ == 0) return std::nullopt;
    return text_ + (count_ > 3 ? "\n    and at " + std::to_string(count_ - 3) + " more" : "");
  }

 private:
  std::size_t count_ = 0;
  std::string text_;
};

double evaluate(const Expression& expression, const Row& row, const Table& table) {
  return expression.evaluate([&](const Reference& reference) {
    const Row* other = table.find(meant(row, reference));
    return other ? Table::value(*other, reference.name) : std::numeric_limits<double>::quiet_NaN();
  });
}

const char* sign_of(Relation relation) {
  constexpr const char* signs[] = {"<", "<=", ">", ">=", "==", "!=", "within tolerance of", "starts with"};
  return signs[static_cast<std::size_t>(relation)];
}

/// What is wrong with a comparison, seen from `row`; nothing when it holds.
std::optional<std::string> refute_at(const Claim& claim, const Row& row, const Table& table) {
  const std::string sign = std::string(" ") + sign_of(claim.relation) + " ";
  if (claim.right_text) {
    const Row* other = table.find(meant(row, *claim.left.reference()));
    const std::string left = other ? Table::text(*other, claim.left.reference()->name) : std::string();
    if (holds(claim.relation, left, *claim.right_text)) return std::nullopt;
    return "not " + (left.empty() ? "(no value)" : "'" + left + "'") + sign + "'" + *claim.right_text + "'";
  }
  const double left = evaluate(claim.left, row, table), right = evaluate(*claim.right, row, table);
  if (holds(claim.relation, left, right, claim.tolerance)) return std::nullopt;
  return "not " + shown(left) + sign + shown(right);
}

std::optional<std::string> refute_comparison(const Claim& claim, const Table& table, std::size_t& looked_at) {
  const auto references = claim.references();
  std::set<std::string> seen;
  Counterexamples counterexamples;
  for (const Row& row : table.rows()) {
    if (!speaks_of(claim, row)) continue;
    const Labels where = free_labels(row, references);
    if (!seen.insert(shown(where)).second) continue;
    ++looked_at;
    if (const auto wrong = refute_at(claim, row, table)) counterexamples.add("at " + shown(where) + ": " + *wrong);
  }
  return counterexamples.result();
}

/// One run along the axis, all other axes fixed; `labels` names one of its points.
void refute_run(const Claim& claim, const Table& table, const Axis& axis, Labels labels, Counterexamples& found) {
  const double sign = claim.relation == Relation::rises ? 1 : -1;
  double first = 0, last = 0;
  std::string last_label;
  for (const AxisValue& value : axis.values) {
    for (auto& [name, label] : labels)
      if (name == axis.name) label = value.label;
    const Row* row = table.find(labels);
    if (!row || !speaks_of(claim, *row)) continue;
    const double now = evaluate(claim.left, *row, table);
    if (!std::isfinite(now)) return found.add("at " + shown(labels) + ": " + shown(now));
    if (last_label.empty()) first = now;
    else if (sign * (now - last) < 0)
      return found.add("at " + shown(labels, axis.name) + ": " + shown(last) + " at " + last_label + ", then " +
                       shown(now) + " at " + value.label);
    last = now, last_label = value.label;
  }
  if (sign * (last - first) <= 0) found.add("at " + shown(labels, axis.name) + ": stays " + shown(last));
}

std::optional<std::string> refute_trend(const Claim& claim, const Table& table, std::size_t& looked_at) {
  const auto axis = std::find_if(table.axes().begin(), table.axes().end(), [&](const Axis& a) { return a.name == claim.axis; });
  std::set<std::string> seen;
  Counterexamples counterexamples;
  for (const Row& row : table.rows()) {
    if (axis == table.axes().end() || !speaks_of(claim, row)) continue;
    if (!seen.insert(shown(row.labels, claim.axis)).second) continue;
    ++looked_at;
    refute_run(claim, table, *axis, row.labels, counterexamples);
  }
  return counterexamples.result();
}

}  // namespace

std::optional<std::string> refute(const Claim& claim, const Table& table) {
  const bool trend = claim.relation == Relation::rises || claim.relation == Relation::falls;
  std::size_t looked_at = 0;
  auto refuted = trend ? refute_trend(claim, table, looked_at) : refute_comparison(claim, table, looked_at);
  if (looked_at == 0) return "\n    speaks of no point";
  return refuted;
}

}  // namespace iov::experiment
