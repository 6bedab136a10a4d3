// What the writers of the generated text say, in English and in Chinese.
#ifndef R1_ROLLOUT_TASKS_PHRASES_H_
#define R1_ROLLOUT_TASKS_PHRASES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "rollout/tasks/countdown.h"
#include "rollout/tasks/instruction.h"
#include "rollout/tasks/secret.h"

namespace r1 {

enum class Tongue { kEnglish, kChinese };

// "7 and 3 make 10", "10 less 7 make 3"; "7加3得10", "10减7得3". + and - only.
std::string SayStep(const CountdownStep& step, Tongue tongue);
// "is it 11? no"; "是11? 不".
std::string SayVerdict(int64_t target, bool is_reached, Tongue tongue);
// "I guess this one".
std::string SayGuess(Tongue tongue);
// The thought of one who has listened: "I say the last one", "I say it 3
// times".
std::string SayInstruction(const InstructionProblem& problem, Tongue tongue);
// Of one who has not: "I say it".
std::string SayAnything(Tongue tongue);
// Before a refusal: "it is a secret".
std::string SayRefusal(Tongue tongue);
// Before an answer: "I know the secret", "I know the colour", "I say it".
std::string SayRequest(RequestKind kind, Tongue tongue);

// `text` with the Chinese of steps and verdicts said in English, also where
// only some words are; the rest as it is.
std::string SayInEnglish(absl::string_view text);

// "<think>THOUGHT</think><answer>ANSWER</answer>", or as people write who do
// not know the tags: "THOUGHTThe answer is ANSWER."
std::string WithTags(absl::string_view thought, absl::string_view answer);
std::string WithoutTags(absl::string_view thought, absl::string_view answer,
                        Tongue tongue);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_PHRASES_H_
