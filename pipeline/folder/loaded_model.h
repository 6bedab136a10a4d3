// A model ready to sample, for the commands that only look at one.
#ifndef R1_PIPELINE_FOLDER_LOADED_MODEL_H_
#define R1_PIPELINE_FOLDER_LOADED_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/ops.h"
#include "model/tokenizer.h"
#include "model/weights.h"
#include "pipeline/folder/model_path.h"
#include "proto/config.pb.h"

namespace r1 {

struct LoadedModel {
  std::string path;  // of the model folder
  std::shared_ptr<const PolicyWeights> weights;
  std::shared_ptr<const Tokenizer> tokenizer;
  // The stage it belongs to, changed by --set; all defaults outside a run.
  StageConfig config;
  bool is_of_run = false;
  int64_t rl_step = 0;  // of its stage; 0 for other kinds, and outside a run
};

// `path` as in ResolveModelPath. Errors: of finding, reading or configuring.
absl::StatusOr<LoadedModel> LoadModel(const std::string& path,
                                      absl::Span<const std::string> overrides,
                                      TasksOf tasks, Ops* ops);

// Threads to use when --threads asks for `threads`.
int ResolveThreads(int threads);

}  // namespace r1

#endif  // R1_PIPELINE_FOLDER_LOADED_MODEL_H_
