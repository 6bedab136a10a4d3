#include "rollout/tasks/countdown.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace r1 {
namespace {

// A sub-expression: its value, text, and how loosely its top operator binds.
struct Term {
  int64_t value = 0;
  std::string text;
  char op = 0;  // 0 for a bare number
};

bool IsSum(char op) { return op == '+' || op == '-'; }

// Operand of `op` in parentheses where precedence asks for them.
std::string Operand(const Term& term, char op, bool is_right) {
  bool needs = false;
  if (term.op != 0) {
    if (op == '*' || op == '/') needs = IsSum(term.op);
    if (op == '-' && is_right) needs = IsSum(term.op);
    if (op == '/' && is_right) needs = true;
  }
  return needs ? absl::StrCat("(", term.text, ")") : term.text;
}

// The result, or 0 if it is not a positive integer within the limit.
int64_t Apply(int64_t a, char op, int64_t b) {
  int64_t value = 0;
  if (op == '+') value = a + b;
  if (op == '-') value = a - b;
  if (op == '*') value = a * b;
  if (op == '/') value = a % b == 0 ? a / b : 0;
  return value > 0 && value <= kCountdownLimit ? value : 0;
}

// Combines two random terms; false if the drawn step is not allowed.
bool TryStep(const std::string& operators, RandomSequence* random,
             std::vector<Term>* terms, std::vector<std::string>* steps) {
  const int n = terms->size();
  const int i = random->NextBelow(n);
  int j = random->NextBelow(n - 1);
  if (j >= i) ++j;
  const char op = operators[random->NextBelow(operators.size())];
  Term a = (*terms)[i], b = (*terms)[j];
  // What was just computed goes on; a difference or quotient needs the larger
  // number first.
  const bool is_ordered = op == '-' || op == '/';
  if (is_ordered ? a.value < b.value : b.op != 0) std::swap(a, b);
  const int64_t value = Apply(a.value, op, b.value);
  if (value == 0) return false;
  steps->push_back(
      absl::StrCat(a.value, absl::string_view(&op, 1), b.value, "=", value));
  Term combined{value,
                absl::StrCat(Operand(a, op, false), absl::string_view(&op, 1),
                             Operand(b, op, true)),
                op};
  terms->erase(terms->begin() + std::max(i, j));
  terms->erase(terms->begin() + std::min(i, j));
  terms->push_back(std::move(combined));
  return true;
}

// Nothing at a dead end: every step is refused, or so it seems.
std::optional<CountdownAttempt> TryAttempt(const std::vector<int64_t>& numbers,
                                           const std::string& operators,
                                           RandomSequence* random) {
  constexpr int kMaxDraws = 64;
  std::vector<Term> terms;
  for (int64_t n : numbers) terms.push_back({n, absl::StrCat(n), 0});
  CountdownAttempt attempt;
  for (int draw = 0; draw < kMaxDraws && terms.size() > 1; ++draw) {
    TryStep(operators, random, &terms, &attempt.steps);
  }
  if (terms.size() > 1) return std::nullopt;
  attempt.expression = terms[0].text;
  attempt.value = terms[0].value;
  return attempt;
}

// A problem of either split. Nothing if the numbers seem to allow no attempt,
// like 3 and 5 with "/" alone.
std::optional<CountdownProblem> TryProblem(const TaskSection& config,
                                           RandomSequence* random) {
  constexpr int kMaxAttempts = 20;
  CountdownProblem problem;
  const int count =
      config.min_numbers() +
      random->NextBelow(config.max_numbers() - config.min_numbers() + 1);
  for (int i = 0; i < count; ++i) {
    problem.numbers.push_back(1 + random->NextBelow(config.max_number()));
  }
  for (int i = 0; i < kMaxAttempts; ++i) {
    const auto attempt =
        TryAttempt(problem.numbers, config.operators(), random);
    if (!attempt.has_value()) continue;
    problem.target = attempt->value;
    return problem;
  }
  return std::nullopt;
}

}  // namespace

std::string CountdownProblem::Question() const {
  return absl::StrCat("Make ", target, " from ", absl::StrJoin(numbers, " "),
                      ".");
}

std::string CountdownProblem::Reference() const {
  return absl::StrCat("{\"nums\":[", absl::StrJoin(numbers, ","),
                      "],\"target\":", target, "}");
}

std::string CountdownProblem::Canonical() const {
  std::vector<int64_t> sorted = numbers;
  std::sort(sorted.begin(), sorted.end());
  return absl::StrCat("countdown ", absl::StrJoin(sorted, ","), " ", target);
}

CountdownAttempt RandomAttempt(const std::vector<int64_t>& numbers,
                               const std::string& operators,
                               RandomSequence* random) {
  for (;;) {
    if (auto attempt = TryAttempt(numbers, operators, random)) return *attempt;
  }
}

CountdownProblem MakeCountdownProblem(const TaskSection& config, Split split,
                                      RandomSequence* random) {
  for (;;) {
    const auto problem = TryProblem(config, random);
    if (problem.has_value() &&
        IsHeldOut(problem->Canonical()) == (split == Split::kHeldOut)) {
      return *problem;
    }
  }
}

absl::Status CheckCountdownGenerator(const TaskSection& config) {
  constexpr int kMaxProblems = 10000;
  RandomSequence random(0, RandomStream::kGeneratorCheck, 0, 0);
  bool has_train = false, has_held_out = false;
  for (int i = 0; i < kMaxProblems; ++i) {
    const auto problem = TryProblem(config, &random);
    if (!problem.has_value()) continue;
    (IsHeldOut(problem->Canonical()) ? has_held_out : has_train) = true;
    if (has_train && has_held_out) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "data: ", kMaxProblems, " tries gave no ",
      has_train ? "held-out" : "training", " Countdown problem with operators ",
      config.operators(), " on ", config.min_numbers(), " to ",
      config.max_numbers(), " numbers from 1 to ", config.max_number(),
      " and results from 1 to ", kCountdownLimit,
      ": allow more operators or other numbers"));
}

}  // namespace r1
