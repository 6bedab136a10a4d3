#include "pipeline/evaluation/evaluate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "learner/reward_item.h"
#include "pipeline/evaluation/count_verdicts.h"
#include "pipeline/evaluation/generate_samples.h"
#include "pipeline/evaluation/judge_samples.h"
#include "proto/answer_length.h"
#include "reward/builtin_rules.h"

namespace r1 {
namespace {

EvalSample MakeSample(const Prompt& prompt, const Trajectory& trajectory,
                      std::string completion) {
  EvalSample sample;
  sample.prompt_id = prompt.id();
  sample.sample_index = trajectory.sample_index();
  sample.question = prompt.question();
  sample.reference = prompt.reference();
  sample.completion = std::move(completion);
  sample.finish_reason = trajectory.finish_reason();
  sample.num_tokens = trajectory.tokens_size();
  return sample;
}

absl::StatusOr<CountedRules> MakeCountedRules(const EvalOptions& options,
                                              const RewardLink& link) {
  CountedRules counted;
  const std::vector<RewardRuleSpec> rules =
      EvalRules(options.reward, options.task);
  for (const RewardRuleSpec& rule : JudgesOf(rules)) {
    R1_ASSIGN_OR_RETURN(const double right_from, link.RightScore(rule.name()));
    counted.judges.push_back({rule, right_from});
  }
  for (size_t r = counted.judges.size(); r < rules.size(); ++r) {
    counted.means.push_back(rules[r].name());
  }
  const std::string lenient = LenientAnswerRuleName(options.task);
  for (const RewardRuleSpec& rule :
       JudgingRules(options.reward, options.task, link)) {
    if (rule.name() == lenient) counted.lenient = lenient;
    counted.has_format |= rule.name() == kFormatRule;
  }
  return counted;
}

absl::Status CheckErrorShare(const std::vector<Prompt>& prompts,
                             absl::Span<const EvalSample> samples,
                             absl::Span<const RewardResult> results,
                             const EvalOptions& options) {
  FailureCount count;
  for (size_t i = 0; i < results.size(); ++i) {
    count.Add(absl::StrCat(prompts[i / options.samples].source(), "/",
                           samples[i].sample_index),
              results[i]);
  }
  return Annotate(count.Check(options.reward.max_error_share()), "evaluation");
}

// An evaluation that could judge nothing says why.
void WarnOfNoProblems(const Metrics& metrics, const std::string& judge,
                      absl::Span<const RewardResult> results) {
  const auto is_none = [](const auto& metric) {
    return metric.first == "problems" && metric.second == 0;
  };
  if (results.empty() ||
      std::none_of(metrics.begin(), metrics.end(), is_none)) {
    return;
  }
  LogWarning(absl::StrCat("evaluation: the rule ", judge,
                          " could judge none of the problems; e.g. ",
                          results[0].detail()));
}

}  // namespace

SamplingParams MakeEvalSampling(const StageConfig& config, int64_t step) {
  SamplingParams sampling;
  sampling.set_temperature(config.eval().temperature());
  sampling.set_top_p(config.eval().top_p());
  sampling.set_max_new_tokens(MaxNewTokensAt(config.rollout(), step));
  *sampling.mutable_stop() = config.rollout().stop();
  return sampling;
}

absl::StatusOr<EvalReport> JudgeSamples(
    const std::vector<Prompt>& prompts,
    const std::vector<Trajectory>& trajectories, const Tokenizer& tokenizer,
    const EvalOptions& options, const RewardLink& link,
    const EvalProgress& progress) {
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<RewardSource> source,
                      MakeJudge(options.reward, options.task, link));
  source->SetStep(/*step=*/0, options.sampling.max_new_tokens());
  R1_ASSIGN_OR_RETURN(CountedRules rules, MakeCountedRules(options, link));
  EvalReport report;
  report.judge = RuleNames(JudgesOf(EvalRules(options.reward, options.task)));
  const size_t k = options.samples;
  std::vector<std::string> completions;
  for (size_t i = 0; i < prompts.size() * k; ++i) {
    completions.push_back(
        CompletionText(prompts[i / k], trajectories[i], tokenizer));
    report.samples.push_back(
        MakeSample(prompts[i / k], trajectories[i], completions[i]));
  }
  R1_ASSIGN_OR_RETURN(std::vector<RewardResult> results,
                      ScoreSamples(prompts, trajectories, completions, options,
                                   source.get(), progress));
  R1_RETURN_IF_ERROR(
      CheckErrorShare(prompts, report.samples, results, options));
  VerdictCount count(options.samples, std::move(rules));
  for (size_t p = 0; p < prompts.size(); ++p) {
    count.AddProblem(prompts[p].reference(),
                     absl::MakeConstSpan(results).subspan(p * k, k),
                     absl::MakeSpan(report.samples).subspan(p * k, k));
  }
  report.metrics = count.Finish();
  WarnOfNoProblems(report.metrics, report.judge, results);
  report.results = std::move(results);
  return report;
}

absl::StatusOr<EvalReport> Evaluate(
    const WeightsId& id, std::shared_ptr<const PolicyWeights> weights,
    const std::vector<Prompt>& prompts, const Tokenizer& tokenizer,
    const EvalOptions& options, RolloutSource* source, const RewardLink& link,
    const EvalProgress& progress) {
  R1_ASSIGN_OR_RETURN(const std::vector<Trajectory> trajectories,
                      GenerateSamples(id, std::move(weights), prompts, options,
                                      source, progress));
  return JudgeSamples(prompts, trajectories, tokenizer, options, link,
                      progress);
}

}  // namespace r1
