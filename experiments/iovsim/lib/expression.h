// SPDX-License-Identifier: Apache-2.0
/// Expressions over the results of points: + - * / ( ) min max abs, numbers, and names of values,
/// "throughput_gbps" or "nic0.dma_engine.reads.count". A name may pick other points of the sweep:
/// "throughput_gbps[path=native, size=64]" is the value at the point that differs from the present
/// one in these axes only.
///
/// Not a number (0/0, a missing value) is carried through; whoever asked decides what it means.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "experiments/iovsim/lib/lexer.h"

namespace iov::experiment {

struct Reference {
  std::string name;
  std::vector<std::pair<std::string, std::string>> at;  ///< axis, label
  std::string text() const;
};

class Expression {
 public:
  /// The value behind a reference, at the point under evaluation.
  using Lookup = std::function<double(const Reference&)>;

  /// Reads as far as the grammar goes. @throws SyntaxError
  static Expression parse(Lexer& lexer);
  /// The whole text. @throws SyntaxError
  static Expression parse(const std::string& text);

  double evaluate(const Lookup& lookup) const;
  /// When it is nothing but a name; else null.
  const Reference* reference() const;
  /// Every reference in it, left to right.
  std::vector<Reference> references() const;
  const std::string& text() const { return text_; }

  struct Node;

 private:
  std::shared_ptr<const Node> root_;
  std::string text_;
};

}  // namespace iov::experiment
