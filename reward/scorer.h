// Composition: the rules of a request applied to one item.
#ifndef R1_REWARD_SCORER_H_
#define R1_REWARD_SCORER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "proto/reward.pb.h"
#include "reward/registry.h"
#include "reward/rule.h"

namespace r1 {

// The total is the sum, in the order of the rules, of weight x score.
//   - A rule with another weight than 0 that gives no score decides the item's
//     kind: ERROR before TIMEOUT before ABSTAIN where several fail.
//   - A rule with weight 0 is a metric: it never decides the kind.
//   - Components hold the rules that gave a score, in the order of the rules;
//     a rule without a score has no component and is named in `detail`.
//   - A score that is not finite or outside the rule's range is that rule's
//     error; so is an exception, which does not leave Score.
// Threads: Score may be called from many threads at once.
class Scorer {
 public:
  // `context.deadline` is not used. Copies share the rules.
  // Errors: InvalidArgument for no rule, an unknown rule (names the nearest), a
  // bad option, a rule named twice, or a weight that is not finite.
  static absl::StatusOr<Scorer> Create(const RewardRegistry& registry,
                                       absl::Span<const RewardRuleSpec> rules,
                                       const RuleContext& context);

  // The result of one item; never fails as a call. Past the deadline no
  // further rule is started, and an item whose weighted rules were not all
  // done by then is a TIMEOUT. A rule that has been started runs to its end.
  RewardResult Score(const RewardItem& item, absl::Time deadline) const;

 private:
  struct Entry {
    std::string name;
    double weight;
    std::shared_ptr<const RewardRule> rule;
  };

  explicit Scorer(const RuleContext& context) : context_(context) {}

  RuleContext context_;
  std::vector<Entry> rules_;
};

// A TIMEOUT result for an item that was not scored in time.
RewardResult TimeoutResult(const std::string& id, std::string detail);

}  // namespace r1

#endif  // R1_REWARD_SCORER_H_
