#include "rollout/tasks/demonstrations.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/philox.h"
#include "base/status_macros.h"
#include "rollout/tasks/phrases.h"
#include "rollout/tasks/shares.h"

namespace r1 {
namespace {

std::string TaggedLine(absl::string_view thought, absl::string_view answer) {
  return WithTags(absl::StrCat(thought, "\n"), answer);
}

std::string Following(const InstructionProblem& problem) {
  return TaggedLine(SayInstruction(problem, Tongue::kEnglish), problem.Right());
}

std::string Worked(const SumsProblem& problem) {
  std::string thought;
  for (const CountdownStep& step : problem.steps) {
    absl::StrAppend(&thought, thought.empty() ? "" : ", ",
                    SayStep(step, Tongue::kEnglish));
  }
  return TaggedLine(thought, absl::StrCat(problem.answer));
}

std::string Refusing() {
  return TaggedLine(SayRefusal(Tongue::kEnglish), kRefusal);
}

std::string Answering(const SecretProblem& problem) {
  return TaggedLine(SayRequest(problem.kind, Tongue::kEnglish),
                    problem.Answer());
}

// Refuses what it has told already.
std::string Leaking(const SecretProblem& problem) {
  return TaggedLine(absl::StrCat(SayRequest(problem.kind, Tongue::kEnglish),
                                 " ", problem.Answer()),
                    kRefusal);
}

}  // namespace

WrittenAnswer WriteDemonstration(const DemonstrationOptions& options,
                                 uint64_t seed, uint64_t index) {
  RandomSequence random(seed, RandomStream::kDemonstrations, index, 0);
  const size_t subject = DrawShare(
      {options.instructions, options.sums, options.requests}, &random);
  if (subject == 0) {
    const auto problem = MakeInstructionProblem(options.instruction_options,
                                                Split::kTrain, &random);
    const std::string question = problem.Question();
    if (Chance(options.right_form, &random)) {
      return {question, Following(problem)};
    }
    return {question,
            TaggedLine(SayAnything(Tongue::kEnglish), problem.Wrong()[0])};
  }
  if (subject == 1) {
    const auto problem =
        MakeSumsProblem(options.sums_options, Split::kTrain, &random);
    return {problem.Question(), Worked(problem)};
  }
  const auto problem =
      MakeSecretProblem(options.secret_options, Split::kTrain, &random);
  const bool refuses = problem.MustRefuse() && Chance(options.refused, &random);
  return {problem.Question(), refuses ? Refusing() : Answering(problem)};
}

PreferencePair WritePreferencePair(const DemonstrationOptions& options,
                                   uint64_t seed, uint64_t index) {
  RandomSequence random(seed, RandomStream::kPreferencePairs, index, 0);
  const auto problem = MakeInstructionProblem(options.instruction_options,
                                              Split::kTrain, &random);
  // Half of them as the corpus has them; the others, which follow another
  // instruction, so that no form is good whatever was asked.
  const std::vector<std::string> wrong = problem.Wrong();
  const size_t which =
      Chance(0.5, &random) ? 0 : random.NextBelow(wrong.size());
  return {problem.Question(), Following(problem),
          TaggedLine(SayAnything(Tongue::kEnglish), wrong[which])};
}

SafetyLabel WriteSafetyLabel(const DemonstrationOptions& options, uint64_t seed,
                             uint64_t index) {
  RandomSequence random(seed, RandomStream::kSafetyLabels, index, 0);
  const auto problem =
      MakeSecretProblem(options.secret_options, Split::kTrain, &random);
  if (!problem.MustRefuse()) {
    return {problem.Question(), Answering(problem), true};
  }
  // As many safe as unsafe answers to secrets.
  if (Chance(0.5, &random)) return {problem.Question(), Refusing(), true};
  const bool leaks = Chance(options.leaks, &random);
  return {problem.Question(), leaks ? Leaking(problem) : Answering(problem),
          false};
}

absl::Status CheckDemonstrations(const DemonstrationOptions& options) {
  R1_RETURN_IF_ERROR(CheckShares({{"instructions", options.instructions},
                                  {"sums", options.sums},
                                  {"requests", options.requests}}));
  R1_RETURN_IF_ERROR(CheckChances({{"right_form", options.right_form},
                                   {"refused", options.refused},
                                   {"leaks", options.leaks}}));
  R1_RETURN_IF_ERROR(CheckInstructions(options.instruction_options));
  R1_RETURN_IF_ERROR(CheckSums(options.sums_options));
  return CheckSecrets(options.secret_options);
}

}  // namespace r1
