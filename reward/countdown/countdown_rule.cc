#include "reward/countdown/countdown_rule.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "reward/core/text.h"
#include "reward/countdown/expression.h"
#include "reward/format/tags.h"

namespace r1 {
namespace {

enum class Kind { kOther, kOperand, kOperator, kBlank };

// Multi-byte operators, which LastExpression reads as one character.
constexpr absl::string_view kWideOperators[] = {"\xC3\x97", "\xC3\xB7",
                                                "\xE2\x88\x92"};

// The kind of the character at the start of `rest` and its length.
Kind CharacterKind(absl::string_view rest, size_t* length) {
  *length = 1;
  const char c = rest[0];
  if (absl::ascii_isdigit(c) || c == '(' || c == ')') return Kind::kOperand;
  if (c == '+' || c == '-' || c == '*' || c == '/') return Kind::kOperator;
  if (c == ' ' || c == '\t') return Kind::kBlank;
  if (absl::ascii_isascii(c)) return Kind::kOther;
  for (const absl::string_view wide : kWideOperators) {
    if (absl::StartsWith(rest, wide)) {
      *length = wide.size();
      return Kind::kOperator;
    }
  }
  return Kind::kOther;
}

// What keeps the literals from being exactly the given numbers; both sorted.
std::string NumbersProblem(const std::vector<int64_t>& used,
                           const std::vector<int64_t>& given) {
  std::vector<int64_t> extra, unused;
  std::set_difference(used.begin(), used.end(), given.begin(), given.end(),
                      std::back_inserter(extra));
  if (!extra.empty()) {
    const bool is_given =
        std::binary_search(given.begin(), given.end(), extra[0]);
    return absl::StrCat(extra[0],
                        is_given ? " is used too often" : " is not given");
  }
  std::set_difference(given.begin(), given.end(), used.begin(), used.end(),
                      std::back_inserter(unused));
  if (!unused.empty()) return absl::StrCat(unused[0], " is not used");
  return "";
}

// Removes a true "= target" from the end. Returns what is wrong with it.
std::string TakeStatedTarget(absl::string_view* text, int64_t target) {
  const size_t equals = text->find('=');
  if (equals == absl::string_view::npos) return "";
  const absl::string_view stated =
      absl::StripAsciiWhitespace(text->substr(equals + 1));
  if (stated != absl::StrCat(target)) {
    return absl::StrCat("states \"= ", Excerpt(stated), "\", the target is ",
                        target);
  }
  *text = text->substr(0, equals);
  return "";
}

// The score of an item whose solution text `find` returns.
template <typename Find>
RuleResult ScoreSolution(const RewardItem& item, const Find& find) {
  const auto problem = CountdownReference(item.reference());
  if (!problem.ok()) {
    return RuleResult::Abstain(std::string(problem.status().message()));
  }
  const ExtractedAnswer answer = find(item.completion());
  if (!answer.text.has_value()) return RuleResult::Score(0, answer.problem);
  std::string wrong = CountdownProblemWith(*answer.text, *problem);
  const double value = wrong.empty() ? 1 : 0;
  return RuleResult::Score(value, std::move(wrong));
}

ExtractedAnswer FindLastExpression(absl::string_view completion) {
  const absl::string_view text = LastExpression(completion);
  if (text.empty()) return {std::nullopt, "no expression"};
  return {text, ""};
}

}  // namespace

std::string CountdownProblemWith(absl::string_view text,
                                 const CountdownNumbers& problem) {
  std::string wrong = TakeStatedTarget(&text, problem.target);
  if (!wrong.empty()) return wrong;
  auto expression = ParseExpression(text);
  if (!expression.ok()) return std::string(expression.status().message());
  std::vector<int64_t> used = std::move(expression->numbers);
  std::vector<int64_t> given = problem.nums;
  std::sort(used.begin(), used.end());
  std::sort(given.begin(), given.end());
  wrong = NumbersProblem(used, given);
  if (!wrong.empty()) return wrong;
  if (expression->value == problem.target) return "";
  return absl::StrCat("is ", Excerpt(expression->value.get_str()),
                      ", the target is ", problem.target);
}

absl::string_view LastExpression(absl::string_view text) {
  absl::string_view last;
  // The current stretch: its first and one past its last operand character,
  // and whether an operator lies between the two.
  size_t begin = 0, end = 0;
  bool is_open = false, has_operator = false, pending_operator = false;
  const auto close = [&] {
    if (is_open && has_operator) last = text.substr(begin, end - begin);
    is_open = has_operator = pending_operator = false;
  };
  for (size_t at = 0, length = 0; at < text.size(); at += length) {
    switch (CharacterKind(text.substr(at), &length)) {
      case Kind::kOther:
        close();
        break;
      case Kind::kBlank:
        break;
      case Kind::kOperator:
        pending_operator = is_open;
        break;
      case Kind::kOperand:
        if (!is_open) begin = at;
        is_open = true;
        has_operator = has_operator || pending_operator;
        end = at + length;
        break;
    }
  }
  close();
  return last;
}

RuleResult CountdownRule::Score(const RewardItem& item,
                                const RuleContext& /*context*/) const {
  return ScoreSolution(item, ExtractAnswer);
}

RuleResult CountdownLenientRule::Score(const RewardItem& item,
                                       const RuleContext& /*context*/) const {
  RuleResult strict = ScoreSolution(item, ExtractAnswer);
  if (strict.kind != REWARD_SCORE || strict.value == 1) return strict;
  return ScoreSolution(item, FindLastExpression);
}

}  // namespace r1
