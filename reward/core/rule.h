// The contract of one reward rule: texts in, one number for each out.
#ifndef R1_REWARD_CORE_RULE_H_
#define R1_REWARD_CORE_RULE_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "proto/reward.pb.h"

namespace r1 {

// What all items of one request have in common.
struct RuleContext {
  // Most tokens a completion may have; 0 = not known.
  int max_new_tokens = 0;
  // The training step, from 1; 0 outside training.
  int64_t step = 0;
  // By item, its score by the rule that RewardRule::needs() names; empty where
  // it names none.
  absl::Span<const double> needed = {};
  // Most time one item may take, where a rule is given many.
  absl::Duration item_limit = absl::InfiniteDuration();
  // When the item's result must exist. A rule that may need more than some
  // milliseconds looks at the clock and returns RuleResult::Timeout().
  absl::Time deadline = absl::InfiniteFuture();
};

// What a rule says about one item. `value` counts for REWARD_SCORE only.
struct RuleResult {
  RewardKind kind = REWARD_ERROR;
  double value = 0;
  // Why, for people: one short line; empty where the value says it all.
  std::string detail;
  // Of the plugin that said it; empty for a rule of this program.
  std::string version = {};
  // What it measured beside the score, finite, by name.
  std::map<std::string, double> metrics = {};
  // The answer that it found in the completion; empty for none.
  std::string extracted = {};

  static RuleResult Score(double value, std::string detail = "") {
    return {REWARD_SCORE, value, std::move(detail)};
  }
  // The item cannot be judged, whatever the model wrote: bad reference.
  static RuleResult Abstain(std::string detail) {
    return {REWARD_ABSTAIN, 0, std::move(detail)};
  }
  // The rule itself failed.
  static RuleResult Error(std::string detail) {
    return {REWARD_ERROR, 0, std::move(detail)};
  }
  static RuleResult Timeout(std::string detail) {
    return {REWARD_TIMEOUT, 0, std::move(detail)};
  }
  // The rule is not for this item; it counts as if it were not there.
  static RuleResult NotApplicable(std::string detail) {
    return {REWARD_NOT_APPLICABLE, 0, std::move(detail)};
  }
};

// Closed interval of the scores a rule may give.
struct ScoreRange {
  double lowest = 0;
  double highest = 1;
};

// How many items a rule is given at once.
enum class RuleGrain {
  kItem,   // one
  kGroup,  // the samples of a prompt, which it compares, e.g. their lengths
  kBatch,  // any number, as it judges elsewhere (a plugin): many cost little
           // more than one, and waiting for it occupies no core
};

// A pure function of (items, context): no state but what a kBatch rule has
// elsewhere, no files, no clock but the deadline. Malformed model output is a
// low score, never an error; an unusable reference is an abstention. Time is
// linear in the items' size.
// Threads: Judge is called from many threads at once.
class RewardRule {
 public:
  virtual ~RewardRule() = default;

  // One result for each item, in their order; items are as many as grain()
  // says, one at least. Their bytes come from a model: any value, any length,
  // NUL included. A kBatch rule returns by context.deadline, with a TIMEOUT for
  // what is not judged by then; items with the same `group`, if it is not
  // empty, are samples of one prompt.
  virtual std::vector<RuleResult> Judge(
      absl::Span<const RewardItem* const> items,
      const RuleContext& context) const = 0;

  virtual RuleGrain grain() const = 0;

  // Whether it must see all samples of a prompt in one request.
  virtual bool compares_samples() const { return grain() == RuleGrain::kGroup; }

  // A score outside it, or one that is not finite, is turned into an error.
  virtual ScoreRange range() const { return {0, 1}; }

  // The rule of the same request whose score of the item it reads; empty for
  // none. An item without such a score has none by this rule either, and is
  // not given to it. Rules that need another's are called after all others, one
  // by one: unless they judge elsewhere, they are cheap.
  virtual std::string needs() const { return ""; }

  // Whether equal items have equal results; a plugin may not promise it.
  virtual bool is_deterministic() const { return true; }

  // Of the plugin that would judge at context.step, read anew if its files have
  // changed; empty for a rule of this program.
  virtual std::string version(const RuleContext& /*context*/) const {
    return "";
  }

  // For people: the state of what it has started, e.g. the level of a sandbox;
  // empty as long as there is nothing to say.
  virtual std::string state() const { return ""; }
};

// A rule of grain kItem, as most are.
class ItemRule : public RewardRule {
 public:
  virtual RuleResult Score(const RewardItem& item,
                           const RuleContext& context) const = 0;

  std::vector<RuleResult> Judge(absl::Span<const RewardItem* const> items,
                                const RuleContext& context) const final {
    return {Score(*items[0], context)};
  }
  RuleGrain grain() const final { return RuleGrain::kItem; }
};

}  // namespace r1

#endif  // R1_REWARD_CORE_RULE_H_
