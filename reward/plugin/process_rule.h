// A rule that a process judges: a plugin that is a command or a library.
#ifndef R1_REWARD_PLUGIN_PROCESS_RULE_H_
#define R1_REWARD_PLUGIN_PROCESS_RULE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "reward/core/options.h"
#include "reward/core/rule.h"
#include "reward/plugin/child_process.h"
#include "reward/plugin/plugin_image.h"
#include "reward/plugin/plugin_spec.h"
#include "reward/plugin/work_unit.h"

namespace r1 {

// The process is started once and judges until the rule is gone. One thread
// speaks with it, by the lines of messages.h, with a bounded number of items
// under way. How failures are told apart:
//   - It ends, writes what is no result, or answers nothing for the item limit
//     while items are under way: it is killed and started again, and each item
//     that was under way is sent again alone (for a plugin that compares
//     samples: each group). One during which that happens again is an ERROR or
//     a TIMEOUT. So a crash costs the sample that causes it, no other.
//   - It cannot be started again: what waits becomes an ERROR that says why.
//   - A line for an id that is not under way is logged and dropped.
// A file of the plugin that has changed is loaded when the first item of a new
// training step arrives and nothing is under way; if that fails the old one
// stays. A library is started from a copy in memory, so that a file that
// changes during a step changes nothing.
class ProcessRule : public RewardRule {
 public:
  // Starts the process.
  // Errors: InvalidArgument for what the plugin says against these options, and
  // for one that is built for another version; Unavailable if it cannot be
  // started or says nothing; those of reading its file. All name the plugin.
  static absl::StatusOr<std::unique_ptr<const ProcessRule>> Create(
      const PluginSpec& spec, const RuleOptions& options);
  ~ProcessRule() override;

  std::vector<RuleResult> Judge(absl::Span<const RewardItem* const> items,
                                const RuleContext& context) const override;
  RuleGrain grain() const override { return RuleGrain::kBatch; }
  ScoreRange range() const override { return description_.range; }
  bool compares_samples() const override {
    return description_.compares_samples;
  }
  bool is_deterministic() const override {
    return description_.is_deterministic;
  }
  std::string version(const RuleContext& context) const override;
  // As it was when the rule was made.
  const PluginDescription& description() const { return description_; }

 private:
  class Driver;

  ProcessRule(std::unique_ptr<Driver> driver, PluginDescription description);

  const std::unique_ptr<Driver> driver_;
  const PluginDescription description_;
};

}  // namespace r1

#endif  // R1_REWARD_PLUGIN_PROCESS_RULE_H_
