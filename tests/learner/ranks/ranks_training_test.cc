// Ranks that train together: the bits of one process, whatever their number.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <thread>

#include "base/philox.h"
#include "kernels/cpu/cpu_ops.h"
#include "learner/checkpoint_store.h"
#include "learner/ranks/gradient_worker.h"
#include "learner/ranks/thread_ranks.h"
#include "learner/supervised.h"
#include "tests/learner/trainer_testing.h"
#include "tests/model/host_params.h"

namespace r1 {
namespace {

using testing::HasSubstr;

// The ranks beside rank 0, each on a thread; they end with this object.
class Workers {
 public:
  explicit Workers(int size) : ranks_(size), ends_(size) {
    for (int r = 1; r < size; ++r) {
      threads_.emplace_back([this, r] {
        cpu::CpuOps ops(1);
        ends_[r] = RunGradientWorker(ranks_.rank(r), &ops);
      });
    }
  }
  ~Workers() {
    ranks_.rank(0)->Abort(absl::CancelledError("the run is over"));
    for (std::thread& thread : threads_) thread.join();
    for (size_t r = 1; r < ends_.size(); ++r) {
      EXPECT_THAT(ends_[r].message(), HasSubstr("the run is over"));
    }
  }
  Communicator* first() { return ranks_.rank(0); }

 private:
  ThreadRanks ranks_;
  std::vector<absl::Status> ends_;
  std::vector<std::thread> threads_;
};

// All that a checkpoint would hold.
std::string HashOf(const TrainingState& state) {
  return HashParams(state.params) + HashParams(state.optimizer.m) +
         HashParams(state.optimizer.v) + HashModel(state);
}

class RanksTrainerTest : public TrainerTest {
 protected:
  void SetShards(int shards) {
    config_.mutable_learner()->set_gradient_shards(shards);
  }
  // Steps of a run on so many ranks, from `state` or the start.
  std::unique_ptr<Process> Run(int ranks, int steps, MapJournal* journal,
                               Process::Options options = {},
                               std::optional<TrainingState> state = {}) {
    Workers workers(ranks);
    options.ranks = workers.first();
    auto process = std::make_unique<Process>(
        config_, journal, &tokenizer_, std::move(options), std::move(state));
    for (int i = 0; i < steps; ++i) {
      const auto metrics = process->trainer->Step();
      EXPECT_TRUE(metrics.ok()) << metrics.status();
      if (metrics.ok()) metrics_ = *metrics;
    }
    EXPECT_EQ(process->trainer->CollectState(), absl::OkStatus());
    return process;
  }
  // Of the last step, without times.
  std::map<std::string, double> LastMetrics() const {
    std::map<std::string, double> kept;
    for (const auto& [name, value] : metrics_) {
      if (name.find("second") == name.npos) kept[name] = value;
    }
    return kept;
  }

  Metrics metrics_;
};

TEST_F(RanksTrainerTest, TheNumberOfRanksThreadsAndMicrobatchesIsNoMatter) {
  SetShards(4);
  std::set<std::string> hashes;
  std::set<std::map<std::string, double>> metrics;
  struct Case {
    int ranks, threads, microbatch_tokens;
  };
  for (const Case& c :
       std::vector<Case>{{1, 1, 64}, {1, 2, 1 << 20}, {2, 1, 64}, {4, 2, 16}}) {
    config_.mutable_rl()->set_microbatch_tokens(c.microbatch_tokens);
    MapJournal journal;
    const auto process = Run(c.ranks, 4, &journal, {.threads = c.threads});
    hashes.insert(HashOf(process->trainer->state()));
    metrics.insert(LastMetrics());
    EXPECT_EQ(process->trainer->state().optimizer.step, 8);
  }
  EXPECT_EQ(hashes.size(), 1);
  EXPECT_EQ(metrics.size(), 1);
  EXPECT_GT(metrics.begin()->at("grad_norm"), 0);
  EXPECT_EQ(metrics.begin()->at("max_logprob_mismatch"), 0);
}

// The number of shards is: it decides the order of the sums, and nothing else.
TEST_F(RanksTrainerTest, TheNumberOfShardsDecidesTheLastBits) {
  std::map<int, ParamSet> params;
  for (const int shards : {1, 2, 4, 64}) {
    SetShards(shards);
    MapJournal journal;
    const auto process = Run(1, 1, &journal);
    params.emplace(shards, Clone(process->trainer->state().params));
  }
  const auto want = Flat(params.at(1));
  for (const int shards : {2, 4, 64}) {
    const auto got = Flat(params.at(shards));
    EXPECT_NE(HashParams(params.at(shards)), HashParams(params.at(1)));
    // Two updates of AdamW move a weight by the rate of 2e-3 each, in a
    // direction that roundings can turn where the gradient is next to 0; most
    // weights have one that is not.
    int64_t apart = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      ASSERT_LE(std::abs(got[i] - want[i]), 2 * 2 * 2e-3) << i;
      apart += !(std::abs(got[i] - want[i]) < 1e-5);
    }
    EXPECT_LT(apart, want.size() / 100);
  }
}

// Many updates, so that the reference is renewed, also within a step; scored by
// the trainer; skipped ones.
TEST_F(RanksTrainerTest, EveryKindOfStepIsTheSame) {
  SetShards(4);
  config_.mutable_rl()->set_inner_epochs(2);
  for (const float tis_cap : {0.0f, 2.0f}) {
    config_.mutable_rl()->set_tis_cap(tis_cap);
    std::set<std::string> hashes;
    for (const int ranks : {1, 2}) {
      MapJournal journal;
      hashes.insert(HashOf(Run(ranks, 3, &journal)->trainer->state()));
    }
    EXPECT_EQ(hashes.size(), 1) << tis_cap;
  }
}

TEST_F(RanksTrainerTest, AnUpdateThatIsSkippedIsSkippedByAll) {
  SetShards(2);
  std::set<std::string> hashes;
  for (const int ranks : {1, 2}) {
    Workers workers(ranks);
    MapJournal journal;
    Process process(config_, &journal, &tokenizer_, {.ranks = workers.first()});
    // The second step's gradients are NaN in rank 0's shards alone.
    for (const bool is_poisoned : {false, true, false}) {
      process.ops.is_poisoned = is_poisoned;
      const auto metrics = process.trainer->Step();
      ASSERT_TRUE(metrics.ok()) << metrics.status();
      EXPECT_EQ(MetricOf(*metrics, "updates/skipped"), is_poisoned ? 2 : 0);
    }
    ASSERT_EQ(process.trainer->CollectState(), absl::OkStatus());
    hashes.insert(HashOf(process.trainer->state()));
  }
  EXPECT_EQ(hashes.size(), 1);
}

// Whatever number of ranks wrote a checkpoint, any other goes on from it.
TEST_F(RanksTrainerTest, AnyNumberOfRanksGoesOn) {
  SetShards(4);
  MapJournal undisturbed;
  const std::string want = HashOf(Run(1, 6, &undisturbed)->trainer->state());
  MapJournal journal;
  std::optional<TrainingState> state;
  std::string got;
  for (const int ranks : {2, 4, 1}) {
    const ScratchFolder folder;
    CheckpointStore store(folder.path(), 2);
    const auto process = Run(ranks, 2, &journal, {}, std::move(state));
    got = HashOf(process->trainer->state());
    ASSERT_EQ(store.Save(process->trainer->state(), tokenizer_),
              absl::OkStatus());
    auto loaded = store.LoadNewest(true, &process->ops);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    state = *std::move(loaded);
  }
  EXPECT_EQ(got, want);
}

TEST_F(RanksTrainerTest, AdaptersAreTrainedOnRanksToo) {
  SetShards(2);
  const LoraConfig lora = {4, 8, {"q_proj", "down_proj"}};
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    std::set<std::string> hashes;
    for (const int ranks : {1, 2}) {
      cpu::CpuOps ops(1);
      ModelConfig model = TinyModel();
      model.weights_dtype = dtype;
      MapJournal journal;
      const auto process =
          Run(ranks, 3, &journal, {},
              StartLora(lora, 3, "base", model, TinyParams(1), true, &ops));
      hashes.insert(HashOf(process->trainer->state()));
    }
    EXPECT_EQ(hashes.size(), 1);
  }
}

absl::StatusOr<TrainSequence> Counting(uint64_t index) {
  RandomSequence random(1, RandomStream::kData, index, 0);
  TrainSequence example;
  const int length = 4 + random.NextBelow(9), start = random.NextBelow(50);
  for (int i = 0; i < length; ++i) example.tokens.push_back(start + i);
  return example;
}

TEST(RanksSupervised, TheNumberOfRanksIsNoMatter) {
  SupervisedSection config;
  config.set_steps(6);
  config.set_batch_tokens(64);
  config.set_learning_rate(1e-2);
  std::map<int, std::set<std::string>> hashes;
  std::set<double> losses;
  for (const auto& [shards, ranks] : std::vector<std::pair<int, int>>{
           {1, 1}, {4, 1}, {4, 2}, {4, 4}, {32, 2}, {32, 1}}) {
    Workers workers(ranks);
    cpu::CpuOps ops(1);
    SupervisedTrainer trainer(
        "sft", config, {Counting}, &ops, nullptr,
        StartTraining(TinyModel(), TinyParams(1), false, &ops),
        {shards, workers.first()});
    double loss = 0;
    for (int step = 0; step < 6; ++step) {
      const auto metrics = trainer.Step();
      ASSERT_TRUE(metrics.ok()) << metrics.status();
      loss = MetricOf(*metrics, "loss");
    }
    ASSERT_EQ(trainer.CollectState(), absl::OkStatus());
    hashes[shards].insert(HashOf(trainer.state()));
    if (shards == 4) losses.insert(loss);
  }
  EXPECT_EQ(hashes[4].size(), 1);
  EXPECT_EQ(hashes[32].size(), 1);
  EXPECT_NE(hashes[4], hashes[1]);
  EXPECT_EQ(losses.size(), 1);
}

// A rank that stops in the middle of a step ends the step.
TEST_F(RanksTrainerTest, ALostRankIsUnavailable) {
  SetShards(2);
  ThreadRanks ranks(2);
  std::thread other([&] {
    std::string order;
    ASSERT_EQ(ranks.rank(1)->Scatter({}, &order), absl::OkStatus());
    ranks.rank(1)->Abort(absl::UnavailableError("rank 1 is gone"));
  });
  MapJournal journal;
  Process process(config_, &journal, &tokenizer_, {.ranks = ranks.rank(0)});
  const auto metrics = process.trainer->Step();
  other.join();
  EXPECT_EQ(metrics.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(metrics.status().message(), HasSubstr("rank 1 is gone"));
  EXPECT_EQ(process.trainer->state().step, 0);
}

}  // namespace
}  // namespace r1
