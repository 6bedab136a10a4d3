#include "rollout/tasks/corpus.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/philox.h"
#include "rollout/prompt_template.h"
#include "rollout/tasks/arithmetic.h"
#include "rollout/tasks/countdown.h"

namespace r1 {
namespace {

// Most attempts of one search before it gives up.
constexpr int kMaxAttempts = 16;
// Chance that a search gives up after a wrong attempt.
constexpr float kGiveUp = 0.1f;
// Chance that an answer lacks the tags.
constexpr float kNoTags = 0.35f;

std::string Tagged(const std::string& thought, const std::string& answer,
                   RandomSequence* random) {
  if (random->NextUniform() < kNoTags) {
    return absl::StrCat(thought, "The answer is ", answer, ".");
  }
  return absl::StrCat("<think>", thought, "</think><answer>", answer,
                      "</answer>");
}

// Attempts in random order, none twice, until one fits or the writer gives up.
std::string CountdownSearch(const CountdownProblem& problem,
                            const std::string& operators,
                            RandomSequence* random) {
  std::string thought;
  std::set<std::string> seen;
  CountdownAttempt attempt;
  for (int i = 0; i < kMaxAttempts; ++i) {
    int draws = 0;
    do {
      attempt = RandomAttempt(problem.numbers, operators, random);
    } while (!seen.insert(attempt.expression).second && ++draws < 100);
    const bool is_found = attempt.value == problem.target;
    // "8+3=11,11+12=23,24? no": the target beside the value, since comparing
    // neighbours is what a small model learns first.
    for (const CountdownStep& step : attempt.steps) {
      absl::StrAppend(&thought, step.Text(), ",");
    }
    absl::StrAppend(&thought, problem.target, is_found ? "? yes\n" : "? no\n");
    if (is_found || random->NextUniform() < kGiveUp) break;
  }
  return Tagged(thought, attempt.expression, random);
}

std::string CountdownCompletion(const TaskSection& config,
                                const CountdownProblem& problem,
                                RandomSequence* random) {
  if (random->NextUniform() >= config.guess_share()) {
    return CountdownSearch(problem, config.operators(), random);
  }
  return Tagged(
      "guess\n",
      RandomAttempt(problem.numbers, config.operators(), random).expression,
      random);
}

std::string ArithmeticCompletion(const TaskSection& config,
                                 const ArithmeticProblem& problem,
                                 RandomSequence* random) {
  if (random->NextUniform() >= config.guess_share()) {
    return Tagged(absl::StrCat(problem.Working(), "\n"),
                  absl::StrCat(problem.answer), random);
  }
  // A guess near the truth: off by up to a tenth.
  const int64_t spread = problem.answer / 10 + 1;
  const int64_t guess = problem.answer +
                        random->NextBelow(static_cast<uint32_t>(
                            std::min<int64_t>(2 * spread + 1, 1 << 30))) -
                        std::min<int64_t>(spread, 1 << 29);
  return Tagged("guess\n", absl::StrCat(std::max<int64_t>(guess, 0)), random);
}

}  // namespace

CorpusDocument MakeCorpusDocument(const TaskSection& config, uint64_t seed,
                                  uint64_t index) {
  RandomSequence random(seed, RandomStream::kCorpus, index, 0);
  if (config.kind() == ARITHMETIC) {
    const auto problem = MakeArithmeticProblem(config, Split::kTrain, &random);
    return {RenderPrompt(config, problem.Question()),
            ArithmeticCompletion(config, problem, &random)};
  }
  R1_CHECK(config.kind() == COUNTDOWN, "the task has a corpus generator");
  const auto problem = MakeCountdownProblem(config, Split::kTrain, &random);
  return {RenderPrompt(config, problem.Question()),
          CountdownCompletion(config, problem, &random)};
}

}  // namespace r1
