#include "pipeline/run.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "pipeline/base_model.h"
#include "pipeline/check_inputs.h"
#include "pipeline/live_view.h"
#include "pipeline/loaded_model.h"
#include "pipeline/model_path.h"
#include "pipeline/report.h"
#include "pipeline/rl_stage.h"
#include "pipeline/run_owner.h"
#include "pipeline/stop_signal.h"
#include "pipeline/summary.h"
#include "pipeline/supervised_stage.h"

namespace r1 {
namespace {

class Run {
 public:
  Run(const RunContext& context) : context_(context) {}

  absl::Status Stages() {
    const RunConfig& config = *context_.config;
    const auto base = [this] { return Base(); };
    const auto pretrained = [this, base]() -> absl::StatusOr<StageModel> {
      if (context_.config->pretrain().steps() == 0) return base();
      return Supervised("pretrain", context_.config->pretrain(), base);
    };
    const auto tuned = [this, pretrained]() -> absl::StatusOr<StageModel> {
      if (context_.config->sft().steps() == 0) return pretrained();
      return Supervised("sft", context_.config->sft(), pretrained);
    };
    // Each stage asks for its start only if it has no checkpoint of its own.
    if (config.rl().steps() > 0) return RunRlStage(context_, tuned);
    return tuned().status();
  }

 private:
  absl::StatusOr<StageModel> Base() {
    std::unique_ptr<Corpus> corpus;
    const RunConfig& config = *context_.config;
    if (config.model().path().empty()) {
      context_.progress->Activity("training the tokenizer", 0, 0);
      R1_ASSIGN_OR_RETURN(
          corpus, MakeCorpus(config.pretrain(), config.data(), config.seed()));
    }
    R1_ASSIGN_OR_RETURN(ModelFolder model, MakeBaseModel(config, corpus.get()));
    R1_RETURN_IF_ERROR(CheckData(model));
    // From here on the run has begun.
    R1_RETURN_IF_ERROR(context_.folder->Pin(
        "base_model_sha256", HashParams(model.params), "the base model"));
    return StageModel{model.config, std::move(model.params), model.tokenizer};
  }

  // Before hours of work: what a later step or stage would stumble over.
  absl::Status CheckData(const ModelFolder& model) const {
    const RunConfig& config = *context_.config;
    for (const SupervisedSection* section :
         {&config.pretrain(), &config.sft()}) {
      if (section->steps() == 0) continue;
      R1_ASSIGN_OR_RETURN(const std::unique_ptr<Corpus> corpus,
                          MakeCorpus(*section, config.data(), config.seed()));
      R1_RETURN_IF_ERROR(corpus->CheckRows(*model.tokenizer,
                                           EndToken(model.config),
                                           model.config.max_positions));
    }
    if (config.rl().steps() == 0) return absl::OkStatus();
    return MakeTrainingPrompts(config, model.config, model.tokenizer).status();
  }

  absl::StatusOr<StageModel> Supervised(
      const std::string& stage, const SupervisedSection& section,
      const std::function<absl::StatusOr<StageModel>()>& start) {
    R1_ASSIGN_OR_RETURN(
        const std::unique_ptr<Corpus> corpus,
        MakeCorpus(section, context_.config->data(), context_.config->seed()));
    R1_RETURN_IF_ERROR(context_.folder->Pin(
        absl::StrCat(stage, "_data_sha256"), corpus->DataHash(),
        absl::StrCat("the data of ", stage)));
    return RunSupervisedStage(context_, stage, section, *corpus,
                              StageCheckpoints(context_.folder->path(), stage),
                              start);
  }

  const RunContext& context_;
};

}  // namespace

absl::StatusOr<RunOutcome> RunAll(const RunSpec& request) {
  // Before anything is written; a finished run needs no inputs.
  R1_ASSIGN_OR_RETURN(const bool is_finished,
                      IsFinishedRun(request.run_dir, request.config));
  if (!is_finished) {
    R1_RETURN_IF_ERROR(CheckInputs(request.config, request.topology));
  }
  // From here on there is something to save.
  InstallStopSignals();
  R1_ASSIGN_OR_RETURN(
      RunFolder folder,
      RunFolder::Open(request.run_dir, request.config, request.accept_build));
  if (folder.is_finished()) return RunOutcome{true};
  // The learner before this one listens no more.
  R1_RETURN_IF_ERROR(RemoveRunOwner(folder.path()));
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<RunStore> store,
                      RunStore::Open(folder.database_path()));
  for (const std::string& change : folder.changes()) {
    LogWarning(absl::StrCat("the run goes on with a change: ", change));
    R1_RETURN_IF_ERROR(store->RecordEvent(-1, "changed", change));
  }
  RunContext context;
  context.config = &request.config;
  context.topology = request.topology;
  context.folder = &folder;
  context.store = store.get();
  context.num_threads = ResolveThreads(request.config.threads());
  const std::unique_ptr<Ops> ops = MakeCpuOps(context.num_threads);
  context.ops = ops.get();
  {
    const std::unique_ptr<Progress> progress = MakeProgress(request.run_dir);
    context.progress = progress.get();
    R1_RETURN_IF_ERROR(Run(context).Stages());
    R1_RETURN_IF_ERROR(store->Flush());
  }
  R1_ASSIGN_OR_RETURN(const std::string summary,
                      MakeSummary(folder.path(), request.config));
  R1_RETURN_IF_ERROR(WriteReport(folder.path(), summary));
  // Last: its presence says that the run is whole.
  R1_RETURN_IF_ERROR(WriteFileAtomic(folder.summary_path(), summary));
  return RunOutcome{false};
}

}  // namespace r1
