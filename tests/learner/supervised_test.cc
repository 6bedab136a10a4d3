#include "learner/supervised.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "base/philox.h"
#include "kernels/cpu/cpu_ops.h"
#include "learner/checkpoint_store.h"
#include "tests/learner/fakes.h"

namespace r1 {
namespace {

using testing::HasSubstr;

class PoisonableOps : public cpu::CpuOps {
 public:
  using cpu::CpuOps::CpuOps;
  double SumSquares(Tensor x) override {
    return is_poisoned ? std::numeric_limits<double>::infinity()
                       : cpu::CpuOps::SumSquares(x);
  }
  bool is_poisoned = false;
};

// Counting upwards from a random start; lengths 4 to 12.
absl::StatusOr<TrainSequence> Counting(uint64_t index) {
  RandomSequence random(1, RandomStream::kData, index, 0);
  TrainSequence example;
  const int length = 4 + random.NextBelow(9), start = random.NextBelow(50);
  for (int i = 0; i < length; ++i) example.tokens.push_back(start + i);
  return example;
}

class SupervisedTest : public testing::Test {
 protected:
  SupervisedTest() : ops_(2) {
    config_.set_steps(40);
    config_.set_batch_tokens(256);
    config_.set_learning_rate(1e-2);
    config_.set_warmup_steps(5);
  }
  SupervisedTrainer Start(ExampleSource source = Counting,
                          std::optional<TrainingState> state = std::nullopt) {
    return Start(SupervisedData{std::move(source)}, std::move(state));
  }
  SupervisedTrainer Start(SupervisedData data,
                          std::optional<TrainingState> state = std::nullopt) {
    if (!state) {
      state = StartTraining(TinyModel(), TinyParams(1), false, &ops_);
    }
    return SupervisedTrainer("pretrain", config_, std::move(data), &ops_,
                             &journal_, *std::move(state));
  }
  // The mean loss of these examples, each by itself.
  double LossOf(const ParamSet& params,
                const std::vector<TrainSequence>& examples) {
    const ModelConfig config = TinyModel();
    PolicyWeights weights(config, CpuDevice());
    weights.Assign(params, &ops_);
    PackedModel model(config, &ops_);
    double sum = 0;
    int64_t scored = 0;
    for (const TrainSequence& example : examples) {
      const PackedBatch packed = Pack({&example});
      std::vector<float> logprobs(example.scored());
      model.Forward(weights, packed.tokens, false);
      model.Logprobs(weights, 1, absl::MakeSpan(logprobs), {});
      sum = std::accumulate(logprobs.begin(), logprobs.end(), sum);
      scored += example.scored();
    }
    return -sum / scored;
  }
  static std::string HashOf(const SupervisedTrainer& trainer) {
    return HashParams(trainer.state().params);
  }

  PoisonableOps ops_;
  SupervisedSection config_;
  MapJournal journal_;
};

TEST_F(SupervisedTest, LearnsToCount) {
  SupervisedTrainer trainer = Start();
  const auto first = trainer.Step();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_NEAR(MetricOf(*first, "loss"), std::log(257), 0.2);
  double last = 0;
  for (int i = 1; i < 40; ++i) last = MetricOf(*trainer.Step(), "loss");
  // All but the first token follow from the one before.
  EXPECT_LT(last, 1.0);
  EXPECT_EQ(trainer.state().step, 40);
  EXPECT_EQ(trainer.state().optimizer.step, 40);
}

TEST_F(SupervisedTest, BatchIsAsManyWholeExamplesAsFit) {
  SupervisedTrainer trainer = Start();
  uint64_t next = 0;
  for (int step = 1; step <= 5; ++step) {
    int64_t tokens = 0;
    while (tokens + Counting(next)->length() <= 256) {
      tokens += Counting(next++)->length();
    }
    const auto metrics = trainer.Step();
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    EXPECT_EQ(trainer.state().next_index, next);
    EXPECT_EQ(MetricOf(*metrics, "tokens/trained"), tokens);
    EXPECT_EQ(journal_.metrics.at(step), *metrics);
  }
}

TEST_F(SupervisedTest, BatchMayBeFullToTheLastToken) {
  SupervisedTrainer trainer = Start([](uint64_t) {
    return absl::StatusOr<TrainSequence>({std::vector<int32_t>(64, 1), 1});
  });
  EXPECT_EQ(MetricOf(*trainer.Step(), "tokens/trained"), 256);
}

// The loss is the mean over scored tokens, wherever the examples are cut.
TEST_F(SupervisedTest, OnlyScoredTokensCount) {
  const auto prompt_and_answer = [](uint64_t index) {
    TrainSequence example = *Counting(index);
    example.first_scored = 3;
    return absl::StatusOr<TrainSequence>(example);
  };
  SupervisedTrainer trainer = Start(prompt_and_answer);
  const double loss = MetricOf(*trainer.Step(), "loss");
  std::vector<TrainSequence> batch;
  for (uint64_t i = 0; i < trainer.state().next_index; ++i) {
    batch.push_back(*prompt_and_answer(i));
  }
  EXPECT_NEAR(loss, LossOf(TinyParams(1), batch), 1e-9);
}

// Every example is learned, none twice, and the last batch may be short.
TEST_F(SupervisedTest, TheLastBatchEndsWithTheLastExample) {
  constexpr uint64_t kExamples = 100;
  const auto steps = CountBatches(Counting, kExamples, config_.batch_tokens());
  ASSERT_TRUE(steps.ok()) << steps.status();
  int64_t tokens = 0;
  for (uint64_t i = 0; i < kExamples; ++i) tokens += Counting(i)->length();
  EXPECT_GE(*steps, tokens / 256);
  EXPECT_LE(*steps, tokens / (256 - 12) + 1);
  SupervisedTrainer trainer = Start(SupervisedData{Counting, kExamples});
  int64_t trained = 0;
  for (int64_t s = 0; s < *steps; ++s) {
    EXPECT_LT(trainer.state().next_index, kExamples);
    trained += MetricOf(*trainer.Step(), "tokens/trained");
  }
  EXPECT_EQ(trainer.state().next_index, kExamples);
  EXPECT_EQ(trained, tokens);
  EXPECT_EQ(*CountBatches(Counting, 1, 1), 1);
  EXPECT_EQ(*CountBatches(Counting, 3, 1), 3);
}

TEST_F(SupervisedTest, HeldOutExamplesAreMeasuredAtTenEqualDistances) {
  std::vector<TrainSequence> held_out;
  for (uint64_t i = 1000; i < 1900; ++i) {  // of two microbatches
    held_out.push_back(*Counting(i));
    held_out.back().first_scored = 1 + i % 3;
  }
  config_.set_steps(25);
  config_.set_batch_tokens(32);
  const SupervisedData data{Counting, 0, held_out};
  SupervisedTrainer trainer = Start(data), plain = Start();
  const auto start = trainer.MeasureStart();
  ASSERT_TRUE(start.ok()) << start.status();
  EXPECT_NEAR(MetricOf(*start, kHeldOutLoss), LossOf(TinyParams(1), held_out),
              1e-7);
  EXPECT_EQ(journal_.metrics.at(0), *start);
  EXPECT_TRUE(plain.MeasureStart()->empty());
  std::vector<int64_t> measured;
  for (int64_t step = 1; step <= 25; ++step) {
    const Metrics metrics = *trainer.Step();
    EXPECT_EQ(metrics.back().first == kHeldOutLoss,
              journal_.metrics.at(step).back().first == kHeldOutLoss);
    if (metrics.back().first != kHeldOutLoss) continue;
    measured.push_back(step);
    EXPECT_NEAR(metrics.back().second, LossOf(trainer.state().params, held_out),
                1e-7);
  }
  EXPECT_THAT(measured,
              testing::ElementsAre(3, 5, 8, 10, 13, 15, 18, 20, 23, 25));
  // To look is not to learn.
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(plain.Step().ok());
  EXPECT_EQ(HashOf(trainer), HashOf(plain));
}

TEST_F(SupervisedTest, ABadHeldOutExampleIsNamed) {
  SupervisedTrainer trainer =
      Start(SupervisedData{Counting, 0, {{{1, 2}, 1}, {{1, 257}, 1}}});
  EXPECT_THAT(std::string(trainer.MeasureStart().status().message()),
              HasSubstr("pretrain held-out example 1: token 257"));
}

// The mean over equal examples is that of one: 3 microbatches or 1.
TEST_F(SupervisedTest, MicrobatchesAddUpToTheMean) {
  const auto same = [](uint64_t) { return Counting(1); };
  SupervisedTrainer small = Start(same);
  config_.set_batch_tokens(10000);
  SupervisedTrainer large = Start(same);
  const Metrics one = *small.Step(), many = *large.Step();
  EXPECT_GT(MetricOf(many, "tokens/trained"), 2 * 4096);
  EXPECT_NEAR(MetricOf(many, "loss"), MetricOf(one, "loss"), 1e-6);
  // Sums of up to 10,000 terms in fp32.
  const double norm = MetricOf(one, "grad_norm");
  EXPECT_NEAR(MetricOf(many, "grad_norm"), norm, 1e-4 * norm);
}

TEST_F(SupervisedTest, ThreadsDoNotChangeTheResult) {
  SupervisedTrainer trainer = Start();
  const auto one = MakeCpuOps(1);
  SupervisedTrainer other(
      "pretrain", config_, {Counting}, one.get(), nullptr,
      StartTraining(TinyModel(), TinyParams(1), false, one.get()));
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(trainer.Step().ok());
    ASSERT_TRUE(other.Step().ok());
  }
  EXPECT_EQ(HashOf(trainer), HashOf(other));
}

TEST_F(SupervisedTest, ResumesBitForBit) {
  ScratchFolder folder;
  CheckpointStore store(folder.path(), 10);
  const Tokenizer tokenizer = *TrainTokenizer({}, 257, true);
  SupervisedTrainer trainer = Start();
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(store.Save(trainer.state(), tokenizer).ok());
    ASSERT_TRUE(trainer.Step().ok());
  }
  for (int from = 0; from < 6; ++from) {
    auto state = store.Load(from, false, &ops_);
    ASSERT_TRUE(state.ok()) << state.status();
    SupervisedTrainer resumed = Start(Counting, *std::move(state));
    for (int i = from; i < 6; ++i) ASSERT_TRUE(resumed.Step().ok());
    EXPECT_EQ(HashOf(resumed), HashOf(trainer)) << "from " << from;
  }
}

TEST_F(SupervisedTest, NonFiniteUpdatesAreNotAppliedAndStopAfterThree) {
  SupervisedTrainer trainer = Start();
  ASSERT_TRUE(trainer.Step().ok());
  const std::string before = HashOf(trainer);
  ops_.is_poisoned = true;
  const auto skipped = trainer.Step();
  ASSERT_TRUE(skipped.ok()) << skipped.status();
  EXPECT_EQ(MetricOf(*skipped, "updates/skipped"), 1);
  ASSERT_TRUE(trainer.Step().ok());
  EXPECT_EQ(trainer.Step().status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(HashOf(trainer), before);
  EXPECT_EQ(journal_.events.size(), 3);
  EXPECT_THAT(std::get<2>(journal_.events[0]), HasSubstr("examples"));
}

TEST_F(SupervisedTest, BadExamplesAreNamed) {
  const auto expect = [&](TrainSequence bad, const char* text) {
    SupervisedTrainer trainer = Start([bad](uint64_t index) {
      return index == 7 ? absl::StatusOr<TrainSequence>(bad) : Counting(index);
    });
    const absl::Status status = trainer.Step().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("example 7"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  };
  expect({std::vector<int32_t>(65, 1), 1}, "65 tokens");
  expect({{1, 2, 3}, 3}, "nothing to learn");
  expect({{1, 2, 3}, 0}, "nothing to learn");
  expect({{}, 1}, "nothing to learn");
  expect({{1, 257}, 1}, "token 257");
  expect({{1, -1}, 1}, "token -1");
  SupervisedTrainer failing = Start([](uint64_t) {
    return absl::StatusOr<TrainSequence>(absl::DataLossError("line 3"));
  });
  EXPECT_EQ(failing.Step().status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace r1
