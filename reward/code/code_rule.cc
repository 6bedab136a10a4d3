#include "reward/code/code_rule.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "reward/code/code_host.h"
#include "reward/code/code_reference.h"
#include "reward/code/extract.h"

namespace r1 {
namespace {

constexpr absl::Duration kRetryAfter = absl::Minutes(1);

}  // namespace

absl::StatusOr<CodeVerifier*> CodeRule::Verifier() const {
  absl::MutexLock lock(&mutex_);
  // A machine that could not start it in a busy moment is asked again.
  const bool is_due = !verifier_.ok() && absl::Now() >= retry_;
  if (!is_started_ || is_due) {
    is_started_ = true;
    verifier_ = CodeVerifier::Shared();
    if (verifier_.ok()) {
      const absl::Status reached =
          (*verifier_)->preflight().Require(options_.level);
      if (!reached.ok()) verifier_ = reached;
    }
    if (!verifier_.ok()) LogWarning(verifier_.status().message());
    retry_ = absl::Now() + kRetryAfter;
  }
  if (!verifier_.ok()) return verifier_.status();
  return verifier_->get();
}

std::string CodeRule::state() const {
  if (!mutex_.TryLock()) return "sandbox: starting";
  std::string state;
  if (is_started_ && verifier_.ok()) {
    state =
        absl::StrCat("sandbox: ", LevelName((*verifier_)->preflight().level));
  } else if (is_started_) {
    state = absl::StrCat("no sandbox: ", verifier_.status().message());
  }
  mutex_.Unlock();
  return state;
}

RuleResult CodeRule::Score(const RewardItem& item,
                           const RuleContext& context) const {
  auto reference = ParseCodeReference(item.reference(), options_.limits);
  if (!reference.ok()) {
    return RuleResult::Abstain(std::string(reference.status().message()));
  }
  reference->limits = ThisCodeHost().Clamped(reference->limits);
  if (reference->checker.has_value()) {
    RunLimits& limits = reference->checker->limits;
    limits = ThisCodeHost().Clamped(limits);
  }
  reference->is_fraction = options_.is_fraction;
  const std::string& entry = reference->entry_point;
  const ExtractedCode extracted =
      ExtractCode(item.completion(), reference->language,
                  entry.substr(entry.find('.') + 1));  // of Class.method
  if (extracted.code.empty()) return RuleResult::Score(0, extracted.problem);
  const absl::StatusOr<CodeVerifier*> verifier = Verifier();
  if (!verifier.ok()) {
    return RuleResult::Error(std::string(verifier.status().message()));
  }
  const Judgement judgement =
      (*verifier)->Judge(*reference, extracted.code, context.deadline);
  if (judgement.is_past_deadline) {
    return RuleResult::Timeout("its tests did not end by the deadline");
  }
  if (judgement.is_bad_test) {
    return RuleResult::Abstain(absl::StrCat("unusable: ", judgement.detail));
  }
  if (judgement.verdict == Verdict::kSandboxError) {
    return RuleResult::Error(absl::StrCat("IE: ", judgement.detail));
  }
  if (judgement.verdict == Verdict::kOk) return RuleResult::Score(1, "OK");
  const double share =
      options_.is_fraction
          ? static_cast<double>(judgement.num_passed) / judgement.num_tests
          : 0;
  return RuleResult::Score(share, absl::StrCat(VerdictName(judgement.verdict),
                                               ": ", judgement.detail));
}

}  // namespace r1
