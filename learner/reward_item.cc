#include "learner/reward_item.h"

#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "proto/reward_result.h"

namespace r1 {

std::string CompletionText(const Prompt& prompt, const Trajectory& trajectory,
                           const Tokenizer& tokenizer) {
  return ToValidUtf8(absl::StrCat(
      prompt.answer_prefix(),
      tokenizer.Decode(trajectory.tokens(), /*skip_special=*/true)));
}

std::string SampleName(uint64_t prompt_id, uint32_t sample_index) {
  return absl::StrCat(prompt_id, "/", sample_index);
}

RewardItem MakeRewardItem(const Prompt& prompt, const Trajectory& trajectory,
                          absl::string_view completion) {
  RewardItem item;
  item.set_id(SampleName(prompt.id(), trajectory.sample_index()));
  item.set_prompt(ToValidUtf8(prompt.question()));
  item.set_completion(ToValidUtf8(completion));
  item.set_reference(prompt.reference());
  item.set_completion_tokens(trajectory.tokens_size());
  item.set_is_truncated(trajectory.finish_reason() == FINISH_LENGTH);
  item.set_group(absl::StrCat(prompt.id()));
  return item;
}

std::optional<double> ScoreOf(const RewardResult& result,
                              absl::string_view rule) {
  for (const RewardComponent& component : result.components()) {
    if (component.name() == rule) return component.value();
  }
  return std::nullopt;
}

std::optional<bool> IsRight(const RewardResult& result,
                            absl::Span<const AnswerRule> rules) {
  for (const AnswerRule& rule : rules) {
    const auto score = ScoreOf(result, rule.name);
    if (score.has_value()) return *score >= rule.right_from;
  }
  return std::nullopt;
}

void FailureCount::Add(absl::string_view sample, const RewardResult& result) {
  ++results_;
  if (!IsFailure(result)) return;
  ++failures_;
  if (!example_.empty()) return;
  example_ = absl::StrCat("sample ", sample, ": ",
                          RewardKind_Name(result.kind()), " ", result.detail());
}

absl::Status FailureCount::Check(double max_error_share) const {
  if (static_cast<double>(failures_) <=
      max_error_share * static_cast<double>(results_)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      failures_, " of ", results_,
      " reward results are errors or timeouts, above reward.max_error_share = ",
      max_error_share, "; e.g. ", example_));
}

}  // namespace r1
