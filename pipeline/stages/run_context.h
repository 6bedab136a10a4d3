// What the stages of one run share, and what one of them is given.
#ifndef R1_PIPELINE_STAGES_RUN_CONTEXT_H_
#define R1_PIPELINE_STAGES_RUN_CONTEXT_H_

#include <memory>
#include <string>

#include "kernels/ops.h"
#include "learner/ranks/communicator.h"
#include "model/model_config.h"
#include "model/param_set.h"
#include "model/tokenizer.h"
#include "pipeline/folder/run_folder.h"
#include "pipeline/folder/stage_folder.h"
#include "pipeline/screen/progress.h"
#include "pipeline/services/topology.h"
#include "pipeline/store/run_store.h"
#include "proto/config.pb.h"

namespace r1 {

// Nothing is owned.
struct RunContext {
  // Each after those it needs.
  const std::vector<StageConfig>* stages = nullptr;
  Topology topology;
  RunFolder* folder = nullptr;
  RunStore* store = nullptr;
  Ops* ops = nullptr;
  Progress* progress = nullptr;
  int num_threads = 1;
  Communicator* ranks = nullptr;  // who helps to train; null: nobody
};

// A stage is a function of its configuration and the model it starts from. Each
// kind is one file with one function of this context, which runs the stage to
// its end, from its newest checkpoint if there is one. Errors: Cancelled if
// interrupted (InterruptedError).
struct StageContext {
  const RunContext* run = nullptr;
  const StageConfig* config = nullptr;
  StageFolder* folder = nullptr;
  // No later stage needs samples.
  bool is_last_to_sample = true;
};

// A model on its way from stage to stage.
struct StageModel {
  ModelConfig config;
  ParamSet params;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string path;  // the folder it was read from; empty: a new model
};

// What a stage returns when Ctrl-C stopped it at a step boundary, with
// everything saved. Not a failure: the same command goes on.
inline absl::Status InterruptedError(const std::string& where) {
  return absl::CancelledError(
      "interrupted " + where +
      ", everything is saved: the same command goes on from there");
}

}  // namespace r1

#endif  // R1_PIPELINE_STAGES_RUN_CONTEXT_H_
