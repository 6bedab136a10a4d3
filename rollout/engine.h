// The generation engine: samples go in, finished trajectories come out, and
// every step advances all running samples by one token in one forward pass.
#ifndef R1_ROLLOUT_ENGINE_H_
#define R1_ROLLOUT_ENGINE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "kernels/arena.h"
#include "model/kv_cache.h"
#include "model/tokenizer.h"
#include "model/transformer.h"
#include "rollout/block_manager.h"
#include "rollout/sampler.h"
#include "rollout/scheduler.h"
#include "rollout/sequence.h"
#include "rollout/stop_checker.h"

namespace r1 {

struct EngineOptions {
  int max_batch = 64;  // most samples decoded together
  // Pages of the KV cache. 0: enough for max_batch sequences of full length,
  // within kv_bytes. Never less than one sequence of full length needs.
  int64_t kv_pages = 0;
  int64_t kv_bytes = int64_t{2} << 30;
  // Most prompt tokens per step: bounds how long a long prompt holds up those
  // that decode.
  int64_t prefill_tokens = 512;
};

struct EngineStats {
  SchedulerStats scheduler;
  uint64_t steps = 0;
  uint64_t drawn_tokens = 0;  // every token of every completion, once
};

// A finished sample. policy_version is left for the caller to set.
struct Finished {
  uint64_t key = 0;
  // Internal if a log-prob was not finite, naming prompt, sample and position;
  // there is no trajectory then.
  absl::Status status;
  Trajectory trajectory;
};

// Bytes of an engine, with what its ops need, once it was busy; without
// weights.
int64_t EngineBytes(const ModelConfig& config, const EngineOptions& options);

// The trajectory of a request is a function of (weights, prompt, sampling,
// seed, prompt_id, sample_index) alone: not of what else runs, the order of
// arrival, the options above, preemption or the number of threads.
// Threads: one caller at a time.
class Engine {
 public:
  // The tokenizer may be null if no request has stop strings.
  Engine(const ModelConfig& config, std::shared_ptr<const Tokenizer> tokenizer,
         Ops* ops, const EngineOptions& options);

  // Errors: InvalidArgument for an empty prompt, token ids outside the
  // vocabulary, a prompt that leaves no room in the context, or sampling
  // parameters out of range; AlreadyExists for a key in use. All name the
  // prompt and sample. Nothing is added then.
  absl::Status Add(EngineRequest request);
  // Forgets a request; nothing happens if there is none.
  void Cancel(uint64_t key);
  void CancelAll();

  // Advances all running samples; appends those that ended to `done`. Until
  // the engine is idle again every step must get the same weights.
  void Step(const PolicyWeights& weights, std::vector<Finished>* done);

  bool idle() const { return scheduler_.idle(); }
  int num_running() const { return scheduler_.num_running(); }
  int64_t kv_pages() const { return blocks_.num_pages(); }
  EngineStats stats() const;

 private:
  Tensor Forward(const PolicyWeights& weights);
  void DrawTokens(const PolicyWeights& weights, Tensor hidden);
  void AcceptTokens(std::vector<Finished>* done);

  ModelConfig config_;
  BlockManager blocks_;
  Scheduler scheduler_;
  StopChecker stop_checker_;
  bool has_tokenizer_;
  Ops* ops_;
  Transformer transformer_;
  Sampler sampler_;
  KvCache cache_;
  uint64_t steps_ = 0, drawn_tokens_ = 0;
  // Scratch of one step.
  StepPlan plan_;
  std::unique_ptr<DeviceBatch> batch_;
  Arena arena_;  // hidden states of one step
  std::vector<int32_t> draw_rows_;
  std::vector<SampleRequest> draw_requests_;
  std::vector<int32_t> drawn_;
  std::vector<float> drawn_logprobs_;
};

}  // namespace r1

#endif  // R1_ROLLOUT_ENGINE_H_
