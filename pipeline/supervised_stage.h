// The stages "pretrain" and "sft": next-token training with checkpoints.
#ifndef R1_PIPELINE_SUPERVISED_STAGE_H_
#define R1_PIPELINE_SUPERVISED_STAGE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "learner/training_state.h"
#include "model/tokenizer.h"
#include "pipeline/examples.h"
#include "pipeline/run_context.h"
#include "proto/config.pb.h"

namespace r1 {

// A model on its way from stage to stage.
struct StageModel {
  ModelConfig config;
  ParamSet params;
  std::shared_ptr<const Tokenizer> tokenizer;
};

// Runs `stage` to its end, from its newest checkpoint in `checkpoints` or from
// the model that `start` makes, which is called only in the latter case.
// Errors: Cancelled if interrupted (InterruptedError); those of
// SupervisedTrainer and CheckpointStore.
absl::StatusOr<StageModel> RunSupervisedStage(
    const RunContext& context, const std::string& stage,
    const SupervisedSection& section, const Corpus& corpus,
    const std::string& checkpoints,
    const std::function<absl::StatusOr<StageModel>()>& start);

}  // namespace r1

#endif  // R1_PIPELINE_SUPERVISED_STAGE_H_
