// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/expression.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace iov::experiment {

using NodeRef = std::shared_ptr<const Expression::Node>;

struct Expression::Node {
  enum class Kind { number, reference, negate, add, subtract, multiply, divide, minimum, maximum, absolute };
  Kind kind;
  double number = 0;
  Reference reference;
  std::vector<NodeRef> parts;
};

namespace {

using Node = Expression::Node;
using Kind = Node::Kind;

NodeRef node(Kind kind, std::vector<NodeRef> parts) { return std::make_shared<Node>(Node{kind, 0, {}, std::move(parts)}); }

NodeRef parse_sum(Lexer& lexer);

std::vector<NodeRef> parse_arguments(Lexer& lexer) {
  std::vector<NodeRef> arguments;
  lexer.expect("(");
  do arguments.push_back(parse_sum(lexer));
  while (lexer.take_if(","));
  lexer.expect(")");
  return arguments;
}

std::optional<Kind> function_named(const std::string& word) {
  if (word == "min") return Kind::minimum;
  if (word == "max") return Kind::maximum;
  if (word == "abs") return Kind::absolute;
  return std::nullopt;
}

NodeRef parse_name(Lexer& lexer) {
  Reference reference{lexer.take().text, {}};
  if (lexer.peek().text == "(") {
    const auto function = function_named(reference.name);
    if (!function) lexer.fail("\"" + reference.name + "\" is not a function (min, max or abs)");
    auto arguments = parse_arguments(lexer);
    if (function == Kind::absolute && arguments.size() != 1) lexer.fail("abs takes one value");
    return node(*function, std::move(arguments));
  }
  if (lexer.take_if("[")) {
    do {
      if (lexer.peek().type != Lexer::Type::word) lexer.fail("expected the name of an axis");
      const std::string axis = lexer.take().text;
      if (lexer.peek().text != "=") lexer.fail("expected \"=\"");
      lexer.expect("=");
      reference.at.emplace_back(axis, lexer.take_label(",]"));
    } while (lexer.take_if(","));
    lexer.expect("]");
  }
  return std::make_shared<Node>(Node{Kind::reference, 0, std::move(reference), {}});
}

NodeRef parse_primary(Lexer& lexer) {
  lexer.count_term();
  if (lexer.take_if("-")) return node(Kind::negate, {parse_primary(lexer)});
  if (lexer.take_if("(")) {
    NodeRef inner = parse_sum(lexer);
    lexer.expect(")");
    return inner;
  }
  if (lexer.peek().type == Lexer::Type::number)
    return std::make_shared<Node>(Node{Kind::number, lexer.take().number, {}, {}});
  if (lexer.peek().type == Lexer::Type::word) return parse_name(lexer);
  lexer.fail("expected a value");
}

NodeRef parse_product(Lexer& lexer) {
  NodeRef left = parse_primary(lexer);
  for (;;) {
    if (lexer.take_if("*")) left = node(Kind::multiply, {left, parse_primary(lexer)});
    else if (lexer.take_if("/")) left = node(Kind::divide, {left, parse_primary(lexer)});
    else return left;
  }
}

NodeRef parse_sum(Lexer& lexer) {
  NodeRef left = parse_product(lexer);
  for (;;) {
    if (lexer.take_if("+")) left = node(Kind::add, {left, parse_product(lexer)});
    else if (lexer.take_if("-")) left = node(Kind::subtract, {left, parse_product(lexer)});
    else return left;
  }
}

double value_of(const Node& n, const Expression::Lookup& lookup) {
  if (n.kind == Kind::number) return n.number;
  if (n.kind == Kind::reference) return lookup(n.reference);
  std::vector<double> v;
  for (const NodeRef& part : n.parts) v.push_back(value_of(*part, lookup));
  for (double one : v)
    if (std::isnan(one)) return one;
  switch (n.kind) {
    case Kind::negate: return -v[0];
    case Kind::add: return v[0] + v[1];
    case Kind::subtract: return v[0] - v[1];
    case Kind::multiply: return v[0] * v[1];
    case Kind::divide: return v[0] / v[1];
    case Kind::minimum: return *std::min_element(v.begin(), v.end());
    case Kind::maximum: return *std::max_element(v.begin(), v.end());
    default: return std::abs(v[0]);
  }
}

void collect(const Node& n, std::vector<Reference>& found) {
  if (n.kind == Kind::reference) found.push_back(n.reference);
  for (const NodeRef& part : n.parts) collect(*part, found);
}

}  // namespace

std::string Reference::text() const {
  std::string text = name;
  for (std::size_t i = 0; i < at.size(); ++i) text += (i ? ", " : "[") + at[i].first + "=" + at[i].second;
  return at.empty() ? text : text + "]";
}

Expression Expression::parse(Lexer& lexer) {
  Expression expression;
  const std::size_t from = lexer.position();
  expression.root_ = parse_sum(lexer);
  expression.text_ = lexer.between(from, lexer.position());
  return expression;
}

Expression Expression::parse(const std::string& text) {
  Lexer lexer(text);
  Expression expression = parse(lexer);
  if (lexer.peek().type != Lexer::Type::end) lexer.fail("expected + - * / or the end");
  return expression;
}

double Expression::evaluate(const Lookup& lookup) const { return value_of(*root_, lookup); }

const Reference* Expression::reference() const { return root_->kind == Kind::reference ? &root_->reference : nullptr; }

std::vector<Reference> Expression::references() const {
  std::vector<Reference> found;
  collect(*root_, found);
  return found;
}

}  // namespace iov::experiment
