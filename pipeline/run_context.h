// What the stages of one run share, and what one of them is given.
#ifndef R1_PIPELINE_RUN_CONTEXT_H_
#define R1_PIPELINE_RUN_CONTEXT_H_

#include <memory>
#include <string>

#include "kernels/ops.h"
#include "model/model_config.h"
#include "model/param_set.h"
#include "model/tokenizer.h"
#include "pipeline/progress.h"
#include "pipeline/run_folder.h"
#include "pipeline/run_store.h"
#include "pipeline/stage_folder.h"
#include "proto/config.pb.h"

namespace r1 {

// How a run is spread over processes; never changes a result.
struct Topology {
  // Worker processes to start on this machine; 0: sample in this process;
  // kNoWorkers: leave all samples to workers that join at `listen`.
  static constexpr int kNoWorkers = -1;
  int workers = 0;
  // host:port where workers may join; empty: loopback, any free port, and only
  // if there are worker processes.
  std::string listen;
};

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
};

// What a stage returns when Ctrl-C stopped it at a step boundary, with
// everything saved. Not a failure: the same command goes on.
inline absl::Status InterruptedError(const std::string& where) {
  return absl::CancelledError(
      "interrupted " + where +
      ", everything is saved: the same command goes on from there");
}

}  // namespace r1

#endif  // R1_PIPELINE_RUN_CONTEXT_H_
