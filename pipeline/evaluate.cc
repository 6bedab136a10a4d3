#include "pipeline/evaluate.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "learner/reward_source.h"
#include "pipeline/estimators.h"
#include "pipeline/vote.h"
#include "reward/builtin_rules.h"
#include "rollout/engine.h"

namespace r1 {
namespace {

// Problems are fed to the engine so many at a time, so that memory does not
// grow with their number.
constexpr int kBatchesAhead = 4;

constexpr char kFormatRule[] = "format";

// All trajectories by (problem, sample).
absl::StatusOr<std::vector<Trajectory>> Generate(
    const ModelWeights& weights, std::shared_ptr<const Tokenizer> tokenizer,
    const std::vector<Prompt>& prompts, const EvalOptions& options, Ops* ops,
    const EvalProgress& progress) {
  EngineOptions engine_options;
  engine_options.max_batch = options.max_batch;
  Engine engine(weights.config(), std::move(tokenizer), ops, engine_options);
  const int64_t k = options.samples;
  const int64_t total = static_cast<int64_t>(prompts.size()) * k;
  std::vector<Trajectory> trajectories(total);
  std::vector<Finished> finished;
  int64_t next_problem = 0, done = 0;
  while (done < total) {
    const int64_t problems = static_cast<int64_t>(prompts.size());
    while (next_problem < problems &&
           next_problem * k - done <
               int64_t{kBatchesAhead} * options.max_batch) {
      const Prompt& prompt = prompts[next_problem];
      auto tokens = std::make_shared<std::vector<int32_t>>(
          prompt.token_ids().begin(), prompt.token_ids().end());
      for (int64_t i = 0; i < k; ++i) {
        EngineRequest request;
        request.key = next_problem * k + i;
        request.prompt = tokens;
        request.seed = options.seed;
        request.prompt_id = prompt.id();
        request.sample_index = static_cast<uint32_t>(i);
        request.sampling = options.sampling;
        R1_RETURN_IF_ERROR(engine.Add(std::move(request)));
      }
      ++next_problem;
    }
    finished.clear();
    R1_RETURN_IF_ERROR(engine.Step(weights, &finished));
    for (Finished& f : finished) {
      trajectories[f.key] = std::move(f.trajectory);
      ++done;
    }
    if (progress && !progress(done, total)) {
      return absl::CancelledError("the evaluation was interrupted");
    }
  }
  return trajectories;
}

// Counts of one (strict or lenient) reading over all problems.
struct Tally {
  double pass1 = 0, pass_k = 0, cons_k = 0;

  void Add(absl::Span<const Vote> votes) {
    const int64_t n = static_cast<int64_t>(votes.size());
    const int64_t c = std::count_if(votes.begin(), votes.end(),
                                    [](const Vote& v) { return v.is_correct; });
    pass1 += PassAtK(n, c, 1);
    pass_k += PassAtK(n, c, n);
    cons_k += IsConsensusCorrect(votes);
  }
  void Append(int k, double problems, absl::string_view suffix,
              Metrics* metrics) const {
    const double scale = problems > 0 ? 1 / problems : 0;
    metrics->emplace_back(absl::StrCat("pass@1", suffix), pass1 * scale);
    if (k == 1) return;
    metrics->emplace_back(absl::StrCat("pass@", k, suffix), pass_k * scale);
    metrics->emplace_back(absl::StrCat("cons@", k, suffix), cons_k * scale);
  }
};

EvalSample MakeSample(const Prompt& prompt, const Trajectory& trajectory,
                      const Tokenizer& tokenizer) {
  EvalSample sample;
  sample.prompt_id = prompt.id();
  sample.sample_index = trajectory.sample_index();
  sample.question = prompt.question();
  sample.reference = prompt.reference();
  sample.completion = tokenizer.Decode(trajectory.tokens(), true);
  sample.finish_reason = trajectory.finish_reason();
  sample.num_tokens = trajectory.tokens_size();
  return sample;
}

// How often a wait for results looks for an interruption.
constexpr absl::Duration kPoll = absl::Milliseconds(100);

// As the learner submits it; `problem` is the prompt's position.
RewardItem MakeItem(size_t problem, const Prompt& prompt,
                    const EvalSample& sample) {
  RewardItem item;
  item.set_id(absl::StrCat(problem, "/", sample.sample_index));
  item.set_prompt(ToValidUtf8(prompt.question()));
  item.set_completion(ToValidUtf8(sample.completion));
  item.set_reference(prompt.reference());
  item.set_completion_tokens(static_cast<int32_t>(sample.num_tokens));
  item.set_is_truncated(sample.finish_reason == FINISH_LENGTH);
  item.set_group(absl::StrCat(problem));
  return item;
}

// The results of all samples, k a prompt, in their order.
absl::StatusOr<std::vector<RewardResult>> ScoreSamples(
    const std::vector<Prompt>& prompts, absl::Span<const EvalSample> samples,
    size_t k, RewardSource* source, const EvalProgress& progress) {
  absl::flat_hash_map<std::string, size_t> awaited;  // position by id
  for (size_t p = 0; p < prompts.size(); ++p) {
    std::vector<RewardItem> items;
    for (size_t i = p * k; i < (p + 1) * k; ++i) {
      items.push_back(MakeItem(p, prompts[p], samples[i]));
      awaited.emplace(items.back().id(), i);
    }
    if (source->compares_samples()) {
      source->SubmitTogether(std::move(items));
    } else {
      for (RewardItem& item : items) source->Submit(std::move(item));
    }
  }
  std::vector<RewardResult> results(samples.size());
  absl::Time next_look = absl::Now();
  while (!awaited.empty()) {
    auto result = source->Next(absl::Now() + kPoll);
    if (result.ok()) {
      const auto it = awaited.find(result->id());
      results[it->second] = *std::move(result);
      awaited.erase(it);
    } else if (!absl::IsDeadlineExceeded(result.status())) {
      return result.status();
    }
    if (absl::Now() < next_look) continue;
    next_look = absl::Now() + kPoll;
    const int64_t total = static_cast<int64_t>(samples.size());
    if (progress && !progress(total, total)) {
      return absl::CancelledError("the evaluation was interrupted");
    }
  }
  return results;
}

bool IsFailure(const RewardResult& result) {
  return result.kind() == REWARD_ERROR || result.kind() == REWARD_TIMEOUT;
}

// The score of a rule, if it gave one.
std::optional<double> ScoreOf(const RewardResult& result,
                              absl::string_view rule) {
  for (const RewardComponent& component : result.components()) {
    if (component.name() == rule) return component.value();
  }
  return std::nullopt;
}

// Turns results into numbers, problem by problem.
class Judge {
 public:
  // `asked`: what the results have scores of.
  Judge(const EvalOptions& options, absl::Span<const RewardRuleSpec> asked)
      : options_(options),
        rules_(EvalRules(options.reward, options.task)),
        lenient_rule_(LenientAnswerRuleName(options.task)),
        voting_(rules_[0]) {
    for (const RewardRuleSpec& rule : asked) {
      has_lenient_ |= rule.name() == lenient_rule_;
      has_format_ |= rule.name() == kFormatRule;
    }
  }

  // Fills in the samples' verdicts.
  void AddProblem(const Prompt& prompt, absl::Span<const RewardResult> results,
                  absl::Span<EvalSample> samples) {
    int64_t errors = 0;
    bool is_abstained = false;
    std::vector<Vote> strict, lenient;
    std::vector<absl::string_view> completions;
    for (size_t i = 0; i < samples.size(); ++i) {
      const RewardResult& result = results[i];
      EvalSample& sample = samples[i];
      const auto score = ScoreOf(result, rules_[0].name());
      errors += IsFailure(result);
      is_abstained |= !score.has_value();
      sample.is_correct = score == 1;
      sample.has_format = ScoreOf(result, kFormatRule) == 1;
      strict.emplace_back().is_correct = sample.is_correct;
      lenient.emplace_back().is_correct =
          sample.is_correct || ScoreOf(result, lenient_rule_) == 1;
      completions.push_back(sample.completion);
    }
    errors_ += errors;
    if (errors > 0) return;
    if (is_abstained) {
      ++abstained_;
      return;
    }
    ++problems_;
    const std::vector<Answers> answers =
        voting_.AnswersOf(prompt.reference(), completions);
    for (size_t i = 0; i < samples.size(); ++i) {
      strict[i].answer = answers[i].strict;
      lenient[i].answer = answers[i].lenient;
      formats_ += samples[i].has_format;
      tokens_ += samples[i].num_tokens;
      truncated_ += samples[i].finish_reason == FINISH_LENGTH;
      for (const RewardComponent& score : results[i].components()) {
        Mean& mean = means_[score.name()];
        mean.sum += score.value();
        ++mean.count;
      }
    }
    strict_.Add(strict);
    lenient_.Add(lenient);
  }

  Metrics Finish() {
    Metrics metrics;
    strict_.Append(options_.samples, problems_, "", &metrics);
    if (has_lenient_) {
      lenient_.Append(options_.samples, problems_, "_lenient", &metrics);
    }
    const double samples = problems_ * options_.samples;
    const double scale = samples > 0 ? 1 / samples : 0;
    if (has_format_) metrics.emplace_back("format", formats_ * scale);
    metrics.emplace_back("mean_length", tokens_ * scale);
    metrics.emplace_back("truncated", truncated_ * scale);
    metrics.emplace_back("problems", problems_);
    metrics.emplace_back("abstained", abstained_);
    metrics.emplace_back("errors", errors_);
    for (size_t r = 1; r < rules_.size(); ++r) {
      const std::string& name = rules_[r].name();
      const Mean& mean = means_[name];
      metrics.emplace_back(absl::StrCat("reward/", name),
                           mean.count > 0 ? mean.sum / mean.count : 0);
    }
    return metrics;
  }

 private:
  struct Mean {
    double sum = 0;
    int64_t count = 0;
  };

  const EvalOptions& options_;
  const std::vector<RewardRuleSpec> rules_;
  const std::string lenient_rule_;
  const Voting voting_;
  bool has_lenient_ = false, has_format_ = false;
  std::map<std::string, Mean> means_;  // by rule
  Tally strict_, lenient_;
  double problems_ = 0, abstained_ = 0, errors_ = 0;
  double formats_ = 0, tokens_ = 0, truncated_ = 0;
};

absl::Status CheckErrorShare(const std::vector<Prompt>& prompts,
                             absl::Span<const EvalSample> samples,
                             absl::Span<const RewardResult> results,
                             const EvalOptions& options) {
  const int64_t failures =
      std::count_if(results.begin(), results.end(), IsFailure);
  const double limit = options.reward.max_error_share();
  if (failures <= limit * static_cast<double>(results.size())) {
    return absl::OkStatus();
  }
  const size_t first =
      std::find_if(results.begin(), results.end(), IsFailure) - results.begin();
  return absl::FailedPreconditionError(absl::StrCat(
      "evaluation: ", failures, " of ", results.size(),
      " reward results are errors or timeouts, above reward.max_error_share = ",
      limit, "; e.g. sample ", prompts[first / options.samples].source(), "/",
      samples[first].sample_index, ": ", RewardKind_Name(results[first].kind()),
      " ", results[first].detail()));
}

}  // namespace

SamplingParams MakeEvalSampling(const RunConfig& config) {
  SamplingParams sampling;
  sampling.set_temperature(config.eval().temperature());
  sampling.set_top_p(config.eval().top_p());
  sampling.set_max_new_tokens(config.rollout().max_new_tokens());
  *sampling.mutable_stop() = config.rollout().stop();
  return sampling;
}

std::vector<RewardRuleSpec> JudgingRules(const RewardSection& section,
                                         Task task, const RewardLink& link) {
  std::vector<RewardRuleSpec> rules = EvalRules(section, task);
  // Nothing learns from the total; where this rule fails, so does the sample.
  rules[0].set_weight(1);
  for (const char* name : {LenientAnswerRuleName(task), kFormatRule}) {
    const bool is_there = std::any_of(
        rules.begin(), rules.end(),
        [&](const RewardRuleSpec& rule) { return rule.name() == name; });
    if (!is_there && link.HasRule(name)) rules.emplace_back().set_name(name);
  }
  return rules;
}

absl::StatusOr<EvalReport> JudgeSamples(
    const std::vector<Prompt>& prompts,
    const std::vector<Trajectory>& trajectories, const Tokenizer& tokenizer,
    const EvalOptions& options, const RewardLink& link,
    const EvalProgress& progress) {
  const std::vector<RewardRuleSpec> rules =
      JudgingRules(options.reward, options.task, link);
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<RewardSource> source,
                      link.MakeSource(rules));
  const size_t k = options.samples;
  EvalReport report;
  for (size_t i = 0; i < prompts.size() * k; ++i) {
    report.samples.push_back(
        MakeSample(prompts[i / k], trajectories[i], tokenizer));
  }
  R1_ASSIGN_OR_RETURN(
      const std::vector<RewardResult> results,
      ScoreSamples(prompts, report.samples, k, source.get(), progress));
  R1_RETURN_IF_ERROR(
      CheckErrorShare(prompts, report.samples, results, options));
  Judge judge(options, rules);
  for (size_t p = 0; p < prompts.size(); ++p) {
    judge.AddProblem(prompts[p], absl::MakeConstSpan(results).subspan(p * k, k),
                     absl::MakeSpan(report.samples).subspan(p * k, k));
  }
  report.metrics = judge.Finish();
  return report;
}

absl::StatusOr<EvalReport> Evaluate(const ModelWeights& weights,
                                    std::shared_ptr<const Tokenizer> tokenizer,
                                    const std::vector<Prompt>& prompts,
                                    const EvalOptions& options,
                                    const RewardLink& link, Ops* ops,
                                    const EvalProgress& progress) {
  R1_ASSIGN_OR_RETURN(
      const std::vector<Trajectory> trajectories,
      Generate(weights, tokenizer, prompts, options, ops, progress));
  return JudgeSamples(prompts, trajectories, *tokenizer, options, link,
                      progress);
}

}  // namespace r1
