// What can be said of a reference before there are samples: whether an answer
// can earn a rule's best score with it.
#ifndef R1_REWARD_OUTLOOK_H_
#define R1_REWARD_OUTLOOK_H_

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "reward/core/options.h"

namespace r1 {

struct Outlook {
  enum Grade {
    kGood,
    kDoubtful,  // it can, but not by the answers that one would expect
    kHopeless,  // none can, or none that anybody would give
  };
  Grade grade = kGood;
  // For people: why, and what to change; empty where the outlook is good.
  std::string why = {};

  static Outlook Doubtful(std::string why) {
    return {kDoubtful, std::move(why)};
  }
  static Outlook Hopeless(std::string why) {
    return {kHopeless, std::move(why)};
  }
};

// Of a reference for a built-in rule with these options (its own, valid ones);
// good for rules that read none or are not built in. A run asks this of its
// rows before it begins.
//   exact_answer  hopeless: no answer; a worked solution ("####", a box, more
//                 than 300 bytes), a sentence about the answer, a placeholder
//                 ("N/A"). Doubtful: other texts with LaTeX, several lines, or
//                 a number among words, as only the very same text is equal.
//   math          hopeless: no answer, or none that the verifier can read;
//                 "####", a placeholder
//   countdown, code, instruction, refusal  hopeless: a reference that they
//                 abstain from
Outlook CheckReference(absl::string_view rule, const RuleOptions& options,
                       absl::string_view reference);

}  // namespace r1

#endif  // R1_REWARD_OUTLOOK_H_
