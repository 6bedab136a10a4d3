// Short ways to make items and rules in tests.
#ifndef R1_TESTS_REWARD_REWARD_TESTING_H_
#define R1_TESTS_REWARD_REWARD_TESTING_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "proto/reward.pb.h"
#include "reward/core/registry.h"
#include "reward/core/rule.h"

namespace r1 {

inline RewardItem MakeItem(std::string completion, std::string reference = "{}",
                           std::string id = "sample-1") {
  RewardItem item;
  item.set_id(std::move(id));
  item.set_completion(std::move(completion));
  item.set_reference(std::move(reference));
  return item;
}

inline RewardRuleSpec MakeSpec(std::string name, double weight) {
  RewardRuleSpec spec;
  spec.set_name(std::move(name));
  spec.set_weight(weight);
  return spec;
}

// What a rule of any grain says of one item.
inline RuleResult ScoreOne(const RewardRule& rule, const RewardItem& item,
                           const RuleContext& context = {}) {
  const RewardItem* const items[] = {&item};
  return rule.Judge(items, context).at(0);
}

// A rule that does what a function says.
class FunctionRule : public ItemRule {
 public:
  using Function =
      std::function<RuleResult(const RewardItem&, const RuleContext&)>;
  explicit FunctionRule(Function function) : function_(std::move(function)) {}
  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override {
    return function_(item, context);
  }
  ScoreRange range() const override { return {-1e308, 1e308}; }

 private:
  Function function_;
};

// The factory of such a rule, which takes no option.
inline RuleFactory MakeRule(FunctionRule::Function function) {
  return [function = std::move(function)](const RuleOptions& options)
             -> absl::StatusOr<std::unique_ptr<const RewardRule>> {
    R1_RETURN_IF_ERROR(OptionReader(options).Finish());
    return std::make_unique<const FunctionRule>(function);
  };
}

// A rule that gives the same result for every item.
inline RuleFactory ConstantRule(RuleResult result) {
  return MakeRule(
      [result](const RewardItem&, const RuleContext&) { return result; });
}

// A door that a rule or a fake server waits at until the test opens it.
class Gate {
 public:
  void Pass() {
    absl::MutexLock lock(&mutex_);
    ++num_arrived_;
    mutex_.Await(absl::Condition(&is_open_));
  }
  // Arrives without waiting.
  void Count() {
    absl::MutexLock lock(&mutex_);
    ++num_arrived_;
  }
  int num_arrived() {
    absl::MutexLock lock(&mutex_);
    return num_arrived_;
  }
  void AwaitArrivals(int n) {
    const auto have_arrived = [&] { return num_arrived_ >= n; };
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&have_arrived));
  }
  void Open() {
    absl::MutexLock lock(&mutex_);
    is_open_ = true;
  }
  // For those who come from now on.
  void Close() {
    absl::MutexLock lock(&mutex_);
    is_open_ = false;
  }

 private:
  absl::Mutex mutex_;
  int num_arrived_ = 0;
  bool is_open_ = false;
};

}  // namespace r1

#endif  // R1_TESTS_REWARD_REWARD_TESTING_H_
