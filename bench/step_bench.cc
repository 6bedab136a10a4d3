// One training update on packed sequences, of models of 1 M, 10 M and 135 M
// parameters with random weights: tokens per second, and the share of the FMA
// peak that 6 N FLOPs a token make of it (N = parameters, tied embedding once;
// attention not counted). Microbatches of 4,096 tokens, sequences of 256. And
// the training of a whole rollout phase.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/philox.h"
#include "bench/bench_util.h"
#include "learner/optimizer.h"
#include "learner/policy_gradient.h"
#include "learner/supervised.h"
#include "learner/training_state.h"
#include "model/memory_plan.h"

namespace r1 {
namespace {

constexpr int kSequenceTokens = 256;
constexpr int kPromptTokens = 64;

struct Shape {
  const char* name;
  int layers, hidden, heads, kv_heads, ffn, vocab;
};
constexpr Shape kShapes[] = {
    {"1M", 5, 128, 4, 2, 384, 512},
    {"10M", 12, 256, 8, 4, 768, 4096},
    {"135M", 30, 576, 9, 3, 1536, 49152},
};

ModelConfig ConfigOf(const Shape& shape) {
  ModelConfig config;
  config.vocab_size = shape.vocab;
  config.hidden_size = shape.hidden;
  config.intermediate_size = shape.ffn;
  config.num_layers = shape.layers;
  config.num_heads = shape.heads;
  config.num_kv_heads = shape.kv_heads;
  config.head_dim = shape.hidden / shape.heads;
  config.max_positions = kSequenceTokens;
  config.tie_embeddings = true;
  return config;
}

TrainingState Start(const ModelConfig& config, bool with_reference, Ops* ops) {
  ParamSet params(std::make_shared<ParamLayout>(config));
  InitializeParams(1, &params);
  return StartTraining(config, std::move(params), with_reference, ops);
}

TrainSequence RandomSequenceOf(int64_t vocab, uint64_t index) {
  RandomSequence random(1, RandomStream::kData, index, 0);
  TrainSequence sequence;
  for (int i = 0; i < kSequenceTokens; ++i) {
    sequence.tokens.push_back(random.NextBelow(vocab));
  }
  return sequence;
}

// The process's largest resident set so far, GiB; 0 where /proc is missing.
double PeakMemoryGiB() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!absl::StartsWith(line, "VmHWM:")) continue;
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    double kib = 0;
    if (words.size() > 1 && absl::SimpleAtod(words[words.size() - 2], &kib)) {
      return kib / (1 << 20);
    }
  }
  return 0;
}

// `passes` N FLOPs are what cannot be avoided, for N parameters.
void Report(benchmark::State& state, const ModelConfig& config, double tokens,
            double passes, double seconds) {
  const double parameters = ParamLayout(config).count();
  ReportFlops(state, passes * parameters, seconds);
  state.counters["tokens/s"] = tokens / seconds;
  state.counters["VmHWM_GiB"] = PeakMemoryGiB();
}

// Pretraining: forward, backward, AdamW and the new weights.
void TimeSupervised(benchmark::State& state, TrainingState training, Ops* ops) {
  FmaPeak();
  const ModelConfig config = training.config;
  SupervisedSection section;
  section.set_batch_tokens(kMicrobatchTokens);
  SupervisedTrainer trainer(
      "bench", section, {[&](uint64_t index) -> absl::StatusOr<TrainSequence> {
        return RandomSequenceOf(config.vocab_size, index);
      }},
      ops, nullptr, std::move(training));
  const double seconds = TimeCalls(state, [&] {
    const auto metrics = trainer.Step();
    if (!metrics.ok()) state.SkipWithError("the step failed");
  });
  Report(state, config, kMicrobatchTokens, 6.0 * kMicrobatchTokens, seconds);
}

// One sequence of so many tokens through a model of the shape of Qwen2.5-0.5B,
// layer inputs kept: what it needs, and what was planned.
void LongSequence(benchmark::State& state) {
  ModelConfig config = ConfigOf({"0.5B", 24, 896, 14, 2, 4864, 151936});
  config.model_type = "qwen2";
  config.max_positions = state.range(0);
  const std::unique_ptr<Ops> ops = MakeCpuOps(BenchThreads());
  TrainingState training = Start(config, false, ops.get());
  training.keep = Keep::kLayerInputs;
  TrainSequence sequence;
  while (sequence.length() < state.range(0)) {
    sequence.tokens.push_back(7919 * sequence.length() % config.vocab_size);
  }
  sequence.first_scored = 1;
  const int64_t planned =
      WeightsBytes(config, *CpuDevice()) +
      int64_t{16} * training.params.layout().count() +
      PackedModelBytes(config, state.range(0), training.keep, true);
  SupervisedTrainer trainer(
      "bench", SupervisedSection(),
      {[&](uint64_t) -> absl::StatusOr<TrainSequence> { return sequence; }},
      ops.get(), nullptr, std::move(training));
  for (auto _ : state) {
    const auto metrics = trainer.Step();
    if (!metrics.ok()) state.SkipWithError("the step failed");
  }
  state.counters["planned_GiB"] = static_cast<double>(planned) / (1 << 30);
  state.counters["VmHWM_GiB"] = PeakMemoryGiB();
}
// Takes minutes, and about as much memory as planned.
BENCHMARK(LongSequence)->Arg(4096)->Arg(32768)->Iterations(1)->UseRealTime();

// With as much kept of the forward pass as Keep says (0: all; 1: no gate and
// up; 2: layer inputs).
void SupervisedStep(benchmark::State& state) {
  const Shape& shape = kShapes[state.range(0)];
  state.SetLabel(shape.name);
  const std::unique_ptr<Ops> ops = MakeCpuOps(BenchThreads());
  TrainingState training = Start(ConfigOf(shape), false, ops.get());
  training.keep = static_cast<Keep>(state.range(1));
  TimeSupervised(state, std::move(training), ops.get());
}

// Adapters of this rank, of a base in bf16; 0: all parameters.
TrainingState StartAdapters(ModelConfig config, int64_t rank, Ops* ops) {
  config.weights_dtype = DType::kBF16;
  ParamSet params(std::make_shared<ParamLayout>(config));
  InitializeParams(1, &params);
  for (int i = 0; i < params.layout().tensors().size(); ++i) {
    std::vector<float> values = params.Read(i);
    for (float& x : values) x = FromBf16(ToBf16(x));
    params.Write(i, 0, values);
  }
  if (rank == 0) return StartTraining(config, std::move(params), false, ops);
  LoraConfig lora = {rank, 32, {LoraTargets().begin(), LoraTargets().end()}};
  return StartLora(lora, 1, "", config, params, false, ops);
}

// Counts the bytes a parameter beside the weights that are computed with: of
// master, gradient and moments, and of W0.
void LoraStep(benchmark::State& state) {
  const Shape& shape = kShapes[state.range(0)];
  state.SetLabel(shape.name);
  const ModelConfig config = ConfigOf(shape);
  const std::unique_ptr<Ops> ops = MakeCpuOps(BenchThreads());
  TrainingState training = StartAdapters(config, state.range(1), ops.get());
  state.counters["bytes/param"] =
      16.0 * training.params.layout().count() / ParamLayout(config).count() +
      (training.lora == nullptr
           ? 0
           : BytesOf(training.lora->base()->config().weights_dtype));
  TimeSupervised(state, std::move(training), ops.get());
}

// Seconds of an update by these samples: gradient, AdamW and new weights.
double TimeUpdates(benchmark::State& state, bool is_on_policy,
                   const std::vector<const PolicySample*>& minibatch,
                   PolicyGradient* gradient, Ops* ops,
                   TrainingState* training) {
  ParamSet grads(training->params.shared_layout());
  OptimizerConfig optimizer;
  optimizer.schedule.peak = 1e-6;
  optimizer.max_grad_norm = 1;
  return TimeCalls(state, [&] {
    ops->Fill(0, grads.flat());
    const MinibatchGradient result =
        gradient->Compute(*training->weights, training->reference.get(),
                          minibatch, is_on_policy, &grads);
    ApplyUpdate(optimizer, result.loss, grads, ops, &training->optimizer,
                &training->params);
    RenewWeights(ops, training);
  });
}

// An RL update of one minibatch: reference log-probs, forward, log-probs,
// backward, AdamW, packing. The share still counts 6 N: the passes beyond are
// what the algorithm costs.
void PolicyStep(benchmark::State& state) {
  const Shape& shape = kShapes[state.range(0)];
  state.SetLabel(shape.name);
  FmaPeak();
  const ModelConfig config = ConfigOf(shape);
  const std::unique_ptr<Ops> ops = MakeCpuOps(BenchThreads());
  TrainingState training = Start(config, true, ops.get());
  std::vector<PolicySample> samples(kMicrobatchTokens / kSequenceTokens);
  for (size_t s = 0; s < samples.size(); ++s) {
    samples[s].sequence = RandomSequenceOf(config.vocab_size, s);
    samples[s].sequence.first_scored = kPromptTokens;
    samples[s].rollout_logprobs.assign(samples[s].sequence.scored(), -5);
    samples[s].old_logprobs = samples[s].rollout_logprobs;
    samples[s].advantage = s % 2 ? 1 : -1;
  }
  std::vector<const PolicySample*> minibatch;
  for (const PolicySample& sample : samples) minibatch.push_back(&sample);
  PolicyLossConfig loss;
  loss.kl_coef = 0.001;
  PolicyGradient gradient(
      config, loss, 1, kMicrobatchTokens, [](int64_t) {}, ops.get());
  const double seconds = TimeUpdates(state, /*is_on_policy=*/false, minibatch,
                                     &gradient, ops.get(), &training);
  Report(state, config, kMicrobatchTokens, 6.0 * kMicrobatchTokens, seconds);
}

// The training of one phase of 8 prompts with 16 samples each, 128 tokens all,
// in one update: with a KL term, or without and half of the groups having
// advantage 0. tokens/s counts a prompt with each of its samples; the share
// counts 2 N FLOPs a token forward and 4 N backward, a prompt once for all its
// samples, the reference's pass, and no backward pass without a gradient.
void GrpoPhase(benchmark::State& state) {
  constexpr int kPrompts = 8, kGroup = 16, kPrompt = 128, kResponse = 128;
  const Shape& shape = kShapes[state.range(0)];
  const bool has_kl = state.range(1) == 0;
  state.SetLabel(shape.name);
  FmaPeak();
  const ModelConfig config = ConfigOf(shape);
  const std::unique_ptr<Ops> ops = MakeCpuOps(BenchThreads());
  TrainingState training = Start(config, has_kl, ops.get());
  std::vector<PolicySample> samples(kPrompts * kGroup);
  for (int s = 0; s < kPrompts * kGroup; ++s) {
    const int prompt = s / kGroup;
    samples[s].prompt_id = prompt;
    samples[s].sequence = RandomSequenceOf(config.vocab_size, 1000 + prompt);
    const TrainSequence response = RandomSequenceOf(config.vocab_size, s);
    std::copy_n(response.tokens.begin(), kResponse,
                samples[s].sequence.tokens.begin() + kPrompt);
    samples[s].sequence.first_scored = kPrompt;
    const bool is_idle = !has_kl && prompt % 2 == 1;
    samples[s].advantage = is_idle ? 0 : s % 2 ? 1 : -1;
  }
  PolicyLossConfig loss;
  loss.kl_coef = has_kl ? 0.001 : 0;
  PolicyGradient gradient(
      config, loss, 1, kMicrobatchTokens, [](int64_t) {}, ops.get());
  for (PolicySample& sample : samples) {
    sample.rollout_logprobs.resize(kResponse);
  }
  gradient.ScoreOldLogprobs(*training.weights, absl::MakeSpan(samples));
  std::vector<const PolicySample*> minibatch;
  for (PolicySample& sample : samples) {
    sample.rollout_logprobs = sample.old_logprobs;
    minibatch.push_back(&sample);
  }
  const double seconds = TimeUpdates(state, /*is_on_policy=*/true, minibatch,
                                     &gradient, ops.get(), &training);
  const double needed = kPrompts * (kPrompt + kGroup * kResponse);
  Report(state, config, kPrompts * kGroup * (kPrompt + kResponse),
         needed * (has_kl ? 8 : (6 + 2) / 2), seconds);
}

BENCHMARK(GrpoPhase)
    ->ArgNames({"shape", "zero"})
    ->ArgsProduct({{0, 1, 2}, {0, 1}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(SupervisedStep)
    ->ArgNames({"shape", "keep"})
    ->ArgsProduct({{0, 1, 2}, {0, 1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(LoraStep)
    ->ArgNames({"shape", "rank"})
    ->ArgsProduct({{0, 1, 2}, {0, 16}})
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(PolicyStep)
    ->DenseRange(0, 2)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace r1

BENCHMARK_MAIN();
