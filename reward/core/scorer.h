// Composition: the rules of a request applied to one item.
#ifndef R1_REWARD_CORE_SCORER_H_
#define R1_REWARD_CORE_SCORER_H_

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
#include "reward/core/composition.h"
#include "reward/core/registry.h"
#include "reward/core/rule.h"

namespace r1 {

// What rules say of one item, by rule; nothing where one was not asked yet.
using RuleResults = std::vector<std::optional<RuleResult>>;

// Totals are composed as reward/core/composition.h says; by default the sum, in
// the order of the rules, of weight x score.
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

  // The same rules for another step of training, or for none (0), and its
  // longest completion. A rule that counts from a later step is a metric.
  Scorer AtStep(int64_t step, int max_new_tokens) const;

  // Whether a rule compares samples.
  bool compares_samples() const;
  // The rule with this name; null if it is not here.
  const RewardRule* Find(absl::string_view name) const;

  // The results of items, in their order; never fails as a call. Items with the
  // same `group` are one group, an item without one is its own. Past the
  // deadline no further rule is started, and an item whose required rules were
  // not all done by then is a TIMEOUT. A rule that has been started runs to its
  // end.
  std::vector<RewardResult> Score(absl::Span<const RewardItem* const> items,
                                  absl::Time deadline) const;
  RewardResult Score(const RewardItem& item, absl::Time deadline) const;

  // The stages of it: rules that judge one item, here; rules that judge
  // elsewhere, at the same time or not; then rules that need another's score
  // or compare samples, which are cheap unless they judge elsewhere and so
  // know no deadline.
  enum class Stage { kAlone, kElsewhere, kRest };
  // Fills in what the rules of a stage say of the items; by then `results`, one
  // an item, holds what those of kRest need. Returns by the deadline if rules
  // keep to it.
  void Ask(Stage stage, absl::Span<const RewardItem* const> items,
           absl::Duration item_limit, absl::Time deadline,
           absl::Span<RuleResults> results) const;
  // One without results.
  RuleResults NoResults() const { return RuleResults(rules_.size()); }
  // Last, the total; `results` are those of all rules.
  RewardResult ComposeResult(const RewardItem& item,
                             const RuleResults& results) const;

 private:
  struct Entry {
    std::string name;
    std::shared_ptr<const RewardRule> rule;
    int needs = -1;  // position of the rule whose scores it reads
    Stage stage() const;
  };

  explicit Scorer(const RuleContext& context) : context_(context) {}

  // Fills in Entry::needs and order_.
  // Errors: InvalidArgument if a rule is not there, or needs itself by way of
  // others.
  absl::Status FindNeeds();
  absl::Status OrderRules();
  // The items that rule r is called with, by call; for others their results say
  // why it is not.
  std::vector<std::vector<size_t>> CallsOf(
      size_t r, absl::Span<const RewardItem* const> items,
      absl::Span<RuleResults> results) const;
  void AskRule(size_t r, absl::Span<const RewardItem* const> items,
               RuleContext context, absl::Span<RuleResults> results) const;

  RuleContext context_;
  std::vector<Entry> rules_;
  std::vector<size_t> order_;  // of the rules, needed ones first
  std::vector<Term> terms_;    // by rule
};

}  // namespace r1

#endif  // R1_REWARD_CORE_SCORER_H_
