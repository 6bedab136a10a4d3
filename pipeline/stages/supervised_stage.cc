#include "pipeline/stages/supervised_stage.h"

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "learner/checkpoint_store.h"
#include "learner/supervised.h"
#include "pipeline/folder/compute_keys.h"
#include "pipeline/stages/base_model.h"
#include "pipeline/stages/epoch_steps.h"
#include "pipeline/stages/examples.h"
#include "pipeline/stages/run_steps.h"
#include "pipeline/stages/stage_memory.h"
#include "pipeline/stages/start_model.h"
#include "pipeline/store/run_reader.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

// What is learned and measured; with supervised.epochs, also how many steps
// that takes, as section->steps.
absl::StatusOr<SupervisedData> ReadData(const StageContext& context,
                                        const TextCorpus& corpus,
                                        const Tokenizer& tokenizer,
                                        int32_t end_token,
                                        SupervisedSection* section) {
  SupervisedData data;
  data.examples = MakeExampleSource(&corpus, &tokenizer, end_token);
  R1_ASSIGN_OR_RETURN(data.held_out,
                      HeldOutExamples(corpus, tokenizer, end_token));
  if (section->epochs() == 0) return data;
  // Less than a float's rounding, so that 0.1 epochs of 1,000 rows are 100.
  constexpr double kRounding = 1e-6;
  data.num_examples = static_cast<uint64_t>(std::ceil(
      double{section->epochs()} * corpus.EpochSize() * (1 - kRounding)));
  R1_ASSIGN_OR_RETURN(const int64_t steps,
                      StepsOfEpochs(context, data.examples, data.num_examples));
  section->set_steps(static_cast<int32_t>(steps));
  return data;
}

// A held-out loss that has risen again says that the data were learned by
// heart.
absl::Status WarnOfOverfitting(const RunContext& run,
                               const std::string& stage) {
  constexpr double kALittle = 1.01;
  R1_RETURN_IF_ERROR(run.store->Flush());
  R1_ASSIGN_OR_RETURN(const RunReader reader,
                      RunReader::Open(run.folder->path(), stage));
  R1_ASSIGN_OR_RETURN(const std::vector<MetricsRow> rows, reader.AllMetrics());
  int64_t best_step = 0, last_step = 0;
  double best = std::nan(""), last = std::nan("");
  for (const MetricsRow& row : rows) {
    const double loss = MetricOr(row.metrics, kHeldOutLoss, std::nan(""));
    if (row.stage != stage || std::isnan(loss)) continue;
    last = loss;
    last_step = row.step;
    if (loss >= best) continue;
    best = loss;
    best_step = row.step;
  }
  if (!(last > kALittle * best)) return absl::OkStatus();
  const std::string message = absl::StrFormat(
      "%s: the held-out loss was lowest at step %d, %.4g nats, and is %.4g at "
      "the end: fewer steps or epochs, or more data, would generalise better",
      stage, best_step, best, last);
  LogWarning(message);
  return run.store->RecordEvent(last_step, "overfitting", message);
}

}  // namespace

absl::Status RunSupervisedStage(const StageContext& context) {
  const RunContext& run = *context.run;
  const StageConfig& config = *context.config;
  SupervisedSection section = config.supervised();
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<TextCorpus> corpus,
                      MakeCorpus(config, run.folder->path()));
  R1_RETURN_IF_ERROR(context.folder->Pin("data_sha256", corpus->DataHash(),
                                         "the training data"));
  // Only the newest matters: the next stage starts from it.
  CheckpointStore store(context.folder->checkpoints(), /*keep=*/1,
                        ModelHead::kVocabulary, WeightsDtypeOf(config),
                        LoraOf(config));
  R1_ASSIGN_OR_RETURN(const std::vector<int64_t> saved, store.Steps());
  std::shared_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<TrainingState> state;
  if (saved.empty()) {
    R1_ASSIGN_OR_RETURN(StageModel model, LoadStartModel(context));
    tokenizer = model.tokenizer;
    R1_ASSIGN_OR_RETURN(TrainingState first,
                        StartTrainingFrom(context, std::move(model),
                                          /*with_reference=*/false));
    state = std::make_unique<TrainingState>(std::move(first));
    if (state->lora != nullptr) {  // whoever goes on takes W0 from there
      R1_RETURN_IF_ERROR(store.Save(*state, *tokenizer));
      R1_RETURN_IF_ERROR(context.folder->NoteCheckpoint());
    }
  } else {
    R1_ASSIGN_OR_RETURN(TrainingState loaded, store.LoadNewest(false, run.ops));
    R1_ASSIGN_OR_RETURN(tokenizer, LoadTokenizer(store.PathOf(loaded.step)));
    state = std::make_unique<TrainingState>(std::move(loaded));
  }
  R1_RETURN_IF_ERROR(context.folder->Pin("tokenizer_sha256", tokenizer->hash(),
                                         "the tokenizer"));

  const ModelConfig& model = state->weights->config();
  state->keep = KeepOf(config);
  run.progress->Describe(DescribeTraining(
      *state, PlanMemory(config, model, run.topology, *run.ops->device())));
  R1_ASSIGN_OR_RETURN(
      SupervisedData data,
      ReadData(context, *corpus, *tokenizer, EndToken(model), &section));
  run.progress->StartStage(config.name(), state->step, section.steps());
  run.progress->Activity("training", 0, 0);
  SupervisedTrainer trainer(config.name(), section, std::move(data), run.ops,
                            run.store, std::move(*state),
                            {config.learner().gradient_shards(), run.ranks});
  if (trainer.state().step == 0 && section.steps() > 0) {
    R1_ASSIGN_OR_RETURN(const Metrics metrics, trainer.MeasureStart());
    if (!metrics.empty()) run.progress->Step(0, metrics);
  }
  R1_RETURN_IF_ERROR(RunSteps(
      context, section.steps(), trainer.state(), *tokenizer, &store,
      [&] { return trainer.Step(); }, [&] { return trainer.CollectState(); }));
  if (section.held_out() > 0) {
    R1_RETURN_IF_ERROR(WarnOfOverfitting(run, config.name()));
  }
  return context.folder->Finish(HashModel(trainer.state()));
}

}  // namespace r1
