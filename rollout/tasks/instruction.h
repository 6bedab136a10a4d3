// Instructions whose following can be verified: which words to say, how many,
// in which order, case and form ("Say the last of fox owl bee.").
#ifndef R1_ROLLOUT_TASKS_INSTRUCTION_H_
#define R1_ROLLOUT_TASKS_INSTRUCTION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/philox.h"
#include "rollout/tasks/split.h"

namespace r1 {

//               of fox owl bee
enum class InstructionKind {
  kFirst,      // fox
  kSecond,     // owl
  kLast,       // bee
  kSome,       // any `number` of them: fox owl
  kCount,      // 3
  kTimes,      // all of them `number` times: fox owl bee fox owl bee
  kBackwards,  // bee owl fox
  kSorted,     // by the alphabet: bee fox owl
  kCommas,     // fox, owl, bee
  kBrackets,   // (fox owl bee)
  kCapitals,   // FOX OWL BEE
};

// All kinds, and their names in a configuration: "first", "second" …
absl::Span<const InstructionKind> InstructionKinds();
absl::string_view InstructionKindName(InstructionKind kind);
// Errors: InvalidArgument with the names there are.
absl::StatusOr<InstructionKind> InstructionKindOf(absl::string_view name);

struct InstructionOptions {
  // Each is as likely as any other.
  std::vector<InstructionKind> kinds = {InstructionKinds().begin(),
                                        InstructionKinds().end()};
  int min_words = 2, max_words = 3;  // of a problem: 2 to 4
};

struct InstructionProblem {
  InstructionKind kind = InstructionKind::kFirst;
  std::vector<std::string> words;  // all different
  int number = 0;                  // of kSome and kTimes

  std::string Question() const;  // "Say fox owl bee in brackets."
  // What the rule `instruction` reads:
  // {"constraints":{"case":"lower","form":"brackets","words":["fox",…]}}
  std::string Reference() const;
  std::string Canonical() const;
  // An answer that follows the instruction; the only one, but for kSome.
  std::string Right() const;
  // Answers that do not, all different: first what one says who has not
  // listened, then what other instructions ask for.
  std::vector<std::string> Wrong() const;
};

// A random problem of the split. The options must have passed
// CheckInstructions.
InstructionProblem MakeInstructionProblem(const InstructionOptions& options,
                                          Split split, RandomSequence* random);

// InvalidArgument for options outside their bounds, and without a kind.
absl::Status CheckInstructions(const InstructionOptions& options);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_INSTRUCTION_H_
