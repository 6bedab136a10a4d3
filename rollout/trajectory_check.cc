#include "rollout/trajectory_check.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace r1 {
namespace {

absl::Status CheckTokens(const Trajectory& t, const ModelConfig& config) {
  if (t.tokens_size() == 0) {
    return absl::InvalidArgumentError("has no tokens");
  }
  if (t.logprobs_size() != t.tokens_size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", t.tokens_size(), " tokens but ", t.logprobs_size(),
                     " log-probs"));
  }
  // Rounding may lift the log-prob of a certain token above 0 by a few ulp of
  // the logits.
  constexpr float kMaxLogprob = 1e-3f;
  for (int i = 0; i < t.tokens_size(); ++i) {
    if (t.tokens(i) < 0 || t.tokens(i) >= config.vocab_size) {
      return absl::InvalidArgumentError(
          absl::StrCat("token ", i, " has id ", t.tokens(i),
                       ", the vocabulary has ", config.vocab_size));
    }
    if (!std::isfinite(t.logprobs(i)) || t.logprobs(i) > kMaxLogprob) {
      return absl::InvalidArgumentError(
          absl::StrCat("token ", i, " has log-prob ", t.logprobs(i),
                       ", which is no finite number <= 0"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckEnd(const Trajectory& t, int64_t prompt_tokens,
                      const SamplingParams& sampling,
                      const ModelConfig& config) {
  const int64_t limit = std::min<int64_t>(sampling.max_new_tokens(),
                                          config.max_positions - prompt_tokens);
  if (t.tokens_size() > limit) {
    return absl::InvalidArgumentError(absl::StrCat("has ", t.tokens_size(),
                                                   " tokens, at most ", limit,
                                                   " were asked for"));
  }
  const auto is_end = [&](int32_t id) {
    return std::find(config.eos_token_ids.begin(), config.eos_token_ids.end(),
                     id) != config.eos_token_ids.end();
  };
  bool is_consistent = false;
  switch (t.finish_reason()) {
    case FINISH_END_TOKEN:
      is_consistent = is_end(t.tokens(t.tokens_size() - 1));
      break;
    case FINISH_STOP_STRING:
      is_consistent = sampling.stop_size() > 0;
      break;
    case FINISH_LENGTH:
      is_consistent = t.tokens_size() == limit;
      break;
    default:
      break;
  }
  if (!is_consistent) {
    return absl::InvalidArgumentError(absl::StrCat(
        "finish_reason ", FinishReason_Name(t.finish_reason()),
        " does not fit its ", t.tokens_size(), " of ", limit, " tokens"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTrajectory(const Trajectory& t, int64_t prompt_tokens,
                             const SamplingParams& sampling, uint64_t version,
                             const ModelConfig& config) {
  absl::Status status = CheckTokens(t, config);
  if (status.ok()) status = CheckEnd(t, prompt_tokens, sampling, config);
  if (status.ok() && t.policy_version() != version) {
    status = absl::InvalidArgumentError(absl::StrCat(
        "was generated with weights of version ", t.policy_version(),
        ", version ", version, " was asked for"));
  }
  return Annotate(status, absl::StrCat("trajectory of prompt ", t.prompt_id(),
                                       ", sample ", t.sample_index()));
}

}  // namespace r1
