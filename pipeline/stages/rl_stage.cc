#include "pipeline/stages/rl_stage.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "learner/checkpoint_store.h"
#include "learner/trainer.h"
#include "pipeline/evaluation/evaluate_tasks.h"
#include "pipeline/folder/compute_keys.h"
#include "pipeline/folder/stage_rewards.h"
#include "pipeline/process/stop_signal.h"
#include "pipeline/services/reward_link.h"
#include "pipeline/stages/base_model.h"
#include "pipeline/stages/stage_fleet.h"
#include "pipeline/stages/stage_memory.h"
#include "pipeline/stages/start_model.h"
#include "pipeline/stages/training_prompts.h"
#include "pipeline/store/run_reader.h"
#include "pipeline/store/run_schema.h"
#include "proto/recipe.h"
#include "reward/builtin_rules.h"

namespace r1 {
namespace {

// What the stage learns from and on, before any service runs.
struct Start {
  ModelConfig model;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<TrainingState> state;
  std::unique_ptr<PromptSource> prompts;
};

class RlStage {
 public:
  explicit RlStage(const StageContext& stage)
      : stage_(stage),
        context_(*stage.run),
        config_(WithRewardModels(*stage.config, stage.run->folder->path())),
        checkpoints_(stage.folder->checkpoints(), config_.checkpoint().keep(),
                     ModelHead::kVocabulary, WeightsDtypeOf(config_),
                     LoraOf(config_)) {}

  absl::Status Run();

 private:
  absl::Status Load();
  absl::Status PinInputs();
  absl::Status Train();
  absl::Status Advance(Trainer* trainer);
  absl::Status StartFleet();
  // `id` names state.weights.
  absl::Status EvaluateIfDue(const TrainingState& state, const WeightsId& id);
  void ShowSampling(const std::string& what, int64_t done, int64_t total,
                    const std::vector<WorkerStatus>& workers);
  void ShowProgress(const StepProgress& progress);

  const StageContext& stage_;
  const RunContext& context_;
  const StageConfig config_;  // with the paths of reward models
  CheckpointStore checkpoints_;
  Start start_;
  // For training and evaluations.
  std::unique_ptr<RewardLink> reward_;
  RewardSection rewards_;  // of all tasks
  std::unique_ptr<RolloutFleet> fleet_;
  std::vector<std::vector<Prompt>> held_out_;  // by task; empty until needed
  std::string model_sha256_;                   // of the last step's weights
};

absl::Status RlStage::Load() {
  const bool with_reference = config_.rl().kl_coef() > 0;
  R1_ASSIGN_OR_RETURN(const std::vector<int64_t> saved, checkpoints_.Steps());
  if (saved.empty()) {
    R1_ASSIGN_OR_RETURN(StageModel model, LoadStartModel(stage_));
    start_.tokenizer = model.tokenizer;
    R1_ASSIGN_OR_RETURN(
        TrainingState state,
        StartTrainingFrom(stage_, std::move(model), with_reference));
    start_.state = std::make_unique<TrainingState>(std::move(state));
    // The base model, so that it can be compared with later.
    R1_RETURN_IF_ERROR(checkpoints_.Save(*start_.state, *start_.tokenizer));
    return stage_.folder->NoteCheckpoint();
  }
  R1_ASSIGN_OR_RETURN(TrainingState state,
                      checkpoints_.LoadNewest(with_reference, context_.ops));
  R1_ASSIGN_OR_RETURN(start_.tokenizer,
                      LoadTokenizer(checkpoints_.PathOf(state.step)));
  start_.state = std::make_unique<TrainingState>(std::move(state));
  return absl::OkStatus();
}

absl::Status RlStage::PinInputs() {
  start_.state->keep = KeepOf(config_);
  start_.model = start_.state->weights->config();
  R1_ASSIGN_OR_RETURN(start_.prompts, MakeTrainingPrompts(config_, start_.model,
                                                          start_.tokenizer));
  StageFolder* folder = stage_.folder;
  R1_RETURN_IF_ERROR(folder->Pin("tokenizer_sha256", start_.tokenizer->hash(),
                                 "the tokenizer"));
  return folder->Pin("data_sha256", start_.prompts->DataHash(),
                     "the training data");
}

absl::Status RlStage::StartFleet() {
  if (fleet_ != nullptr) return absl::OkStatus();
  R1_ASSIGN_OR_RETURN(fleet_, StartStageFleet(context_, config_, start_.model,
                                              *start_.tokenizer));
  return absl::OkStatus();
}

absl::Status RlStage::EvaluateIfDue(const TrainingState& state,
                                    const WeightsId& id) {
  const int64_t step = state.step, every = config_.eval().every();
  const bool is_due = step == 0 || step == config_.rl().steps() ||
                      (every > 0 && step % every == 0);
  if (!is_due) return absl::OkStatus();
  R1_RETURN_IF_ERROR(context_.store->Flush());
  R1_ASSIGN_OR_RETURN(RunReader reader,
                      RunReader::Open(context_.folder->path(), config_.name()));
  R1_ASSIGN_OR_RETURN(const std::vector<EvalRow> evals, reader.Evals());
  for (const EvalRow& eval : evals) {
    if (eval.step != step) continue;
    context_.progress->Eval(step, eval.metrics);
    return absl::OkStatus();
  }
  if (held_out_.empty()) {
    R1_ASSIGN_OR_RETURN(held_out_, HeldOutByTask(config_, *start_.prompts));
    WarnOfFewHeldOut(config_, held_out_);
  }
  EvalOptions options;
  options.samples = config_.eval().samples();
  options.sampling = MakeEvalSampling(config_, step);
  options.seed = config_.seed();
  R1_RETURN_IF_ERROR(StartFleet());
  RolloutSource* const source = fleet_->source();
  const absl::StatusOr<EvalReport> report = EvaluateTasks(
      config_, id, state.weights, held_out_, *start_.tokenizer, options, source,
      *reward_, [&](int64_t done, int64_t total) {
        ShowSampling("evaluating", done, total, source->Workers());
        return !StopRequested();
      });
  if (absl::IsCancelled(report.status())) {
    return InterruptedError(
        absl::StrCat("while evaluating ", config_.name(), " step ", step));
  }
  R1_RETURN_IF_ERROR(report.status());
  R1_RETURN_IF_ERROR(
      context_.store->RecordEval(step, report->metrics, report->samples));
  R1_RETURN_IF_ERROR(context_.store->Flush());
  context_.progress->Eval(step, report->metrics);
  return absl::OkStatus();
}

void RlStage::ShowSampling(const std::string& what, int64_t done, int64_t total,
                           const std::vector<WorkerStatus>& workers) {
  context_.progress->Activity(
      workers.empty() ? "waiting for workers to join" : what, done, total);
  context_.progress->Workers(workers);
}

void RlStage::ShowProgress(const StepProgress& progress) {
  switch (progress.phase) {
    case StepPhase::kRollout:
      ShowSampling("generating samples", progress.samples_done,
                   progress.samples_total, progress.workers);
      break;
    case StepPhase::kReward:
      context_.progress->Activity("scoring samples", progress.rewards_done,
                                  progress.samples_total);
      break;
    case StepPhase::kTrain:
      context_.progress->Activity("training on tokens", progress.tokens_trained,
                                  progress.tokens_to_train);
      break;
  }
}

absl::Status RlStage::Train() {
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<RewardSource> reward,
                      reward_->MakeSource(ConfiguredRules(
                          rewards_, FirstTask(config_).kind())));
  R1_RETURN_IF_ERROR(StartFleet());
  LearnerPeers peers;
  peers.prompts = start_.prompts.get();
  peers.rollout = fleet_->source();
  peers.reward = reward.get();
  peers.journal = context_.store;
  peers.tokenizer = start_.tokenizer.get();
  TrainerOptions options;
  for (const std::string& name :
       AccuracyRules(rewards_, FirstTask(config_).kind())) {
    AnswerRule& rule = options.answer_rules.emplace_back();
    rule.name = name;
    R1_ASSIGN_OR_RETURN(rule.right_from, reward_->RightScore(name));
  }
  // Nothing is changed while samples are awaited, and those that came are kept.
  options.patience.should_stop = StopRequested;
  options.ranks = context_.ranks;
  options.on_progress = [this](const StepProgress& p) { ShowProgress(p); };
  Trainer trainer(config_, peers, context_.ops, std::move(*start_.state),
                  std::move(options));
  while (trainer.state().step < config_.rl().steps()) {
    const absl::Status status =
        StopRequested() ? absl::CancelledError() : Advance(&trainer);
    if (absl::IsCancelled(status) && StopRequested()) {
      R1_RETURN_IF_ERROR(context_.store->Flush());
      R1_RETURN_IF_ERROR(trainer.CollectState());
      R1_RETURN_IF_ERROR(checkpoints_.Save(trainer.state(), *start_.tokenizer));
      return InterruptedError(absl::StrCat("after ", config_.name(), " step ",
                                           trainer.state().step));
    }
    R1_RETURN_IF_ERROR(status);
  }
  model_sha256_ = HashModel(trainer.state());
  return absl::OkStatus();
}

// One step, and what follows it.
absl::Status RlStage::Advance(Trainer* trainer) {
  R1_ASSIGN_OR_RETURN(const Metrics metrics, trainer->Step());
  const int64_t step = trainer->state().step;
  if (step == 1) {
    R1_RETURN_IF_ERROR(context_.store->RecordEvent(step, kFirstRlStepEvent,
                                                   "RL step 1 is done"));
  }
  R1_RETURN_IF_ERROR(context_.store->Flush());
  context_.progress->Step(step, metrics);
  if (step % config_.checkpoint().every() == 0 ||
      step == config_.rl().steps()) {
    R1_RETURN_IF_ERROR(trainer->CollectState());
    R1_RETURN_IF_ERROR(checkpoints_.Save(trainer->state(), *start_.tokenizer));
  }
  return EvaluateIfDue(trainer->state(), trainer->weights_id());
}

absl::Status RlStage::Run() {
  R1_ASSIGN_OR_RETURN(rewards_, StageReward(config_));
  R1_RETURN_IF_ERROR(Load());
  R1_RETURN_IF_ERROR(PinInputs());
  context_.progress->Describe(DescribeTraining(
      *start_.state, PlanMemory(config_, start_.model, context_.topology,
                                *context_.ops->device())));
  context_.progress->StartStage(config_.name(), start_.state->step,
                                config_.rl().steps());
  R1_ASSIGN_OR_RETURN(reward_,
                      RewardLink::Connect(config_, context_.num_threads));
  LogInfo(absl::StrCat("held-out answers are judged by the rule ",
                       JudgesOfStage(config_)));
  WeightsId id;
  id.set_version(start_.state->version);
  id.set_sha256(HashWeights(*start_.state->weights, context_.ops));
  R1_RETURN_IF_ERROR(EvaluateIfDue(*start_.state, id));
  if (start_.state->step < config_.rl().steps()) {
    R1_RETURN_IF_ERROR(Train());
  } else {
    model_sha256_ = HashModel(*start_.state);
  }
  if (fleet_ != nullptr) fleet_->EndStage(stage_.is_last_to_sample);
  return stage_.folder->Finish(model_sha256_);
}

}  // namespace

absl::Status RunRlStage(const StageContext& context) {
  return RlStage(context).Run();
}

}  // namespace r1
