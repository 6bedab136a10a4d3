#include "reward/steps/steps.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "reward/core/text.h"
#include "reward/countdown/expression.h"
#include "reward/steps/step_lexer.h"

namespace r1 {
namespace {

// Symbols without kEquals and kEnd among them: a side of an equation, with what
// stands beside it.
struct StepSide {
  std::vector<StepToken> tokens;
  bool opens_line = true;  // a sign may come first
  bool is_too_long = false;
};

struct StepStatement {
  size_t place;       // of its "=" or verb
  size_t begin, end;  // bytes into the text
  bool is_right;
};

using StepTokens = absl::Span<const StepToken>;

bool IsOperand(StepKind kind) {
  return kind == StepKind::kNumber || kind == StepKind::kStrange;
}

bool IsSign(const StepToken& token) {
  return !token.is_word && !IsOperand(token.kind);
}

bool IsMinus(const StepToken& token) {
  return token.op == '-' && !token.is_word;
}

// The end of a side, without what belongs to the text around it: "(so 7+3" and
// "1) 7+3" to 7+3.
StepTokens InnermostSuffix(StepTokens tokens) {
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    depth += tokens[i].kind == StepKind::kOpen;
    depth -= tokens[i].kind == StepKind::kClose;
    if (depth >= 0) continue;
    begin = i + 1;
    depth = 0;
  }
  tokens = tokens.subspan(begin);
  depth = 0;
  for (size_t i = tokens.size(); i > 0; --i) {
    depth += tokens[i - 1].kind == StepKind::kClose;
    depth -= tokens[i - 1].kind == StepKind::kOpen;
    if (depth < 0) return tokens.subspan(i);
  }
  return tokens;
}

// The beginning of a side: "10)" and "10 (as" to 10.
StepTokens InnermostPrefix(StepTokens tokens) {
  int depth = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    depth += tokens[i].kind == StepKind::kOpen;
    depth -= tokens[i].kind == StepKind::kClose;
    if (depth >= 0) continue;
    tokens = tokens.first(i);
    break;
  }
  depth = 0;
  size_t end = tokens.size();
  for (size_t i = tokens.size(); i > 0; --i) {
    depth += tokens[i - 1].kind == StepKind::kClose;
    depth -= tokens[i - 1].kind == StepKind::kOpen;
    if (depth >= 0) continue;
    end = i - 1;
    depth = 0;
  }
  return tokens.first(end);
}

bool HasOperator(StepTokens tokens) {
  // A sign at the front is none.
  return tokens.size() > 2 && absl::c_any_of(tokens.subspan(1), [](auto& t) {
           return t.kind == StepKind::kOperator;
         });
}

class StepReader {
 public:
  explicit StepReader(absl::string_view text) : text_(text) {}

  // The statements in their order; `has_thousands`: whether another reading of
  // its commas may find others.
  std::vector<StepStatement> Read(bool joins_thousands, bool* has_thousands);

 private:
  void Add(const StepToken& token);
  // Judges what stands around the last "=", and begins a new side.
  void EndSide();
  void JudgeSigns();
  void JudgeWords();
  // What of `tokens`, the end of left_, is an expression; empty for nothing.
  StepTokens LeftOf(StepTokens tokens) const;
  std::optional<mpq_class> Value(StepTokens tokens) const;
  void State(StepTokens left, StepTokens right);

  const absl::string_view text_;
  std::optional<StepToken> equals_;  // between left_ and right_
  StepSide left_, right_;
  std::vector<StepStatement> statements_;
};

std::vector<StepStatement> StepReader::Read(bool joins_thousands,
                                            bool* has_thousands) {
  StepLexer lexer(text_, joins_thousands);
  StepToken token;
  while (lexer.Next(&token)) Add(token);
  EndSide();
  *has_thousands = lexer.has_seen_thousands();
  return std::move(statements_);
}

void StepReader::Add(const StepToken& token) {
  if (token.kind == StepKind::kEquals) {
    EndSide();
    left_ = std::move(right_);
    right_ = StepSide();
    equals_ = token;
    return;
  }
  const auto begin_anew = [&](bool opens_line) {
    EndSide();
    equals_.reset();
    right_ = StepSide();
    right_.opens_line = opens_line;
  };
  if (token.kind == StepKind::kEnd) return begin_anew(token.opens_line);
  // Two numbers in a row, with white space between them, are two things.
  if (!right_.tokens.empty() && token.kind == StepKind::kNumber &&
      IsOperand(right_.tokens.back().kind) &&
      right_.tokens.back().end < token.begin) {
    begin_anew(false);
  }
  right_.is_too_long = right_.tokens.size() >= kMaxExpressionBytes;
  if (!right_.is_too_long) right_.tokens.push_back(token);
}

void StepReader::EndSide() {
  if (!equals_.has_value()) return;
  if (left_.is_too_long || right_.is_too_long) return;
  if (equals_->is_word) {
    JudgeWords();
  } else {
    JudgeSigns();
  }
}

StepTokens StepReader::LeftOf(StepTokens tokens) const {
  const StepTokens left = InnermostSuffix(tokens);
  if (left.empty() || left[0].kind != StepKind::kOperator) return left;
  // "x -3=4": an operator, whose other side is no number.
  if (left.size() == left_.tokens.size() && !left_.opens_line) return {};
  // "- 7+3=10": an item of a list.
  const bool is_item = left.size() > 1 && left[0].end < left[1].begin;
  return left.subspan(is_item ? 1 : 0);
}

void StepReader::JudgeSigns() {
  const auto is_word = [](const StepToken& token) { return token.is_word; };
  StepTokens left = left_.tokens, right = right_.tokens;
  const auto last_word = std::find_if(left.rbegin(), left.rend(), is_word);
  left = LeftOf(left.subspan(left.rend() - last_word));
  right = InnermostPrefix(right.first(
      std::find_if(right.begin(), right.end(), is_word) - right.begin()));
  if (left.empty() || right.empty()) return;
  if (HasOperator(left) || HasOperator(right)) State(left, right);
}

void StepReader::JudgeWords() {
  const StepTokens left = LeftOf(left_.tokens);
  const StepTokens right = right_.tokens;
  if (left.empty() || left[0].kind != StepKind::kNumber) return;
  if (!HasOperator(left) || absl::c_any_of(left, IsSign)) return;
  const size_t size = !right.empty() && IsMinus(right[0]) ? 2 : 1;
  if (right.size() < size) return;
  // "make 10-2" does not say what they make.
  if (right.size() > size && !right[size].is_word &&
      (right[size].kind == StepKind::kOperator ||
       right[size].kind == StepKind::kStrange)) {
    return;
  }
  State(left, right.first(size));
}

std::optional<mpq_class> StepReader::Value(StepTokens tokens) const {
  std::string expression;
  for (const StepToken& token : tokens) {
    if (token.kind == StepKind::kStrange) return std::nullopt;
    if (token.kind == StepKind::kOperator) {
      expression += token.op;
      continue;
    }
    for (const char c : text_.substr(token.begin, token.end - token.begin)) {
      if (c != ',') expression += c;
    }
  }
  const auto parsed = ParseExpression(expression);
  if (!parsed.ok()) return std::nullopt;
  return parsed->value;
}

void StepReader::State(StepTokens left, StepTokens right) {
  const auto left_value = Value(left), right_value = Value(right);
  if (!left_value.has_value() || !right_value.has_value()) return;
  statements_.push_back({equals_->begin, left.front().begin, right.back().end,
                         *left_value == *right_value});
}

// A statement of either reading, right if it is in one of them. Both are sorted
// by place.
std::vector<StepStatement> EitherReading(
    const std::vector<StepStatement>& one,
    const std::vector<StepStatement>& other) {
  std::vector<StepStatement> merged;
  auto a = one.begin(), b = other.begin();
  while (a != one.end() || b != other.end()) {
    if (b == other.end() || (a != one.end() && a->place < b->place)) {
      merged.push_back(*a++);
    } else if (a == one.end() || b->place < a->place) {
      merged.push_back(*b++);
    } else {
      merged.push_back(a->is_right ? *a : *b);
      ++a, ++b;
    }
  }
  return merged;
}

}  // namespace

StepCount CountSteps(absl::string_view text) {
  bool has_thousands = false;
  std::vector<StepStatement> statements =
      StepReader(text).Read(false, &has_thousands);
  if (has_thousands) {
    statements =
        EitherReading(statements, StepReader(text).Read(true, &has_thousands));
  }
  StepCount count;
  for (const StepStatement& statement : statements) {
    ++count.all;
    count.right += statement.is_right;
    if (!statement.is_right && count.first_wrong.empty()) {
      count.first_wrong = Excerpt(
          text.substr(statement.begin, statement.end - statement.begin));
    }
  }
  return count;
}

}  // namespace r1
