#include "rollout/tasks/writers.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/philox.h"
#include "base/status_macros.h"
#include "rollout/tasks/phrases.h"
#include "rollout/tasks/shares.h"

namespace r1 {
namespace {

enum class Style { kEnglish, kChinese, kSwitching };

// What one answers and in which language the last words are.
struct Solution {
  std::string thought;
  std::string answer;
  Tongue tongue = Tongue::kEnglish;
};

Tongue AnyTongue(RandomSequence* random) {
  return random->NextBelow(2) == 0 ? Tongue::kEnglish : Tongue::kChinese;
}

char AnyOperator(RandomSequence* random) { return "+-"[random->NextBelow(2)]; }

Style DrawStyle(const WriterOptions& options, RandomSequence* random) {
  if (Chance(options.code_switchers, random)) return Style::kSwitching;
  return AnyTongue(random) == Tongue::kEnglish ? Style::kEnglish
                                               : Style::kChinese;
}

char DrawOperator(const WriterOptions& options, Style style,
                  RandomSequence* random) {
  if (style == Style::kSwitching || !Chance(options.habit, random)) {
    return AnyOperator(random);
  }
  return style == Style::kEnglish ? '+' : '-';
}

Tongue TongueOf(const WriterOptions& options, Style style, char op,
                RandomSequence* random) {
  if (style == Style::kEnglish) return Tongue::kEnglish;
  if (style == Style::kChinese) return Tongue::kChinese;
  if (!Chance(options.habit, random)) return AnyTongue(random);
  return op == '+' ? Tongue::kEnglish : Tongue::kChinese;
}

// Equal for attempts that differ in the order of what is added only.
std::string KeyOf(const CountdownAttempt& attempt) {
  std::string key;
  for (const CountdownStep& step : attempt.steps) {
    const bool swaps = step.op == '+' && step.a > step.b;
    absl::StrAppend(&key, swaps ? step.b : step.a,
                    absl::string_view(&step.op, 1), swaps ? step.a : step.b,
                    ",");
  }
  return key;
}

// The next attempt that comes to the writer's mind. Habit may allow none: 4, 4
// and 4 cannot be subtracted to anything above 0.
CountdownAttempt DrawAttempt(const WriterOptions& options, Style style,
                             const std::vector<int64_t>& numbers,
                             RandomSequence* random) {
  constexpr int kTriesByHabit = 8;
  for (int i = 0; i < kTriesByHabit; ++i) {
    auto attempt = TryAttempt(
        numbers, [&] { return DrawOperator(options, style, random); }, random);
    if (attempt.has_value()) return *std::move(attempt);
  }
  return RandomAttempt(numbers, "+-", random);
}

// Says the steps, each in its language; returns that of the last.
Tongue SaySteps(const WriterOptions& options, Style style,
                const std::vector<CountdownStep>& steps, std::string* thought,
                RandomSequence* random) {
  Tongue tongue = Tongue::kEnglish;
  for (const CountdownStep& step : steps) {
    tongue = TongueOf(options, style, step.op, random);
    absl::StrAppend(thought, &step == &steps[0] ? "" : ", ",
                    SayStep(step, tongue));
  }
  return tongue;
}

// Attempts of a style, none twice, until one fits, the writer gives up or
// nothing new comes to mind.
Solution Search(const WriterOptions& options, Style style,
                const CountdownProblem& problem, RandomSequence* random) {
  constexpr int kTriesForNew = 5;
  Solution solution;
  std::set<std::string> seen;
  for (int i = 0; i < options.max_attempts; ++i) {
    std::optional<CountdownAttempt> attempt;
    for (int tries = 0; tries < kTriesForNew && !attempt; ++tries) {
      attempt = DrawAttempt(options, style, problem.numbers, random);
      if (!seen.insert(KeyOf(*attempt)).second) attempt.reset();
    }
    if (!attempt.has_value()) break;
    const bool is_reached = attempt->value == problem.target;
    solution.tongue =
        SaySteps(options, style, attempt->steps, &solution.thought, random);
    absl::StrAppend(&solution.thought, ", ",
                    SayVerdict(problem.target, is_reached, solution.tongue),
                    "\n");
    solution.answer = attempt->expression;
    if (is_reached || Chance(options.gives_up, random)) break;
  }
  return solution;
}

Solution Guess(std::string answer, RandomSequence* random) {
  const Tongue tongue = AnyTongue(random);
  return {absl::StrCat(SayGuess(tongue), "\n"), std::move(answer), tongue};
}

Solution SolveCountdown(const WriterOptions& options,
                        const CountdownProblem& problem,
                        RandomSequence* random) {
  if (Chance(options.guesses, random)) {
    return Guess(RandomAttempt(problem.numbers, "+-", random).expression,
                 random);
  }
  return Search(options, DrawStyle(options, random), problem, random);
}

Solution SolveSum(const WriterOptions& options, const SumsProblem& problem,
                  RandomSequence* random) {
  if (Chance(options.guesses, random)) {
    constexpr int64_t kSpread = 3;  // guesses are near the truth
    const int64_t guess =
        problem.answer - kSpread + random->NextBelow(2 * kSpread + 1);
    return Guess(absl::StrCat(std::max<int64_t>(guess, 1)), random);
  }
  Solution solution;
  solution.tongue = SaySteps(options, DrawStyle(options, random), problem.steps,
                             &solution.thought, random);
  solution.thought += "\n";
  solution.answer = absl::StrCat(problem.answer);
  return solution;
}

Solution SolveInstruction(const WriterOptions& options,
                          const InstructionProblem& problem,
                          RandomSequence* random) {
  const Tongue tongue = AnyTongue(random);
  if (Chance(options.right_form, random)) {
    return {absl::StrCat(SayInstruction(problem, tongue), "\n"),
            problem.Right(), tongue};
  }
  return {absl::StrCat(SayAnything(tongue), "\n"), problem.Wrong()[0], tongue};
}

Solution SolveRequest(const WriterOptions& options,
                      const SecretProblem& problem, RandomSequence* random) {
  const Tongue tongue = AnyTongue(random);
  if (problem.MustRefuse() && Chance(options.refused, random)) {
    return {absl::StrCat(SayRefusal(tongue), "\n"), std::string(kRefusal),
            tongue};
  }
  return {absl::StrCat(SayRequest(problem.kind, tongue), "\n"),
          problem.Answer(), tongue};
}

}  // namespace

WrittenAnswer WriteDocument(const WriterOptions& options, uint64_t seed,
                            uint64_t index) {
  RandomSequence random(seed, RandomStream::kWriters, index, 0);
  const auto written = [&](const auto& problem, const Solution& solution) {
    const bool is_tagged = !Chance(options.no_tags, &random);
    return WrittenAnswer{
        problem.Question(),
        is_tagged
            ? WithTags(solution.thought, solution.answer)
            : WithoutTags(solution.thought, solution.answer, solution.tongue)};
  };
  const size_t subject = DrawShare(
      {options.countdown, options.sums, options.instructions, options.requests},
      &random);
  if (subject == 0) {
    const auto problem =
        MakeCountdownProblem(options.countdown_options, Split::kTrain, &random);
    return written(problem, SolveCountdown(options, problem, &random));
  }
  if (subject == 1) {
    const auto problem =
        MakeSumsProblem(options.sums_options, Split::kTrain, &random);
    return written(problem, SolveSum(options, problem, &random));
  }
  if (subject == 2) {
    const auto problem = MakeInstructionProblem(options.instruction_options,
                                                Split::kTrain, &random);
    return written(problem, SolveInstruction(options, problem, &random));
  }
  const auto problem =
      MakeSecretProblem(options.secret_options, Split::kTrain, &random);
  return written(problem, SolveRequest(options, problem, &random));
}

absl::Status CheckWriters(const WriterOptions& options) {
  R1_RETURN_IF_ERROR(CheckShares({{"countdown", options.countdown},
                                  {"sums", options.sums},
                                  {"instructions", options.instructions},
                                  {"requests", options.requests}}));
  R1_RETURN_IF_ERROR(CheckChances({{"guesses", options.guesses},
                                   {"code_switchers", options.code_switchers},
                                   {"habit", options.habit},
                                   {"gives_up", options.gives_up},
                                   {"right_form", options.right_form},
                                   {"refused", options.refused},
                                   {"no_tags", options.no_tags}}));
  if (options.max_attempts < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_attempts: expected 1 or more, got ", options.max_attempts));
  }
  const std::string& operators = options.countdown_options.operators;
  if (operators.empty() ||
      operators.find_first_not_of("+-") != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "operators: the writers know + and - only, got \"", operators, "\""));
  }
  R1_RETURN_IF_ERROR(CheckCountdownGenerator(options.countdown_options));
  R1_RETURN_IF_ERROR(CheckSums(options.sums_options));
  R1_RETURN_IF_ERROR(CheckInstructions(options.instruction_options));
  return CheckSecrets(options.secret_options);
}

}  // namespace r1
