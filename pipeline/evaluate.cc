#include "pipeline/evaluate.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status_macros.h"
#include "pipeline/estimators.h"
#include "reward/answer/number.h"
#include "reward/builtin_rules.h"
#include "reward/format/tags.h"
#include "reward/scorer.h"
#include "reward/text.h"
#include "rollout/engine.h"

namespace r1 {
namespace {

// Problems are fed to the engine so many at a time, so that memory does not
// grow with their number.
constexpr int kBatchesAhead = 4;

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

// The votable form of an answer: a number by its value, other text without
// white space.
std::string CanonicalAnswer(absl::string_view answer) {
  if (const auto number = CanonicalNumber(answer)) return *number;
  return absl::StrReplaceAll(answer,
                             {{" ", ""}, {"\t", ""}, {"\n", ""}, {"\r", ""}});
}

struct Verdict {
  bool is_correct = false;
  bool is_correct_lenient = false;
  bool has_format = false;
  bool is_abstained = false;
  std::vector<RewardComponent> scores;  // by rule
};

// Whether a built-in rule gives 1. One that cannot use the reference does not:
// only the rule that says what is right decides which problems count.
absl::StatusOr<bool> Holds(const RewardRegistry& registry, const char* name,
                           const RewardItem& item) {
  R1_ASSIGN_OR_RETURN(const auto rule, registry.Make(name, {}));
  const RuleResult result = rule->Score(item, RuleContext());
  if (result.kind == REWARD_SCORE) return result.value == 1;
  if (result.kind == REWARD_ABSTAIN) return false;
  return absl::InternalError(absl::StrCat("rule ", name, " failed on ",
                                          item.id(), ": ", result.detail));
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

class Judge {
 public:
  Judge(const EvalOptions& options, const Tokenizer& tokenizer)
      : options_(options),
        tokenizer_(tokenizer),
        registry_(BuiltinRewardRules()),
        rules_(EvalRules(options.reward, options.task)) {}

  absl::Status Prepare() {
    RuleContext context;
    context.max_new_tokens = options_.sampling.max_new_tokens();
    R1_ASSIGN_OR_RETURN(scorer_, Scorer::Create(registry_, rules_, context));
    return absl::OkStatus();
  }

  absl::Status AddProblem(const Prompt& prompt,
                          absl::Span<const Trajectory> trajectories) {
    std::vector<Vote> strict, lenient;
    std::vector<RewardComponent> scores;
    bool is_abstained = false;
    for (const Trajectory& trajectory : trajectories) {
      EvalSample sample = MakeSample(prompt, trajectory);
      R1_ASSIGN_OR_RETURN(const Verdict verdict, Score(prompt, sample));
      is_abstained |= verdict.is_abstained;
      scores.insert(scores.end(), verdict.scores.begin(), verdict.scores.end());
      sample.is_correct = verdict.is_correct;
      sample.has_format = verdict.has_format;
      const absl::string_view text = sample.completion;
      Vote& vote = strict.emplace_back();
      vote.is_correct = verdict.is_correct;
      if (const auto answer = ExtractAnswer(text); answer.text) {
        vote.answer = CanonicalAnswer(*answer.text);
      }
      Vote& lenient_vote = lenient.emplace_back();
      lenient_vote.is_correct = verdict.is_correct_lenient;
      if (const auto answer = LastAnswer(text)) {
        lenient_vote.answer = CanonicalAnswer(*answer);
      }
      report_.samples.push_back(std::move(sample));
    }
    if (is_abstained) {
      ++abstained_;
      return absl::OkStatus();
    }
    ++problems_;
    strict_.Add(strict);
    lenient_.Add(lenient);
    AddCounts(trajectories.size());
    for (const RewardComponent& score : scores) {
      Mean& mean = means_[score.name()];
      mean.sum += score.value();
      ++mean.count;
    }
    return absl::OkStatus();
  }

  EvalReport Finish() {
    Metrics& metrics = report_.metrics;
    strict_.Append(options_.samples, problems_, "", &metrics);
    lenient_.Append(options_.samples, problems_, "_lenient", &metrics);
    const double samples = problems_ * options_.samples;
    const double scale = samples > 0 ? 1 / samples : 0;
    metrics.emplace_back("format", formats_ * scale);
    metrics.emplace_back("mean_length", tokens_ * scale);
    metrics.emplace_back("truncated", truncated_ * scale);
    metrics.emplace_back("problems", problems_);
    metrics.emplace_back("abstained", abstained_);
    for (size_t r = 1; r < rules_.size(); ++r) {
      const std::string& name = rules_[r].name();
      const Mean& mean = means_[name];
      metrics.emplace_back(absl::StrCat("reward/", name),
                           mean.count > 0 ? mean.sum / mean.count : 0);
    }
    return std::move(report_);
  }

 private:
  EvalSample MakeSample(const Prompt& prompt,
                        const Trajectory& trajectory) const {
    EvalSample sample;
    sample.prompt_id = prompt.id();
    sample.sample_index = trajectory.sample_index();
    sample.question = prompt.question();
    sample.reference = prompt.reference();
    sample.completion = tokenizer_.Decode(trajectory.tokens(), true);
    sample.finish_reason = trajectory.finish_reason();
    sample.num_tokens = trajectory.tokens_size();
    return sample;
  }

  absl::StatusOr<Verdict> Score(const Prompt& prompt,
                                const EvalSample& sample) const {
    RewardItem item;
    item.set_id(absl::StrCat(prompt.source(), "/", sample.sample_index));
    item.set_prompt(ToValidUtf8(prompt.question()));
    item.set_completion(ToValidUtf8(sample.completion));
    item.set_reference(prompt.reference());
    item.set_completion_tokens(static_cast<int32_t>(sample.num_tokens));
    item.set_is_truncated(sample.finish_reason == FINISH_LENGTH);
    Verdict verdict;
    const RewardResult reward = scorer_->Score(item, absl::InfiniteFuture());
    if (reward.kind() == REWARD_ERROR || reward.kind() == REWARD_TIMEOUT) {
      return absl::InternalError(
          absl::StrCat("a rule failed on ", item.id(), ": ", reward.detail()));
    }
    verdict.is_abstained = true;
    for (const RewardComponent& score : reward.components()) {
      verdict.scores.push_back(score);
      if (score.name() != rules_[0].name()) continue;
      verdict.is_abstained = false;
      verdict.is_correct = score.value() == 1;
    }
    R1_ASSIGN_OR_RETURN(
        verdict.is_correct_lenient,
        Holds(registry_, LenientAnswerRuleName(options_.task), item));
    verdict.is_correct_lenient |= verdict.is_correct;
    R1_ASSIGN_OR_RETURN(verdict.has_format, Holds(registry_, "format", item));
    return verdict;
  }

  // Of the samples added last.
  void AddCounts(size_t count) {
    for (size_t i = report_.samples.size() - count; i < report_.samples.size();
         ++i) {
      const EvalSample& sample = report_.samples[i];
      formats_ += sample.has_format;
      tokens_ += sample.num_tokens;
      truncated_ += sample.finish_reason == FINISH_LENGTH;
    }
  }

  struct Mean {
    double sum = 0;
    int64_t count = 0;
  };

  const EvalOptions& options_;
  const Tokenizer& tokenizer_;
  const RewardRegistry registry_;
  const std::vector<RewardRuleSpec> rules_;
  std::optional<Scorer> scorer_;
  std::map<std::string, Mean> means_;  // by rule
  EvalReport report_;
  Tally strict_, lenient_;
  double problems_ = 0, abstained_ = 0;
  double formats_ = 0, tokens_ = 0, truncated_ = 0;
};

}  // namespace

SamplingParams MakeEvalSampling(const RunConfig& config) {
  SamplingParams sampling;
  sampling.set_temperature(config.eval().temperature());
  sampling.set_top_p(config.eval().top_p());
  sampling.set_max_new_tokens(config.rollout().max_new_tokens());
  *sampling.mutable_stop() = config.rollout().stop();
  return sampling;
}

absl::StatusOr<EvalReport> JudgeSamples(
    const std::vector<Prompt>& prompts,
    const std::vector<Trajectory>& trajectories, const Tokenizer& tokenizer,
    const EvalOptions& options) {
  Judge judge(options, tokenizer);
  R1_RETURN_IF_ERROR(judge.Prepare());
  const size_t k = options.samples;
  for (size_t p = 0; p < prompts.size(); ++p) {
    R1_RETURN_IF_ERROR(judge.AddProblem(
        prompts[p], absl::MakeConstSpan(trajectories).subspan(p * k, k)));
  }
  return judge.Finish();
}

absl::StatusOr<EvalReport> Evaluate(const ModelWeights& weights,
                                    std::shared_ptr<const Tokenizer> tokenizer,
                                    const std::vector<Prompt>& prompts,
                                    const EvalOptions& options, Ops* ops,
                                    const EvalProgress& progress) {
  R1_ASSIGN_OR_RETURN(
      const std::vector<Trajectory> trajectories,
      Generate(weights, tokenizer, prompts, options, ops, progress));
  return JudgeSamples(prompts, trajectories, *tokenizer, options);
}

}  // namespace r1
