#include "pipeline/stages/sample_stage.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "learner/collector.h"
#include "learner/step_metrics.h"
#include "model/weights.h"
#include "nlohmann/json.hpp"
#include "pipeline/folder/stage_rewards.h"
#include "pipeline/process/stop_signal.h"
#include "pipeline/services/reward_link.h"
#include "pipeline/stages/base_model.h"
#include "pipeline/stages/sampled_rows.h"
#include "pipeline/stages/stage_fleet.h"
#include "pipeline/stages/stage_memory.h"
#include "pipeline/stages/start_model.h"
#include "pipeline/stages/training_prompts.h"
#include "proto/recipe.h"
#include "reward/builtin_rules.h"
#include "reward/format/tags.h"
#include "rollout/mixed_prompts.h"
#include "rollout/tasks/phrases.h"

namespace r1 {
namespace {

// Problems sampled together, as one step of the journal.
constexpr int kChunk = 64;

// The version of the one model that samples.
constexpr uint64_t kVersion = 1;

// Why a sample is not kept; empty if it is.
std::string FaultOf(const SampleRecord& sample, const SampleSection& section,
                    absl::Span<const AnswerRule> answer_rules) {
  if (sample.trajectory.finish_reason() == FINISH_LENGTH) return "truncated";
  if (!sample.reward || sample.reward->kind() != REWARD_SCORE) {
    return "unscored";
  }
  const RewardResult& reward = *sample.reward;
  for (const KeepRule& keep : section.keep()) {
    const auto& not_for = reward.not_applicable();
    if (std::find(not_for.begin(), not_for.end(), keep.rule()) !=
        not_for.end()) {
      continue;
    }
    const auto score = ScoreOf(reward, keep.rule());
    if (!score || *score < keep.at_least()) return keep.rule();
  }
  if (!section.keep().empty()) return "";
  return IsRight(reward, answer_rules).value_or(false) ? "" : "not right";
}

// The answer in the stage's form.
std::string InForm(const std::string& form, const std::string& completion) {
  const ReasonedText parts = SplitReasoning(completion);
  absl::string_view reasoning = parts.reasoning;
  absl::ConsumePrefix(&reasoning, "<think>");
  const ExtractedAnswer answer = ExtractAnswer(completion);
  return absl::StrReplaceAll(
      form, {{"{reasoning}", reasoning},
             {"{english}", SayInEnglish(reasoning)},
             {"{answer}", answer.text ? *answer.text
                                      : absl::StripAsciiWhitespace(
                                            parts.rest.value_or(""))}});
}

class SampleStage {
 public:
  explicit SampleStage(const StageContext& stage)
      : stage_(stage),
        run_(*stage.run),
        config_(WithRewardModels(*stage.config, stage.run->folder->path())) {}

  absl::Status Run();

 private:
  absl::Status Load();
  absl::Status Connect();
  // Draws and scores the problems of chunk `step`, from 1.
  absl::Status Chunk(int64_t step);
  int64_t NumChunks() const {
    return (config_.sample().prompts() + kChunk - 1) / kChunk;
  }
  absl::Status Keep();
  SampledRow RowOf(const SampleRecord& sample) const;

  const StageContext& stage_;
  const RunContext& run_;
  const StageConfig config_;  // with the paths of reward models
  std::shared_ptr<const PolicyWeights> weights_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<PromptSource> prompts_;
  std::unique_ptr<RewardLink> link_;
  std::unique_ptr<RewardSource> reward_;
  std::unique_ptr<RolloutFleet> fleet_;
  std::vector<AnswerRule> answer_rules_;
  WeightsId id_;
  Metrics last_metrics_;
};

absl::Status SampleStage::Load() {
  R1_ASSIGN_OR_RETURN(StageModel model, LoadStartModel(stage_));
  tokenizer_ = model.tokenizer;
  id_.set_version(kVersion);
  weights_ = MakePolicyWeights(model.config, model.params, run_.ops);
  id_.set_sha256(HashWeights(*weights_, run_.ops));
  R1_ASSIGN_OR_RETURN(
      prompts_, MakeTrainingPrompts(config_, weights_->config(), tokenizer_));
  R1_RETURN_IF_ERROR(stage_.folder->Pin("tokenizer_sha256", tokenizer_->hash(),
                                        "the tokenizer"));
  return stage_.folder->Pin("data_sha256", prompts_->DataHash(),
                            "the problems");
}

absl::Status SampleStage::Connect() {
  R1_ASSIGN_OR_RETURN(const RewardSection section, StageReward(config_));
  const Task task = FirstTask(config_).kind();
  R1_ASSIGN_OR_RETURN(link_, RewardLink::Connect(config_, run_.num_threads));
  const std::vector<RewardRuleSpec> rules = ConfiguredRules(section, task);
  for (const KeepRule& keep : config_.sample().keep()) {
    const bool is_there = std::any_of(
        rules.begin(), rules.end(),
        [&](const RewardRuleSpec& r) { return r.name() == keep.rule(); });
    if (is_there) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        config_.name(), ".sample.keep asks for the rule \"", keep.rule(),
        "\", which does not score these samples: expected one of ",
        RuleNames(rules), "; add it to reward.rule, with weight 0 if need be"));
  }
  R1_ASSIGN_OR_RETURN(reward_, link_->MakeSource(rules));
  for (const std::string& name : AccuracyRules(section, task)) {
    AnswerRule& rule = answer_rules_.emplace_back();
    rule.name = name;
    R1_ASSIGN_OR_RETURN(rule.right_from, link_->RightScore(name));
  }
  R1_ASSIGN_OR_RETURN(
      fleet_, StartStageFleet(run_, config_, weights_->config(), *tokenizer_));
  return absl::OkStatus();
}

absl::Status SampleStage::Chunk(int64_t step) {
  const int first = static_cast<int>(step - 1) * kChunk;
  StageConfig chunk = config_;
  chunk.mutable_rl()->set_prompts(
      std::min(kChunk, config_.sample().prompts() - first));
  chunk.mutable_rl()->set_group_size(config_.sample().per_prompt());
  LearnerPeers peers;
  peers.prompts = prompts_.get();
  peers.rollout = fleet_->source();
  peers.reward = reward_.get();
  peers.journal = run_.store;
  peers.tokenizer = tokenizer_.get();
  Patience patience;
  patience.should_stop = StopRequested;
  ProgressReporter progress([&](const StepProgress& p) {
    const bool scores = p.phase == StepPhase::kReward;
    run_.progress->Activity(
        p.workers.empty() && !scores ? "waiting for workers to join"
        : scores                     ? "scoring samples"
                                     : "generating samples",
        scores ? p.rewards_done : p.samples_done, p.samples_total);
    if (!scores) run_.progress->Workers(p.workers);
  });
  SampleCollector collector(chunk, weights_->config(), peers, patience,
                            &progress);
  R1_RETURN_IF_ERROR(peers.rollout->Publish(id_, weights_));
  R1_ASSIGN_OR_RETURN(const Collection collection,
                      collector.Collect(step, kVersion, first));
  peers.rollout->Withdraw();
  Metrics metrics;
  AppendSampleMetrics(collection, answer_rules_, &metrics);
  R1_RETURN_IF_ERROR(run_.store->RecordMetrics(step, metrics));
  R1_RETURN_IF_ERROR(run_.store->Flush());
  run_.progress->Step(step, metrics);
  last_metrics_ = std::move(metrics);
  return absl::OkStatus();
}

SampledRow SampleStage::RowOf(const SampleRecord& sample) const {
  const Prompt& prompt = sample.prompt;
  SampledRow row;
  row.stage = config_.name();
  row.task = FirstTask(config_).name();
  const auto reference = nlohmann::json::parse(
      prompt.reference(), /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (reference.is_object() && reference.contains(kTaskField)) {
    row.task = reference[kTaskField].get<std::string>();
  }
  bool is_chat = false;
  for (const TaskSection& task : config_.task()) {
    is_chat |= task.name() == row.task && task.chat();
  }
  row.source = prompt.source();
  row.reference = prompt.reference();
  std::string text = tokenizer_->Decode(prompt.token_ids());
  text = std::string(absl::StripSuffix(text, prompt.answer_prefix()));
  row.prompt = is_chat ? prompt.question() : std::move(text);
  row.completion = sample.completion;
  for (const RewardComponent& c : sample.reward->components()) {
    row.scores[c.name()] = c.value();
  }
  if (const std::string& form = config_.sample().form(); !form.empty()) {
    row.completion = InForm(form, sample.completion);
    return row;
  }
  row.tokenizer_sha256 = tokenizer_->hash();
  row.prompt_tokens.assign(prompt.token_ids().begin(),
                           prompt.token_ids().end());
  row.completion_tokens.assign(sample.trajectory.tokens().begin(),
                               sample.trajectory.tokens().end());
  return row;
}

absl::Status SampleStage::Keep() {
  std::string data;
  int64_t drawn = 0, kept = 0;
  std::map<std::string, int64_t> dropped;
  for (int64_t step = 1; step <= NumChunks(); ++step) {
    R1_ASSIGN_OR_RETURN(std::vector<SampleRecord> samples,
                        run_.store->LoadSamples(step));
    const KeptSamples picked =
        PickSamples(std::move(samples), config_.sample(), answer_rules_);
    drawn += picked.drawn;
    kept += static_cast<int64_t>(picked.kept.size());
    for (const auto& [reason, count] : picked.dropped) {
      dropped[reason] += count;
    }
    for (const SampleRecord& sample : picked.kept) {
      data += SampledRowLine(RowOf(sample));
    }
  }
  const std::string counts = absl::StrCat(
      kept, " of ", drawn, " samples kept",
      dropped.empty() ? "" : "; dropped: ",
      absl::StrJoin(dropped, ", ", [](std::string* out, const auto& d) {
        absl::StrAppend(out, d.first, " ", d.second);
      }));
  LogInfo(absl::StrCat(config_.name(), ": ", counts));
  if (kept == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the stage ", config_.name(), " keeps nothing, so there is no data: ",
        counts, ". Lower at_least of sample.keep, or draw more prompts"));
  }
  Metrics metrics = last_metrics_;
  metrics.emplace_back("kept/samples", kept);
  metrics.emplace_back("kept/share", static_cast<double>(kept) / drawn);
  for (const auto& [reason, count] : dropped) {
    metrics.emplace_back(absl::StrCat("dropped/", reason), count);
  }
  R1_RETURN_IF_ERROR(run_.store->RecordMetrics(NumChunks(), metrics));
  R1_RETURN_IF_ERROR(run_.store->Flush());
  R1_RETURN_IF_ERROR(WriteFileAtomic(stage_.folder->data(), data));
  return stage_.folder->Finish(Sha256Hex(data));
}

absl::Status SampleStage::Run() {
  R1_RETURN_IF_ERROR(Load());
  run_.progress->Describe(absl::StrCat(
      DescribeSize(weights_->layout()), ", ",
      DescribeMemory(PlanMemory(config_, weights_->config(), run_.topology,
                                *run_.ops->device()))));
  run_.progress->StartStage(config_.name(), 0, NumChunks());
  R1_RETURN_IF_ERROR(Connect());
  for (int64_t step = 1; step <= NumChunks(); ++step) {
    const absl::Status status =
        StopRequested() ? absl::CancelledError() : Chunk(step);
    if (absl::IsCancelled(status) && StopRequested()) {
      R1_RETURN_IF_ERROR(run_.store->Flush());
      return InterruptedError(
          absl::StrCat("in ", config_.name(), " step ", step));
    }
    R1_RETURN_IF_ERROR(status);
  }
  fleet_->EndStage(stage_.is_last_to_sample);
  return Keep();
}

}  // namespace

KeptSamples PickSamples(std::vector<SampleRecord> samples,
                        const SampleSection& section,
                        absl::Span<const AnswerRule> answer_rules) {
  KeptSamples picked;
  uint64_t prompt_id = 0;
  int of_prompt = 0;
  std::set<std::string> completions;
  for (SampleRecord& sample : samples) {
    if (picked.drawn++ == 0 || sample.trajectory.prompt_id() != prompt_id) {
      prompt_id = sample.trajectory.prompt_id();
      of_prompt = 0;
      completions.clear();
    }
    std::string fault = FaultOf(sample, section, answer_rules);
    if (fault.empty() && completions.count(sample.completion) > 0) {
      fault = "repeated";
    }
    if (fault.empty() && section.most_per_prompt() > 0 &&
        of_prompt == section.most_per_prompt()) {
      fault = "more than most_per_prompt";
    }
    picked.faults.push_back(fault);
    if (!fault.empty()) {
      ++picked.dropped[fault];
      continue;
    }
    ++of_prompt;
    completions.insert(sample.completion);
    picked.kept.push_back(std::move(sample));
  }
  return picked;
}

absl::Status RunSampleStage(const StageContext& context) {
  return SampleStage(context).Run();
}

}  // namespace r1
