// SPDX-License-Identifier: Apache-2.0
#include "experiments/iovsim/lib/lexer.h"

#include <cctype>
#include <charconv>

namespace iov::experiment {

namespace {
bool starts_word(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool in_word(char c) { return starts_word(c) || std::isdigit(static_cast<unsigned char>(c)) || c == '.'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

std::string without_blanks(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\n");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}
}  // namespace

void Lexer::advance() {
  while (next_ < text_.size() && is_blank(text_[next_])) ++next_;
  start_ = next_;
  token_ = {};
  if (start_ == text_.size()) return;
  const char c = text_[start_];
  if (c == '\'' || c == '"') return read_quoted();
  if (starts_word(c)) {
    while (next_ < text_.size() && in_word(text_[next_])) ++next_;
    token_.type = Type::word;
  } else if (std::isdigit(static_cast<unsigned char>(c)) || c == '.') {
    const auto [end, error] = std::from_chars(text_.data() + start_, text_.data() + text_.size(), token_.number);
    if (error != std::errc()) fail("not a number");
    next_ = static_cast<std::size_t>(end - text_.data());
    token_.type = Type::number;
  } else {
    const bool two = text_.size() > start_ + 1 && text_[start_ + 1] == '=' && std::string("<>=!").find(c) != std::string::npos;
    next_ += two ? 2 : 1;
    token_.type = Type::sign;
  }
  token_.text = text_.substr(start_, next_ - start_);
}

void Lexer::read_quoted() {
  const auto end = text_.find(text_[start_], start_ + 1);
  if (end == std::string::npos) fail("a text without its second quote");
  token_.type = Type::text;
  token_.text = text_.substr(start_ + 1, end - start_ - 1);
  next_ = end + 1;
}

Lexer::Token Lexer::take() {
  Token taken = token_;
  advance();
  return taken;
}

bool Lexer::take_if(const std::string& text) {
  if ((token_.type != Type::word && token_.type != Type::sign) || token_.text != text) return false;
  advance();
  return true;
}

void Lexer::expect(const std::string& text) {
  if (!take_if(text)) fail("expected \"" + text + "\"");
}

std::string Lexer::take_label(const std::string& stops) {
  const auto stop = text_.find_first_of(stops, start_);
  next_ = stop == std::string::npos ? text_.size() : stop;
  std::string label = without_blanks(text_.substr(start_, next_ - start_));
  if (label.empty()) fail("expected a value");
  advance();
  return label;
}

std::string Lexer::between(std::size_t from, std::size_t to) const { return without_blanks(text_.substr(from, to - from)); }

void Lexer::fail(const std::string& what) const {
  const auto brief = [](const std::string& all) { return all.size() > 200 ? all.substr(0, 200) + " ..." : all; };
  const std::string where = start_ >= text_.size() ? "at the end" : "at \"" + brief(text_.substr(start_)) + "\"";
  throw SyntaxError("\"" + brief(text_) + "\": " + what + " " + where);
}

}  // namespace iov::experiment
