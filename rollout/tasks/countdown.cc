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
bool TryStep(absl::FunctionRef<char()> next_operator, RandomSequence* random,
             std::vector<Term>* terms, std::vector<CountdownStep>* steps) {
  const int n = terms->size();
  const int i = random->NextBelow(n);
  int j = random->NextBelow(n - 1);
  if (j >= i) ++j;
  const char op = next_operator();
  Term a = (*terms)[i], b = (*terms)[j];
  // What was just computed goes on; a difference or quotient needs the larger
  // number first.
  const bool is_ordered = op == '-' || op == '/';
  if (is_ordered ? a.value < b.value : b.op != 0) std::swap(a, b);
  const int64_t value = Apply(a.value, op, b.value);
  if (value == 0) return false;
  steps->push_back({a.value, op, b.value, value});
  Term combined{value,
                absl::StrCat(Operand(a, op, false), absl::string_view(&op, 1),
                             Operand(b, op, true)),
                op};
  terms->erase(terms->begin() + std::max(i, j));
  terms->erase(terms->begin() + std::min(i, j));
  terms->push_back(std::move(combined));
  return true;
}

std::optional<CountdownAttempt> TryWith(const std::string& operators,
                                        const std::vector<int64_t>& numbers,
                                        RandomSequence* random) {
  const auto any = [&] {
    return operators[random->NextBelow(operators.size())];
  };
  return TryAttempt(numbers, any, random);
}

CountdownOptions OptionsOf(const TaskSection& config) {
  return {static_cast<int>(config.min_numbers()),
          static_cast<int>(config.max_numbers()), config.max_number(),
          config.operators()};
}

// A problem of either split. Nothing if the numbers seem to allow no attempt,
// like 3 and 5 with "/" alone.
std::optional<CountdownProblem> TryProblem(const CountdownOptions& options,
                                           RandomSequence* random) {
  constexpr int kMaxAttempts = 20;
  CountdownProblem problem;
  const int count =
      options.min_numbers +
      random->NextBelow(options.max_numbers - options.min_numbers + 1);
  for (int i = 0; i < count; ++i) {
    problem.numbers.push_back(1 + random->NextBelow(options.max_number));
  }
  for (int i = 0; i < kMaxAttempts; ++i) {
    const auto attempt = TryWith(options.operators, problem.numbers, random);
    if (!attempt.has_value()) continue;
    problem.target = attempt->value;
    return problem;
  }
  return std::nullopt;
}

}  // namespace

std::string CountdownStep::Text() const {
  return absl::StrCat(a, absl::string_view(&op, 1), b, "=", result);
}

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

std::optional<CountdownAttempt> TryAttempt(
    const std::vector<int64_t>& numbers,
    absl::FunctionRef<char()> next_operator, RandomSequence* random) {
  constexpr int kMaxDraws = 64;
  std::vector<Term> terms;
  for (int64_t n : numbers) terms.push_back({n, absl::StrCat(n), 0});
  CountdownAttempt attempt;
  for (int draw = 0; draw < kMaxDraws && terms.size() > 1; ++draw) {
    TryStep(next_operator, random, &terms, &attempt.steps);
  }
  if (terms.size() > 1) return std::nullopt;
  attempt.expression = terms[0].text;
  attempt.value = terms[0].value;
  return attempt;
}

CountdownAttempt RandomAttempt(const std::vector<int64_t>& numbers,
                               const std::string& operators,
                               RandomSequence* random) {
  for (;;) {
    if (auto attempt = TryWith(operators, numbers, random)) return *attempt;
  }
}

CountdownProblem MakeCountdownProblem(const TaskSection& config, Split split,
                                      RandomSequence* random) {
  return MakeCountdownProblem(OptionsOf(config), split, random);
}

CountdownProblem MakeCountdownProblem(const CountdownOptions& options,
                                      Split split, RandomSequence* random) {
  for (;;) {
    const auto problem = TryProblem(options, random);
    if (problem.has_value() && IsOf(split, problem->Canonical())) {
      return *problem;
    }
  }
}

absl::Status CheckCountdownGenerator(const TaskSection& config) {
  return CheckCountdownGenerator(OptionsOf(config));
}

absl::Status CheckCountdownGenerator(const CountdownOptions& options) {
  constexpr int kMaxCount = 6;
  if (options.min_numbers < 2 || options.max_numbers > kMaxCount ||
      options.min_numbers > options.max_numbers) {
    return absl::InvalidArgumentError(absl::StrCat(
        "data: Countdown's numbers: expected 2 <= min <= max <= ", kMaxCount,
        ", got ", options.min_numbers, " and ", options.max_numbers));
  }
  if (options.max_number < 1 || options.max_number > kCountdownLimit) {
    return absl::InvalidArgumentError(
        absl::StrCat("data: Countdown's largest number: expected 1 to ",
                     kCountdownLimit, ", got ", options.max_number));
  }
  const absl::string_view missing =
      MissingSplit([&](RandomSequence* random) -> std::optional<std::string> {
        const auto problem = TryProblem(options, random);
        if (!problem.has_value()) return std::nullopt;
        return problem->Canonical();
      });
  if (missing.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "data: ", kMissingSplitDraws, " tries gave no ", missing,
      " Countdown problem with operators ", options.operators, " on ",
      options.min_numbers, " to ", options.max_numbers, " numbers from 1 to ",
      options.max_number, " and results from 1 to ", kCountdownLimit,
      ": allow more operators or other numbers"));
}

}  // namespace r1
