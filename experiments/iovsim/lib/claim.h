// SPDX-License-Identifier: Apache-2.0
/// Claim -- one line of an experiment's "expect", checked over the finished table:
///
///   throughput_gbps <= 10                                               at every point
///   throughput_gbps[path=sriov] >= 0.9 * throughput_gbps[path=native]   at every combination of the
///                                                                       axes that are not named
///   latency_p50_ns within 5 % of latency_p50_ns[path=native]
///   binding_resource starts with 'host.core'                            a text: == != starts with
///   throughput_gbps rises with packet_bytes                             along the axis: never lower,
///   exits_per_packet falls with packet_bytes                            and higher (lower) at its end
///   ... where path=virtio|vhost, mode=transmit                          only at these points
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/iovsim/lib/expression.h"

namespace iov::experiment {

struct Claim {
  enum class Relation { less, less_equal, greater, greater_equal, equal, unequal, within, starts, rises, falls };
  std::string text;
  Relation relation = Relation::equal;
  Expression left;
  std::optional<Expression> right;       ///< of a comparison of numbers
  std::optional<std::string> right_text;  ///< of a comparison of texts; `left` is a name alone then
  double tolerance = 0;             ///< of `within`, as a share
  std::string axis;                 ///< of `rises` and `falls`
  std::vector<std::pair<std::string, std::vector<std::string>>> where;

  /// @throws SyntaxError
  static Claim parse(const std::string& text);
  std::vector<Reference> references() const;
};

}  // namespace iov::experiment
