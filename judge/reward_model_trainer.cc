#include "judge/reward_model_trainer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "learner/packing.h"

namespace r1 {
namespace {

// Clip of the gradient norm (DeepSeek-V3, arXiv 2412.19437, 4.2).
constexpr double kMaxGradNorm = 1.0;

OptimizerConfig MakeOptimizer(const RewardModelOptions& options) {
  OptimizerConfig optimizer;
  optimizer.schedule.peak = options.learning_rate;
  optimizer.schedule.warmup = options.warmup_steps;
  optimizer.schedule.is_cosine = true;
  optimizer.schedule.total = options.steps;
  optimizer.weight_decay = options.weight_decay;
  optimizer.max_grad_norm = kMaxGradNorm;
  return optimizer;
}

// The texts of some examples, those that are there, each with its row scored.
PackedTokens PackTexts(absl::Span<const Preference> examples,
                       const ModelConfig& config) {
  PackedTokens packed;
  for (const Preference& example : examples) {
    for (const auto* tokens : {&example.better, &example.worse}) {
      if (tokens->empty()) continue;
      packed.AppendWithRow(*tokens, ScoredPosition(*tokens, config));
    }
  }
  return packed;
}

}  // namespace

RewardModelTrainer::RewardModelTrainer(const RewardModelOptions& options,
                                       PreferenceSource examples, Ops* ops,
                                       TrainingState state)
    : batch_size_(options.batch_size),
      examples_(std::move(examples)),
      ops_(ops),
      state_(std::move(state)),
      optimizer_(MakeOptimizer(options)),
      model_(state_.config, ops, state_.keep),
      grads_(state_.params.shared_layout(), ops->device()) {
  R1_CHECK(batch_size_ >= 1, "a batch has examples");
  R1_CHECK(state_.config.head == ModelHead::kScore, "the model gives scores");
}

absl::StatusOr<Metrics> RewardModelTrainer::Step() {
  const absl::Time start = absl::Now();
  const uint64_t first_index = state_.next_index;
  R1_ASSIGN_OR_RETURN(const std::vector<Preference> batch, NextBatch());
  const PreferenceMetrics measured = AccumulateGradient(batch);
  const UpdateResult update =
      ApplyUpdate(optimizer_, measured.loss, grads_, ops_, &state_.optimizer,
                  &state_.params);
  if (update.is_applied) {
    RenewWeights(ops_, &state_);
  } else {
    LogWarning(absl::StrCat("reward model: step ", state_.step + 1,
                            " was not applied: ", update.skip_reason,
                            "; its batch: examples ", first_index, " to ",
                            state_.next_index - 1));
    R1_RETURN_IF_ERROR(CheckNotStuck(state_.optimizer, update));
  }
  ++state_.step;
  ++state_.version;

  int64_t tokens = 0;
  for (const Preference& example : batch) tokens += example.length();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  return Metrics{{"loss", measured.loss},
                 {"accuracy", measured.accuracy},
                 {"margin", measured.margin},
                 {"grad_norm", update.grad_norm},
                 {"learning_rate", update.learning_rate},
                 {"updates/skipped", update.is_applied ? 0 : 1},
                 {"tokens/trained", tokens},
                 {"time/step_seconds", seconds},
                 {"tokens_per_second/train", tokens / seconds}};
}

// The next examples, in order; state_.next_index moves past them.
absl::StatusOr<std::vector<Preference>> RewardModelTrainer::NextBatch() {
  std::vector<Preference> batch;
  for (int64_t i = 0; i < batch_size_; ++i) {
    R1_ASSIGN_OR_RETURN(Preference example, Example(state_.next_index + i));
    batch.push_back(std::move(example));
  }
  state_.next_index += batch_size_;
  return batch;
}

absl::StatusOr<Preference> RewardModelTrainer::Example(uint64_t index) const {
  R1_ASSIGN_OR_RETURN(Preference example, examples_(index));
  const std::string name = absl::StrCat("preference ", index);
  if (example.length() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " has nothing to learn: both texts are empty"));
  }
  for (const auto* tokens : {&example.better, &example.worse}) {
    if (tokens->empty()) continue;
    R1_RETURN_IF_ERROR(Annotate(CheckScorable(*tokens, state_.config), name));
  }
  return example;
}

// Sets grads_ to the gradient of the batch's mean loss. The two texts of a pair
// share a microbatch, so one forward pass gives its margin.
PreferenceMetrics RewardModelTrainer::AccumulateGradient(
    const std::vector<Preference>& batch) {
  const PolicyWeights& weights = *state_.weights;
  std::vector<int64_t> lengths;
  for (const Preference& example : batch) lengths.push_back(example.length());
  ops_->Fill(0, grads_.flat());
  std::vector<double> margins;
  for (IndexRange range :
       CutIntoMicrobatches(lengths, kJudgeMicrobatchTokens)) {
    const auto examples = absl::MakeConstSpan(batch).subspan(
        range.begin, range.end - range.begin);
    const PackedTokens packed = PackTexts(examples, weights.config());
    std::vector<float> scores(packed.scored_rows.size());
    model_.Forward(weights, packed, /*keep_activations=*/true);
    model_.Scores(weights, absl::MakeSpan(scores));
    std::vector<float> dscores;
    auto score = scores.begin();
    for (const Preference& example : examples) {
      double margin = 0;
      if (!example.better.empty()) margin += *score++;
      if (!example.worse.empty()) margin -= *score++;
      const float dmargin = PreferenceLossGradient(margin) / batch.size();
      if (!example.better.empty()) dscores.push_back(dmargin);
      if (!example.worse.empty()) dscores.push_back(-dmargin);
      margins.push_back(margin);
    }
    model_.BackwardScores(weights, dscores, &grads_);
  }
  return MeasurePreferences(margins);
}

}  // namespace r1
