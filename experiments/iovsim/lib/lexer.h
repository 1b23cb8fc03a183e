// SPDX-License-Identifier: Apache-2.0
/// Words, numbers, signs and quoted texts ('...' or "...") of expressions and claims.
#pragma once
#include <stdexcept>
#include <string>

namespace iov::experiment {

struct SyntaxError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Lexer {
 public:
  enum class Type { end, number, word, sign, text };
  struct Token {
    Type type = Type::end;
    std::string text;  ///< without quotes
    double number = 0;
  };

  explicit Lexer(std::string text) : text_(std::move(text)) { advance(); }

  const Token& peek() const { return token_; }
  Token take();
  bool take_if(const std::string& text);  ///< a word or sign
  void expect(const std::string& text);
  /// Everything up to one of `stops`, trimmed: labels need no quotes.
  std::string take_label(const std::string& stops);
  /// Where the present token starts, and the text between two such places.
  std::size_t position() const { return start_; }
  std::string between(std::size_t from, std::size_t to) const;
  /// A term of an expression begins; there are only so many in one: what nests or follows them recurses.
  void count_term() {
    if (++terms_ > most_terms) fail("has more than " + std::to_string(most_terms) + " terms");
  }
  [[noreturn]] void fail(const std::string& what) const;

 private:
  static constexpr unsigned most_terms = 1000;
  void advance();
  void read_quoted();
  std::string text_;
  std::size_t start_ = 0, next_ = 0;
  unsigned terms_ = 0;
  Token token_;
};

}  // namespace iov::experiment
