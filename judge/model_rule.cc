#include "judge/model_rule.h"

#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "judge/loaded_judge.h"
#include "reward/core/rule.h"

namespace r1 {
namespace {

// Larger ones would drown all other rewards.
constexpr double kMaxFactor = 1e6;

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
        judge_->Score(std::move(sequences), context.deadline);
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
  return [judges = std::make_shared<LoadedJudges>(threads)](
             const RuleOptions& options)
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
