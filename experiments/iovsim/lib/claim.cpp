// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/claim.h"

#include <utility>

namespace iov::experiment {

namespace {

using Relation = Claim::Relation;

std::optional<Relation> comparison(const std::string& sign) {
  static constexpr std::pair<const char*, Relation> signs[] = {
      {"<", Relation::less},           {"<=", Relation::less_equal}, {">", Relation::greater},
      {">=", Relation::greater_equal}, {"==", Relation::equal},      {"!=", Relation::unequal}};
  for (const auto& [text, relation] : signs)
    if (sign == text) return relation;
  return std::nullopt;
}

void parse_text(Lexer& lexer, Claim& claim) {
  if (lexer.peek().type != Lexer::Type::text) lexer.fail("expected a text in quotes, as in 'host.core0'");
  if (claim.relation != Relation::equal && claim.relation != Relation::unequal && claim.relation != Relation::starts)
    lexer.fail("a text is compared by ==, != or \"starts with\", not by size,");
  if (!claim.left.reference()) lexer.fail("a text is compared with one name, not with an expression,");
  claim.right_text = lexer.take().text;
}

void parse_relation(Lexer& lexer, Claim& claim) {
  const bool word = lexer.peek().type == Lexer::Type::word, sign = lexer.peek().type == Lexer::Type::sign;
  if (const auto relation = sign ? comparison(lexer.peek().text) : std::nullopt) {
    lexer.take();
    claim.relation = *relation;
    if (lexer.peek().type == Lexer::Type::text) parse_text(lexer, claim);
    else claim.right = Expression::parse(lexer);
  } else if (lexer.take_if("starts")) {
    lexer.expect("with");
    claim.relation = Relation::starts;
    parse_text(lexer, claim);
  } else if (lexer.take_if("within")) {
    claim.relation = Relation::within;
    if (lexer.peek().type != Lexer::Type::number) lexer.fail("expected a number of percent");
    claim.tolerance = lexer.take().number / 100;
    lexer.expect("%");
    lexer.expect("of");
    claim.right = Expression::parse(lexer);
  } else if (word && (lexer.peek().text == "rises" || lexer.peek().text == "falls")) {
    claim.relation = lexer.take().text == "rises" ? Relation::rises : Relation::falls;
    lexer.expect("with");
    if (lexer.peek().type != Lexer::Type::word) lexer.fail("expected the name of an axis");
    claim.axis = lexer.take().text;
  } else {
    lexer.fail("expected < <= > >= == !=, \"within N % of\", \"starts with\", \"rises with\" or \"falls with\"");
  }
}

void parse_where(Lexer& lexer, Claim& claim) {
  do {
    if (lexer.peek().type != Lexer::Type::word) lexer.fail("expected the name of an axis");
    auto& [axis, labels] = claim.where.emplace_back(lexer.take().text, std::vector<std::string>());
    if (lexer.peek().text != "=") lexer.fail("expected \"=\"");
    do {
      lexer.take();  // "=" or "|"
      labels.push_back(lexer.take_label(",|"));
    } while (lexer.peek().text == "|");
  } while (lexer.take_if(","));
}

}  // namespace

Claim Claim::parse(const std::string& text) {
  Lexer lexer(text);
  Claim claim;
  claim.text = text;
  claim.left = Expression::parse(lexer);
  parse_relation(lexer, claim);
  if (lexer.take_if("where")) parse_where(lexer, claim);
  if (lexer.peek().type != Lexer::Type::end) lexer.fail("expected \"where\" or the end");
  return claim;
}

std::vector<Reference> Claim::references() const {
  std::vector<Reference> found = left.references();
  if (right)
    for (Reference& reference : right->references()) found.push_back(std::move(reference));
  return found;
}

}  // namespace iov::experiment
