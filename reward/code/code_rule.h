// The rule "code": 1 if the program in the completion passes the tests.
#ifndef R1_REWARD_CODE_CODE_RULE_H_
#define R1_REWARD_CODE_CODE_RULE_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "reward/code/code_options.h"
#include "reward/code/code_verifier.h"
#include "reward/core/rule.h"

namespace r1 {

// Range: {0, 1}, or [0, 1] with options.is_fraction. The reference is that of
// code_reference.h. An unusable reference or test abstains; a sandbox that
// fails (IE) is an error, and a machine below the configured level one for
// every item. Not a pure function: it runs programs, and time limits are real
// time. Threads: as RewardRule; the sandbox starts with the first item.
class CodeRule : public ItemRule {
 public:
  explicit CodeRule(const CodeOptions& options = CodeOptions())
      : options_(options) {}

  RuleResult Score(const RewardItem& item,
                   const RuleContext& context) const override;
  // "sandbox: full", "no sandbox: why"; empty before the first item. Waits for
  // nothing.
  std::string state() const override;

 private:
  // This process's verifier, or why it is not fit for the rule; a failure is
  // tried again after a minute.
  absl::StatusOr<CodeVerifier*> Verifier() const;

  const CodeOptions options_;
  mutable absl::Mutex mutex_;
  mutable bool is_started_ ABSL_GUARDED_BY(mutex_) = false;
  mutable absl::Time retry_ ABSL_GUARDED_BY(mutex_);
  mutable absl::StatusOr<std::shared_ptr<CodeVerifier>> verifier_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace r1

#endif  // R1_REWARD_CODE_CODE_RULE_H_
