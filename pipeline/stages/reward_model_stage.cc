#include "pipeline/stages/reward_model_stage.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "judge/preference_loss.h"
#include "judge/preference_rows.h"
#include "judge/reward_model.h"
#include "judge/reward_model_trainer.h"
#include "learner/checkpoint_store.h"
#include "pipeline/folder/compute_keys.h"
#include "pipeline/stages/base_model.h"
#include "pipeline/stages/run_steps.h"
#include "pipeline/stages/stage_memory.h"
#include "pipeline/stages/start_model.h"
#include "proto/recipe.h"
#include "rollout/prompt_template.h"
#include "rollout/tasks/demonstrations.h"
#include "rollout/tasks/generator.h"
#include "rollout/tasks/row_file.h"

namespace r1 {
namespace {

// Generated preferences, where there is no file.
constexpr uint64_t kGenerated = 4000;

std::vector<PreferenceRow> GenerateRows(const StageConfig& config) {
  DemonstrationOptions options;
  for (const TaskSection& task : config.task()) {
    if (task.kind() != INSTRUCTION) continue;
    options.instruction_options = InstructionOptionsOf(task);
  }
  const TaskSection& task = FirstTask(config);
  std::vector<PreferenceRow> rows;
  for (uint64_t i = 0; i < kGenerated; ++i) {
    PreferenceRow& row = rows.emplace_back();
    row.line = static_cast<int>(i + 1);
    if (config.reward_model().part() == WHOLE) {
      SafetyLabel label = WriteSafetyLabel(options, config.seed(), i);
      row.prompt = RenderPrompt(task, label.question);
      (label.is_safe ? row.better : row.worse) = std::move(label.completion);
    } else {
      PreferencePair pair = WritePreferencePair(options, config.seed(), i);
      row.prompt = RenderPrompt(task, pair.question);
      row.better = std::move(pair.chosen);
      row.worse = std::move(pair.rejected);
    }
  }
  return rows;
}

struct Examples {
  std::vector<Preference> train, held_out;
};

absl::StatusOr<Examples> ReadExamples(const StageConfig& config,
                                      const Tokenizer& tokenizer,
                                      const ModelConfig& model) {
  const RewardModelSection& section = config.reward_model();
  const JudgedPart part =
      section.part() == WHOLE ? JudgedPart::kWhole : JudgedPart::kAnswer;
  Examples examples;
  const auto add = [&](std::vector<PreferenceRow> rows,
                       const std::string& name) -> absl::Status {
    R1_ASSIGN_OR_RETURN(const SplitRows split,
                        SplitByPrompt(std::move(rows), name));
    for (const auto& [from, to] :
         {std::pair{&split.train, &examples.train},
          std::pair{&split.held_out, &examples.held_out}}) {
      R1_ASSIGN_OR_RETURN(
          const std::vector<Preference> encoded,
          EncodePreferences(*from, name, part, tokenizer, model));
      to->insert(to->end(), encoded.begin(), encoded.end());
    }
    return absl::OkStatus();
  };
  for (const std::string& file : section.data()) {
    R1_ASSIGN_OR_RETURN(const std::string text, ReadRowFile(file));
    R1_ASSIGN_OR_RETURN(std::vector<PreferenceRow> rows,
                        ParsePreferenceRows(text, file));
    R1_RETURN_IF_ERROR(add(std::move(rows), file));
  }
  if (section.data().empty()) {
    R1_RETURN_IF_ERROR(add(GenerateRows(config), "generated preferences"));
  }
  return examples;
}

RewardModelOptions OptionsOf(const RewardModelSection& section) {
  RewardModelOptions options;
  options.steps = section.steps();
  options.batch_size = section.batch_size();
  options.learning_rate = section.learning_rate();
  options.warmup_steps = section.warmup_steps();
  return options;
}

// What the trained model says of texts that it has not seen.
void AppendHeldOut(const TrainingState& state,
                   const std::vector<Preference>& examples, Ops* ops,
                   Metrics* metrics) {
  if (examples.empty()) return;
  SequenceScorer scorer(state.weights->config(), ops);
  const PreferenceMetrics held_out =
      MeasurePreferences(PreferenceMargins(*state.weights, examples, &scorer));
  metrics->emplace_back("held_out/loss", held_out.loss);
  metrics->emplace_back("held_out/accuracy", held_out.accuracy);
  metrics->emplace_back("held_out/margin", held_out.margin);
}

}  // namespace

absl::Status RunRewardModelStage(const StageContext& context) {
  const RunContext& run = *context.run;
  const StageConfig& config = *context.config;
  const RewardModelSection& section = config.reward_model();
  // Whoever asks for scores gets those of fp32 weights (judge/loaded_judge.h),
  // so they are trained as such.
  constexpr DType kDtype = DType::kF32;
  CheckpointStore store(context.folder->checkpoints(), /*keep=*/1,
                        ModelHead::kScore, kDtype);
  R1_ASSIGN_OR_RETURN(const std::vector<int64_t> saved, store.Steps());
  std::shared_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<TrainingState> state;
  if (saved.empty()) {
    R1_ASSIGN_OR_RETURN(StageModel start, LoadStartModel(context));
    R1_ASSIGN_OR_RETURN(ModelFolder model,
                        StartRewardModel({start.config, std::move(start.params),
                                          start.tokenizer}));
    model.config.weights_dtype = kDtype;
    tokenizer = model.tokenizer;
    state = std::make_unique<TrainingState>(
        StartTraining(model.config, std::move(model.params),
                      /*with_reference=*/false, run.ops));
  } else {
    R1_ASSIGN_OR_RETURN(TrainingState loaded, store.LoadNewest(false, run.ops));
    R1_ASSIGN_OR_RETURN(
        tokenizer, LoadTokenizer(store.PathOf(loaded.step), ModelHead::kScore));
    state = std::make_unique<TrainingState>(std::move(loaded));
  }
  R1_RETURN_IF_ERROR(context.folder->Pin("tokenizer_sha256", tokenizer->hash(),
                                         "the tokenizer"));
  R1_ASSIGN_OR_RETURN(
      Examples examples,
      ReadExamples(config, *tokenizer, state->weights->config()));

  state->keep = KeepOf(config);
  run.progress->Describe(absl::StrCat(
      DescribeSize(state->params.layout()), ", ",
      DescribeMemory(PlanMemory(*context.config, state->config, run.topology,
                                *run.ops->device()))));
  run.progress->StartStage(config.name(), state->step, section.steps());
  run.progress->Activity("training", 0, 0);
  RewardModelTrainer trainer(
      OptionsOf(section),
      ShuffledPreferences(std::move(examples.train), config.seed()), run.ops,
      std::move(*state));
  const TrainingState& now = trainer.state();
  const auto step = [&]() -> absl::StatusOr<Metrics> {
    R1_ASSIGN_OR_RETURN(Metrics metrics, trainer.Step());
    if (now.step == section.steps()) {
      AppendHeldOut(now, examples.held_out, run.ops, &metrics);
    }
    R1_RETURN_IF_ERROR(run.store->RecordMetrics(now.step, metrics));
    return metrics;
  };
  // Without steps its head is of zeros.
  R1_RETURN_IF_ERROR(
      RunSteps(context, section.steps(), now, *tokenizer, &store, step));
  return context.folder->Finish(HashParams(now.params));
}

}  // namespace r1
