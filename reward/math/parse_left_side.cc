// What stands before "=" and only names a value: P(A|B), E[X], f^{-1}(x),
// dy/dx, |A|, \lim a_n. It is one symbol, whatever is written in it.
#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "reward/math/parser.h"
#include "reward/math/symbols.h"

namespace r1::math {
namespace {

constexpr size_t kMaxSideTokens = 60;

bool IsOneOf(absl::string_view word,
             std::initializer_list<absl::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool IsOpening(const Token& token) {
  return token.kind == TokenKind::kSymbol &&
         IsOneOf(token.text, {"(", "[", "{", "\\{"});
}

bool IsClosing(const Token& token) {
  return token.kind == TokenKind::kSymbol &&
         IsOneOf(token.text, {")", "]", "}", "\\}"});
}

// LaTeX that is lexed to the same token.
std::string Spelled(const Token& token) {
  switch (token.kind) {
    case TokenKind::kCommand:
      return absl::StrCat("\\", token.text, " ");
    case TokenKind::kText:
      return absl::StrCat("\\text{", token.text, "}");
    case TokenKind::kSymbol:
      if (token.text == "deg") return "\\circ ";
      if (token.text == "mid") return "|";  // P(A \mid B)
      if (token.text == "<=") return "\\le ";
      if (token.text == ">=") return "\\ge ";
      return absl::ascii_isalpha(token.text[0])
                 ? absl::StrCat("\\", token.text, " ")
                 : token.text;
    default:
      return token.text;
  }
}

// The tokens of a left side, and how they are read.
class LeftSide {
 public:
  explicit LeftSide(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  bool IsName() const {
    return IsOperator() || IsApplied() || IsDerivative() || IsMeasure() ||
           IsMarked();
  }

  std::string Text() const {
    std::string text;
    for (const Token& token : tokens_) text += Spelled(token);
    while (absl::EndsWith(text, " ")) text.pop_back();
    return text;
  }

 private:
  bool Is(size_t at, absl::string_view text) const {
    return at < tokens_.size() && tokens_[at].text == text;
  }
  bool IsKind(size_t at, TokenKind kind) const {
    return at < tokens_.size() && tokens_[at].kind == kind;
  }

  // After the bracket that opens at `at`.
  size_t AfterGroup(size_t at) const {
    int depth = 0;
    for (; at < tokens_.size(); ++at) {
      if (IsOpening(tokens_[at])) ++depth;
      if (IsClosing(tokens_[at]) && --depth == 0) return at + 1;
    }
    return at;
  }

  // After the marks of a name: primes, _n, ^{-1}.
  size_t AfterMarks(size_t at) const {
    while (at < tokens_.size()) {
      if (Is(at, "'")) {
        ++at;
      } else if (Is(at, "_") || Is(at, "^")) {
        at = Is(at + 1, "{") ? AfterGroup(at + 1) : at + 2;
      } else {
        break;
      }
    }
    return at;
  }

  bool HasOuterSign() const {
    int depth = 0;
    for (const Token& token : tokens_) {
      if (IsOpening(token)) ++depth;
      if (IsClosing(token)) --depth;
      if (depth == 0 && IsOneOf(token.text, {"+", "-"})) return true;
    }
    return false;
  }

  // \lim a_n, \sum a_k, \min f(x), \nabla f: of letters.
  bool IsOperator() const {
    if (tokens_[0].kind != TokenKind::kCommand ||
        !IsOneOf(tokens_[0].text,
                 {"lim", "sum", "prod", "int", "max", "min", "det", "dim", "tr",
                  "sup", "inf", "nabla", "partial"})) {
      return false;
    }
    // \max f + 1 is a sum; those of an integrand or a limit are inside.
    if (!IsOneOf(tokens_[0].text, {"lim", "sum", "int"}) && HasOuterSign()) {
      return false;
    }
    return std::any_of(tokens_.begin() + 1, tokens_.end(), [](const auto& t) {
      return t.kind == TokenKind::kName ||
             (t.kind == TokenKind::kCommand && IsGreek(t.text));
    });
  }

  // After (f \circ g), (f+g), (fg): 0 for something else.
  size_t AfterComposition() const {
    const size_t end = Is(0, "(") ? AfterGroup(0) : 0;
    if (end < 4) return 0;
    bool has_function = false;
    for (size_t at = 1; at + 1 < end; ++at) {
      const bool is_function =
          IsKind(at, TokenKind::kName) &&
          absl::StrContains("fghFGH", tokens_[at].text.substr(0, 1));
      has_function |= is_function;
      if (!is_function &&
          !IsOneOf(tokens_[at].text, {"deg", "+", "-", "*", "/"})) {
        return 0;
      }
    }
    return has_function ? end : 0;
  }

  // P(X = 2), E[X], Var(X), (f \circ g)(x), f^{-1}(x), Y(x): a name and one
  // bracket, which is no factor.
  bool IsApplied() const {
    size_t at = 0;
    std::string head;
    bool is_composed = false;
    if (const size_t composed = AfterComposition(); composed > 0) {
      is_composed = true;
      at = composed;
    } else if (IsKind(0, TokenKind::kCommand) && IsGreek(tokens_[0].text)) {
      head = tokens_[0].text.substr(0, 1);
      at = 1;
    } else if (Is(0, "mathbb")) {
      is_composed = true;
      at = Is(1, "{") ? AfterGroup(1) : 2;
    } else {
      while (IsKind(at, TokenKind::kName) || IsKind(at, TokenKind::kText) ||
             Is(at, "Pr")) {
        head += tokens_[at++].text;
      }
      if (head.empty()) return false;
    }
    const size_t marks = at;
    at = AfterMarks(at);
    if (!(Is(at, "(") || Is(at, "[")) || AfterGroup(at) != tokens_.size()) {
      return false;
    }
    if (is_composed) return true;
    const auto begin = tokens_.begin() + at + 1;
    const auto end = tokens_.end() - 1;
    const bool has_event = std::any_of(begin, end, [](const Token& token) {
      return token.kind == TokenKind::kSymbol &&
             IsOneOf(token.text, {"=", "<", ">", "<=", ">=", "!=", "|", "mid",
                                  "cap", "cup", "'"});
    });
    // P(\bar{A}), P(\text{red}), E[X^2].
    const bool has_variate = (head == "P" || head == "E") &&
                             std::any_of(begin, end, [](const Token& token) {
                               return token.kind == TokenKind::kText ||
                                      (token.kind == TokenKind::kName &&
                                       absl::ascii_isupper(token.text[0]));
                             });
    if (has_event || has_variate) return true;
    // d(A, B)
    const bool is_of_points =
        end - begin > 1 && std::all_of(begin, end, [](const Token& token) {
          return token.text == "," || (token.kind == TokenKind::kName &&
                                       absl::ascii_isupper(token.text[0]));
        });
    if (is_of_points) return true;
    const bool is_inverse = marks + 1 < at && Is(marks, "^");
    if (is_inverse) return true;
    if (IsOneOf(head, {"Var", "Cov", "Pr", "Area", "Vol", "rank", "span"})) {
      return true;
    }
    if (head.size() != 1 || end - begin != 1) return false;
    // One letter of one letter; f(x) is a call already.
    if (absl::StrContains("fghFGH", head)) return false;
    const bool is_upper = absl::ascii_isupper(head[0]);
    const Token& inside = *begin;
    if (inside.kind == TokenKind::kNumber) return head != "x";
    return inside.kind == TokenKind::kName && inside.text != head &&
           (is_upper || absl::ascii_isupper(inside.text[0]) ||
            IsOneOf(inside.text, {"t", "n", "x"}));
  }

  // \frac{d^2 y}{dx^2}, \frac{\partial f}{\partial x}, \frac{d}{dx} f(x).
  bool IsDerivative() const {
    if (!Is(0, "frac") || !Is(1, "{")) return false;
    const size_t bottom = AfterGroup(1);
    const auto is_differential = [this](size_t at) {
      return Is(at, "{") &&
             (Is(at + 1, "partial") || (IsKind(at + 1, TokenKind::kName) &&
                                        tokens_[at + 1].text[0] == 'd'));
    };
    return is_differential(1) && is_differential(bottom);
  }

  // |A|, |v|, but not |x| = 5, which is an equation.
  bool IsMeasure() const {
    const size_t n = tokens_.size();
    if (n < 3 || !Is(0, "|") || !Is(n - 1, "|")) return false;
    if (n == 3 && (Is(1, "x") || Is(1, "y"))) return false;
    return std::all_of(
        tokens_.begin() + 1, tokens_.end() - 1, [](const Token& token) {
          return token.kind == TokenKind::kName ||
                 token.kind == TokenKind::kCommand ||
                 IsOneOf(token.text, {"{", "}", "_", "cap", "cup", "setminus"});
        });
  }

  // A^{-1}, x^*, \sigma^2, R^2.
  bool IsMarked() const {
    size_t begin = 1;
    if (Is(1, "_")) begin = Is(2, "{") ? AfterGroup(2) : 3;  // \sigma_X^2
    if (!Is(begin, "^") || AfterMarks(1) != tokens_.size()) return false;
    std::string power;
    for (size_t at = begin + 1; at < tokens_.size(); ++at) {
      if (!Is(at, "{") && !Is(at, "}")) power += tokens_[at].text;
    }
    const std::string& head = tokens_[0].text;
    if (tokens_[0].kind == TokenKind::kName) {
      return power == "*" || (power == "2" && IsOneOf(head, {"R", "s"})) ||
             (absl::ascii_isupper(head[0]) &&
              IsOneOf(power, {"-1", "T", "top"}));
    }
    return (power == "*" && IsGreek(head)) ||
           (power == "2" && IsOneOf(head, {"sigma", "chi"}));
  }

  std::vector<Token> tokens_;
};

}  // namespace

NodePtr Parser::NamedSide() {
  int depth = 0;
  size_t end = at_;
  for (; end < at_ + kMaxSideTokens; ++end) {
    const Token& token = tokens_[std::min(end, tokens_.size() - 1)];
    if (token.kind == TokenKind::kEnd) return nullptr;
    if (IsOpening(token)) ++depth;
    if (IsClosing(token) && --depth < 0) return nullptr;
    if (depth > 0 || token.kind != TokenKind::kSymbol) continue;
    if (token.text == "=") break;
    if (IsOneOf(token.text, {",", ";", "or", "and", "==", "~", "&", "\\\\"})) {
      return nullptr;
    }
  }
  if (end == at_ || end == at_ + kMaxSideTokens) return nullptr;
  const LeftSide side({tokens_.begin() + at_, tokens_.begin() + end});
  if (!side.IsName()) return nullptr;
  at_ = end;
  return MakeNode(Kind::kSymbol, {}, side.Text());
}

}  // namespace r1::math
