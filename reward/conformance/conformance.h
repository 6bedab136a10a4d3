// Whether a reward keeps the contract: what `r1 reward test` checks.
#ifndef R1_REWARD_CONFORMANCE_CONFORMANCE_H_
#define R1_REWARD_CONFORMANCE_CONFORMANCE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/reward.pb.h"
#include "reward/core/registry.h"

namespace r1 {

// A completion whose result is known.
struct GoldenCase {
  RewardItem item;
  RewardKind kind = REWARD_SCORE;
  double score = 0;  // of REWARD_SCORE
};

// Lines of reward/core/json_lines.h with "expect": a number, "abstain" or
// "error". Errors: InvalidArgument naming `name`, the line and what is wrong
// with it.
absl::StatusOr<std::vector<GoldenCase>> ParseGoldenCases(
    absl::string_view text, const std::string& name);

enum class CheckOutcome {
  kOk,
  kFailed,
  kSkipped,  // says nothing about this reward
};

struct ConformanceCheck {
  std::string name;
  CheckOutcome outcome = CheckOutcome::kOk;
  std::string detail;  // one line
};

struct ConformanceOptions {
  absl::Duration item_limit = absl::Seconds(10);
  int threads = 4;
  std::vector<GoldenCase> cases;
};

// Makes the rule of `spec` anew for every check, so that no check depends on
// another, and applies it:
//   start        it can be made; what it says of itself
//   options      an option that nobody knows is refused
//   golden       the golden cases have their results, to 1e-9
//   counts       batches of 1 to 300 items have one result each
//   unicode      all scripts, NUL and control characters have results
//   size         10 MB in one completion have a result within the item limit
//   determinism  equal results again, in another order, one by one, and from
//                another instance: a run is a function of its seed
//   threads      equal results from many threads at once
//   reference    an unusable reference gives no top score
//   hacks        strings that policies try in place of an answer do not get
//                the golden cases' top score; skipped for a reward whose score
//                does not depend on the reference
// A result that is an ERROR or a TIMEOUT fails its check.
std::vector<ConformanceCheck> CheckConformance(
    const RewardRegistry& registry, const RewardRuleSpec& spec,
    const ConformanceOptions& options);

}  // namespace r1

#endif  // R1_REWARD_CONFORMANCE_CONFORMANCE_H_
