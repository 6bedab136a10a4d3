// Composition: the rules of a request applied to one item.
#ifndef R1_REWARD_SCORER_H_
#define R1_REWARD_SCORER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "proto/reward.pb.h"
#include "reward/composition.h"
#include "reward/registry.h"
#include "reward/rule.h"

namespace r1 {

// Totals are composed as reward/composition.h says; by default the sum, in the
// order of the rules, of weight x score.
//   - A rule with another weight than 0, or with a gate, that gives no score
//     decides the item's kind: ERROR before TIMEOUT before ABSTAIN where
//     several fail.
//   - Another rule with weight 0 is a metric: it never decides the kind.
//   - A rule that does not apply to the item counts as if it were not there. If
//     there are rules with weight and none of them applies, the item is an
//     ABSTAIN.
//   - Components hold the rules that gave a score, in the order of the rules;
//     a rule without a score has no component and is named in `detail`.
//   - A score that is not finite or outside the rule's range is that rule's
//     error; so is an exception, which does not leave the scorer.
// Threads: all functions may be called from many threads at once.
class Scorer {
 public:
  // Of `context` only max_new_tokens is used. Copies share the rules.
  // Errors: InvalidArgument for no rule, an unknown rule (names the nearest), a
  // bad option, a rule named twice, a rule that another needs and that is not
  // there or needs the other in turn, or a weight that is not finite.
  static absl::StatusOr<Scorer> Create(const RewardRegistry& registry,
                                       absl::Span<const RewardRuleSpec> rules,
                                       const RuleContext& context);

  // The same rules for another step of training.
  Scorer AtStep(int64_t step) const;

  // Whether a rule compares samples.
  bool compares_samples() const;
  // Whether there is a BatchRule.
  bool has_batch_rule() const;
  // The rule with this name; null if it is not here.
  const RewardRule* Find(absl::string_view name) const;

  // The result of one item, which is a group of its own; never fails as a call.
  // Past the deadline no further rule is started, and an item whose required
  // rules were not all done by then is a TIMEOUT. A rule that has been started
  // runs to its end.
  RewardResult Score(const RewardItem& item, absl::Time deadline) const;

  // The steps of it, for many items; results are by item, then by rule. First,
  // for each item, those of the rules that judge it alone, here, and without
  // another rule's score; the other rules' are empty.
  std::vector<RuleResult> ScoreAlone(const RewardItem& item,
                                     absl::Time deadline) const;
  // Then, or at the same time, those of BatchRules, one vector an item, with
  // nothing at the places of other rules. Returns by the deadline.
  std::vector<std::vector<std::optional<RuleResult>>> ScoreBatches(
      absl::Span<const RewardItem* const> items, absl::Duration item_limit,
      absl::Time deadline) const;
  // Then those of the rules that need another's score or compare samples.
  // Items with the same `group` are one group, an item without one is its own.
  void ScoreRest(absl::Span<const RewardItem* const> items, absl::Time deadline,
                 absl::Span<std::vector<RuleResult>> results) const;
  // Last, for each item, the total.
  RewardResult ComposeResult(const RewardItem& item,
                             absl::Span<const RuleResult> results) const;

 private:
  struct Entry {
    std::string name;
    std::shared_ptr<const RewardRule> rule;
    int needs = -1;  // position of the rule whose scores it reads
    // Whether ScoreAlone, ScoreBatches do not call it.
    bool is_rest() const {
      return needs >= 0 || rule->AsGroupRule() != nullptr;
    }
  };

  explicit Scorer(const RuleContext& context) : context_(context) {}

  // Fills in Entry::needs and rest_.
  // Errors: InvalidArgument if a rule is not there, or needs itself by way of
  // others.
  absl::Status FindNeeds();
  absl::Status OrderRest();
  // The score that rule r needs, of an item with these results; null if there
  // is none, and then the rule's own result says so.
  const double* NeededScore(size_t r, std::vector<RuleResult>* results) const;

  RuleContext context_;
  std::vector<Entry> rules_;
  std::vector<size_t> rest_;  // rules that is_rest(), needed ones first
  std::vector<Term> terms_;   // by rule
};

// A TIMEOUT result for an item that was not scored in time.
RewardResult TimeoutResult(const std::string& id, std::string detail);

}  // namespace r1

#endif  // R1_REWARD_SCORER_H_
