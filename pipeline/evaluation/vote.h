// What the samples of a problem vote for, for cons@k: answers in a form that
// equal ones share.
#ifndef R1_PIPELINE_EVALUATION_VOTE_H_
#define R1_PIPELINE_EVALUATION_VOTE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/reward.pb.h"
#include "reward/math/options.h"

namespace r1 {

// Most comparisons of two answers by the verifier for one problem: each pair of
// 64 different canonical forms, whatever the number of samples. Beyond, the
// rarest forms vote by themselves. Two integers need no comparison.
inline constexpr int kMaxVoteComparisons = 64 * 63 / 2;

// The answers of one sample; none where it gave no answer.
struct Answers {
  std::optional<std::string> strict;   // in the one place where it must stand
  std::optional<std::string> lenient;  // the last one anywhere
};

// Threads: immutable; safe from any thread.
class Voting {
 public:
  // `rule` says what is right. If it is "math", its verifier extracts and
  // compares the answers, by the rule's options, each as the other's reference:
  // which decimals are close enough depends on the side. Otherwise they stand
  // in the answer tags, numbers are equal by value and other texts without
  // their white space.
  explicit Voting(const RewardRuleSpec& rule);

  // By sample. `reference` is the problem's.
  std::vector<Answers> AnswersOf(
      const std::string& reference,
      absl::Span<const absl::string_view> completions) const;

 private:
  std::optional<MathOptions> math_;
};

}  // namespace r1

#endif  // R1_PIPELINE_EVALUATION_VOTE_H_
