#include "pipeline/stages/supervised_stage.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learner/checkpoint_store.h"
#include "learner/supervised.h"
#include "pipeline/process/stop_signal.h"
#include "pipeline/stages/base_model.h"
#include "pipeline/stages/examples.h"
#include "pipeline/stages/save_pacer.h"
#include "pipeline/stages/start_model.h"

namespace r1 {
absl::Status RunSupervisedStage(const StageContext& context) {
  const RunContext& run = *context.run;
  const StageConfig& config = *context.config;
  const SupervisedSection& section = config.supervised();
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<TextCorpus> corpus,
                      MakeCorpus(config, run.folder->path()));
  R1_RETURN_IF_ERROR(context.folder->Pin("data_sha256", corpus->DataHash(),
                                         "the training data"));
  // Only the newest matters: the next stage starts from it.
  CheckpointStore store(context.folder->checkpoints(), /*keep=*/1);
  R1_ASSIGN_OR_RETURN(const std::vector<int64_t> saved, store.Steps());
  std::shared_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<TrainingState> state;
  if (saved.empty()) {
    R1_ASSIGN_OR_RETURN(StageModel model, LoadStartModel(context));
    tokenizer = model.tokenizer;
    state = std::make_unique<TrainingState>(
        StartTraining(model.config, std::move(model.params),
                      /*with_reference=*/false, run.ops));
  } else {
    R1_ASSIGN_OR_RETURN(TrainingState loaded, store.LoadNewest(false, run.ops));
    R1_ASSIGN_OR_RETURN(tokenizer, LoadTokenizer(store.PathOf(loaded.step)));
    state = std::make_unique<TrainingState>(std::move(loaded));
  }
  R1_RETURN_IF_ERROR(context.folder->Pin("tokenizer_sha256", tokenizer->hash(),
                                         "the tokenizer"));

  const ModelConfig& model = state->weights->config();
  run.progress->Describe(DescribeSize(state->weights->params()));
  run.progress->StartStage(config.name(), state->step, section.steps());
  run.progress->Activity("training", 0, 0);
  SavePacer pacer;
  SupervisedTrainer trainer(
      config.name(), section,
      MakeExampleSource(corpus.get(), tokenizer.get(), EndToken(model)),
      run.ops, run.store, std::move(*state));
  if (section.steps() == 0) {  // hands the model on
    R1_RETURN_IF_ERROR(store.Save(trainer.state(), *tokenizer));
  }
  while (trainer.state().step < section.steps()) {
    R1_ASSIGN_OR_RETURN(const Metrics metrics, trainer.Step());
    const int64_t step = trainer.state().step;
    run.progress->Step(step, metrics);
    const bool is_last = step == section.steps();
    const bool is_stopping = StopRequested() && !is_last;
    if (pacer.IsDue() || is_last || is_stopping) {
      pacer.Begin();
      R1_RETURN_IF_ERROR(run.store->Flush());
      R1_RETURN_IF_ERROR(store.Save(trainer.state(), *tokenizer));
      R1_RETURN_IF_ERROR(context.folder->NoteCheckpoint());
      pacer.End();
    }
    if (is_stopping) {
      return InterruptedError(
          absl::StrCat("after ", config.name(), " step ", step));
    }
  }
  return context.folder->Finish(HashParams(trainer.state().weights->params()));
}

}  // namespace r1
