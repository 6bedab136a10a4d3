// The generation engine on models of 1 M, 10 M and 135 M parameters with
// random weights: tokens per second, and the share of what the machine allows.
// A token costs 2 N FLOPs (N = parameters, tied embedding once; attention not
// counted), and each step reads all weights once. The limit is the slower of
// the two: FMA peak over 2 N, or read bandwidth over the weights per sequence.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/philox.h"
#include "bench/bench_util.h"
#include "bench/model_shapes.h"
#include "rollout/engine.h"

namespace r1 {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kContext = 512;

// The read bandwidth for a working set, measured once per size.
double ReadBandwidth(int64_t bytes) {
  static std::map<int64_t, double> measured;
  const auto it = measured.find(bytes);
  if (it != measured.end()) return it->second;
  ThreadPool pool(BenchThreads());
  return measured[bytes] = MeasureReadBandwidth(pool, bytes);
}

// A model with random weights and an engine for `batch` sequences.
class Setup {
 public:
  Setup(const ModelShape& shape, int batch)
      : config_(ConfigOf(shape, kContext)),
        ops_(MakeCpuOps(BenchThreads())),
        engine_(config_, nullptr, ops_.get(), {.max_batch = batch}),
        weights_(MakePolicyWeights(config_, Random(config_), ops_.get())) {}

  Engine& engine() { return engine_; }
  int64_t num_parameters() const { return weights_->layout().count(); }

  // `group` samples of each of `prompts` random prompts.
  void Add(int prompts, int group, int prompt_tokens, int new_tokens) {
    SamplingParams sampling;
    sampling.set_temperature(1);
    sampling.set_top_p(1);
    sampling.set_max_new_tokens(new_tokens);
    for (int p = 0; p < prompts; ++p) {
      RandomSequence random(1, RandomStream::kData, next_prompt_, 0);
      std::vector<int32_t> tokens;
      for (int i = 0; i < prompt_tokens; ++i) {
        tokens.push_back(random.NextBelow(config_.vocab_size));
      }
      const auto prompt =
          std::make_shared<const std::vector<int32_t>>(std::move(tokens));
      for (uint32_t sample = 0; sample < group; ++sample) {
        const absl::Status status = engine_.Add(
            {next_key_++, prompt, 1, next_prompt_, sample, sampling});
        R1_CHECK(status.ok(), "the request is valid");
      }
      ++next_prompt_;
    }
  }

  void Step() {
    done_.clear();
    engine_.Step(*weights_, &done_);
    for (const Finished& finished : done_) {
      R1_CHECK(finished.status.ok(), "the weights are finite");
    }
  }

 private:
  static ParamSet Random(const ModelConfig& config) {
    ParamSet params(std::make_shared<ParamLayout>(config));
    InitializeParams(1, &params);
    return params;
  }

  ModelConfig config_;
  std::unique_ptr<Ops> ops_;
  Engine engine_;
  std::shared_ptr<const PolicyWeights> weights_;
  uint64_t next_key_ = 0, next_prompt_ = 0;
  std::vector<Finished> done_;
};

void Report(benchmark::State& state, const Setup& setup, int batch,
            double tokens_per_second) {
  const double n = setup.num_parameters();
  const int64_t bytes = setup.num_parameters() * sizeof(float);
  const double by_compute = FmaPeak() / (2 * n);
  const double by_memory = ReadBandwidth(bytes) / bytes * batch;
  state.counters["tokens/s"] = tokens_per_second;
  state.counters["compute_limit"] = by_compute;
  state.counters["memory_limit"] = by_memory;
  state.counters["of_limit"] =
      tokens_per_second / std::min(by_compute, by_memory);
}

// Steady decoding: every step draws one token for each of `batch` sequences,
// at positions 64 to 127.
void Decode(benchmark::State& state) {
  constexpr int kPrompt = 64, kTokens = 64;
  const ModelShape& shape = kModelShapes[state.range(0)];
  const int batch = state.range(1);
  state.SetLabel(shape.name);
  FmaPeak();
  Setup setup(shape, batch);
  double seconds = 0;
  for (auto _ : state) {
    setup.Add(batch, 1, kPrompt, kContext);
    const auto drawn = [&] { return setup.engine().stats().drawn_tokens; };
    // Until all prompts are in the cache and every sequence decodes.
    uint64_t begin = drawn(), drawn_by_step = 0;
    while (drawn_by_step != static_cast<uint64_t>(batch)) {
      setup.Step();
      drawn_by_step = drawn() - begin;
      begin += drawn_by_step;
    }
    const auto start = Clock::now();
    for (int i = 0; i < kTokens; ++i) setup.Step();
    const double elapsed =
        std::chrono::duration<double>(Clock::now() - start).count();
    R1_CHECK(drawn() - begin == uint64_t{kTokens} * batch,
             "every sequence draws in every step");
    setup.engine().CancelAll();
    state.SetIterationTime(elapsed);
    seconds += elapsed;
  }
  Report(state, setup, batch, state.iterations() * kTokens * batch / seconds);
}

// A rollout: 16 samples of each of 16 prompts, 128 tokens each, at most 64 at
// a time, prefill included. The limit is that of decoding alone.
void Rollout(benchmark::State& state) {
  constexpr int kPrompts = 16, kGroup = 16, kLength = 128, kBatch = 64;
  const ModelShape& shape = kModelShapes[state.range(0)];
  state.SetLabel(shape.name);
  FmaPeak();
  Setup setup(shape, kBatch);
  const double seconds = TimeCalls(state, [&] {
    setup.Add(kPrompts, kGroup, kLength, kLength);
    while (!setup.engine().idle()) setup.Step();
  });
  Report(state, setup, kBatch, kPrompts * kGroup * kLength / seconds);
}

BENCHMARK(Decode)
    ->ArgNames({"model", "batch"})
    ->ArgsProduct({{0, 1, 2}, {1, 16, 64}})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(Rollout)->ArgName("model")->DenseRange(0, 2)->UseRealTime()->Unit(
    benchmark::kMillisecond);

}  // namespace
}  // namespace r1

BENCHMARK_MAIN();
