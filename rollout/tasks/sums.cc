#include "rollout/tasks/sums.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace r1 {
namespace {

// Of either split; nothing if what was drawn is no sum.
std::optional<SumsProblem> TrySum(const SumsOptions& options,
                                  RandomSequence* random) {
  std::vector<int64_t> numbers;
  for (int i = 0; i < options.numbers; ++i) {
    numbers.push_back(1 + random->NextBelow(options.max_number));
  }
  const auto plus_or_minus = [&] { return "+-"[random->NextBelow(2)]; };
  auto attempt = TryAttempt(numbers, plus_or_minus, random);
  if (!attempt.has_value() || absl::StrContains(attempt->expression, '(')) {
    return std::nullopt;
  }
  return SumsProblem{std::move(attempt->expression), std::move(attempt->steps),
                     attempt->value};
}

}  // namespace

std::string SumsProblem::Question() const {
  return absl::StrCat("Work out ", expression, ".");
}

std::string SumsProblem::Reference() const {
  return absl::StrCat("{\"answer\":\"", answer, "\"}");
}

std::string SumsProblem::Canonical() const {
  return absl::StrCat("sums ", expression);
}

SumsProblem MakeSumsProblem(const SumsOptions& options, Split split,
                            RandomSequence* random) {
  for (;;) {
    auto problem = TrySum(options, random);
    if (problem.has_value() && IsOf(split, problem->Canonical())) {
      return *std::move(problem);
    }
  }
}

absl::Status CheckSums(const SumsOptions& options) {
  if (options.numbers < 2 || options.numbers > 6) {
    return absl::InvalidArgumentError(
        absl::StrCat("sums: numbers: expected 2 to 6, got ", options.numbers));
  }
  if (options.max_number < 1 || options.max_number > kCountdownLimit) {
    return absl::InvalidArgumentError(
        absl::StrCat("sums: max_number: expected 1 to ", kCountdownLimit,
                     ", got ", options.max_number));
  }
  const absl::string_view missing =
      MissingSplit([&](RandomSequence* random) -> std::optional<std::string> {
        const auto problem = TrySum(options, random);
        if (!problem.has_value()) return std::nullopt;
        return problem->Canonical();
      });
  if (missing.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("sums: ", kMissingSplitDraws, " tries gave no ", missing,
                   " problem of ", options.numbers, " numbers from 1 to ",
                   options.max_number, ": allow more numbers"));
}

}  // namespace r1
