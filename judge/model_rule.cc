#include "judge/model_rule.h"

#include <limits>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "judge/reward_model.h"
#include "learner/packing.h"
#include "reward/core/rule.h"

namespace r1 {
namespace {

// Larger ones would drown all other rewards.
constexpr double kMaxFactor = 1e6;

// A loaded reward model, which serves one batch at a time.
// Threads: all functions may be called from any thread.
class LoadedJudge {
 public:
  static absl::StatusOr<std::shared_ptr<LoadedJudge>> Load(
      const std::string& path, int threads) {
    R1_ASSIGN_OR_RETURN(ModelFolder folder, LoadRewardModel(path));
    return std::make_shared<LoadedJudge>(std::move(folder),
                                         MakeCpuOps(threads));
  }

  LoadedJudge(ModelFolder folder, std::unique_ptr<Ops> ops)
      : tokenizer_(std::move(folder.tokenizer)),
        hash_(HashParams(folder.params)),
        ops_(std::move(ops)),
        weights_(folder.config, std::move(folder.params),
                 /*is_trained=*/false),
        scorer_(folder.config, ops_.get()) {
    weights_.Pack(ops_.get());
  }

  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const ModelConfig& config() const { return weights_.config(); }
  const std::string& hash() const { return hash_; }

  // The scores of the first sequences; fewer than all where the deadline came.
  std::vector<float> Score(absl::Span<const std::vector<int32_t>> sequences,
                           absl::Time deadline) {
    if (!Acquire(deadline)) return {};
    std::vector<int64_t> lengths;
    for (const auto& tokens : sequences) lengths.push_back(tokens.size());
    std::vector<float> scores;
    for (IndexRange range :
         CutIntoMicrobatches(lengths, kJudgeMicrobatchTokens)) {
      if (absl::Now() >= deadline) break;
      const std::vector<float> some = scorer_.Score(
          weights_, sequences.subspan(range.begin, range.end - range.begin));
      scores.insert(scores.end(), some.begin(), some.end());
    }
    Release();
    return scores;
  }

 private:
  bool Acquire(absl::Time deadline) {
    const auto is_free = [](LoadedJudge* judge) { return !judge->is_busy_; };
    absl::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithDeadline(absl::Condition(+is_free, this), deadline)) {
      return false;
    }
    is_busy_ = true;
    return true;
  }
  void Release() {
    absl::MutexLock lock(&mutex_);
    is_busy_ = false;
  }

  const std::shared_ptr<const Tokenizer> tokenizer_;
  const std::string hash_;
  absl::Mutex mutex_;
  bool is_busy_ ABSL_GUARDED_BY(mutex_) = false;
  // Of whoever acquired it.
  const std::unique_ptr<Ops> ops_;
  ModelWeights weights_;
  SequenceScorer scorer_;
};

// Loaded once as long as a rule has it.
class Judges {
 public:
  explicit Judges(int threads) : threads_(threads) {}

  absl::StatusOr<std::shared_ptr<LoadedJudge>> At(const std::string& path) {
    absl::MutexLock lock(&mutex_);
    std::weak_ptr<LoadedJudge>& known = by_path_[path];
    if (std::shared_ptr<LoadedJudge> judge = known.lock()) return judge;
    R1_ASSIGN_OR_RETURN(std::shared_ptr<LoadedJudge> judge,
                        LoadedJudge::Load(path, threads_));
    known = judge;
    return judge;
  }

 private:
  const int threads_;
  absl::Mutex mutex_;
  std::map<std::string, std::weak_ptr<LoadedJudge>> by_path_
      ABSL_GUARDED_BY(mutex_);
};

class ModelRule : public RewardRule {
 public:
  ModelRule(ModelRuleOptions options, std::shared_ptr<LoadedJudge> judge)
      : options_(std::move(options)), judge_(std::move(judge)) {}

  std::vector<RuleResult> Judge(absl::Span<const RewardItem* const> items,
                                const RuleContext& context) const override {
    std::vector<RuleResult> results(items.size());
    std::vector<std::vector<int32_t>> sequences;
    std::vector<size_t> places;
    for (size_t i = 0; i < items.size(); ++i) {
      const auto text = PartOf(items[i]->completion(), options_.part);
      if (!text.has_value()) {
        results[i] = RuleResult::Score(options_.scale * options_.no_answer,
                                       "there is nothing to judge");
        continue;
      }
      auto tokens = EncodeJudged(judge_->tokenizer(), judge_->config(),
                                 items[i]->prompt(), *text);
      if (!tokens.ok()) {
        results[i] =
            RuleResult::Abstain(std::string(tokens.status().message()));
        continue;
      }
      results[i] = RuleResult::Timeout("the reward model came not this far");
      sequences.push_back(*std::move(tokens));
      places.push_back(i);
    }
    const std::vector<float> scores =
        judge_->Score(sequences, context.deadline);
    for (size_t i = 0; i < scores.size(); ++i) {
      results[places[i]] = RuleResult::Score(options_.scale * scores[i]);
    }
    for (RuleResult& result : results) result.version = judge_->hash();
    return results;
  }

  RuleGrain grain() const override { return RuleGrain::kBatch; }
  ScoreRange range() const override {
    return {std::numeric_limits<double>::lowest(),
            std::numeric_limits<double>::max()};
  }
  std::string version(const RuleContext& /*context*/) const override {
    return judge_->hash();
  }

 private:
  const ModelRuleOptions options_;
  const std::shared_ptr<LoadedJudge> judge_;
};

}  // namespace

absl::StatusOr<ModelRuleOptions> ModelRuleOptions::Parse(
    const RuleOptions& options) {
  ModelRuleOptions parsed;
  OptionReader read(options);
  read.Text("path", &parsed.path);
  int part = static_cast<int>(parsed.part);
  read.Choice("part", {"ANSWER", "WHOLE"}, &part);
  parsed.part = static_cast<JudgedPart>(part);
  read.Number("scale", -kMaxFactor, kMaxFactor, &parsed.scale);
  read.Number("no_answer", -kMaxFactor, kMaxFactor, &parsed.no_answer);
  read.Text("tokenizer", &parsed.tokenizer);
  R1_RETURN_IF_ERROR(read.Finish());
  if (!parsed.path.empty()) return parsed;
  return absl::InvalidArgumentError(
      "option \"path\" must name the folder of a reward model");
}

RuleFactory MakesModelRule(int threads) {
  return [judges =
              std::make_shared<Judges>(threads)](const RuleOptions& options)
             -> absl::StatusOr<std::unique_ptr<const RewardRule>> {
    R1_ASSIGN_OR_RETURN(ModelRuleOptions parsed,
                        ModelRuleOptions::Parse(options));
    R1_ASSIGN_OR_RETURN(std::shared_ptr<LoadedJudge> judge,
                        judges->At(parsed.path));
    const std::string& hash = judge->tokenizer().hash();
    if (!parsed.tokenizer.empty() && parsed.tokenizer != hash) {
      return absl::InvalidArgumentError(absl::StrCat(
          parsed.path, ": has the tokenizer ", hash, ", expected ",
          parsed.tokenizer, ": train a reward model from a model of this run"));
    }
    return std::make_unique<const ModelRule>(std::move(parsed),
                                             std::move(judge));
  };
}

}  // namespace r1
