#include "judge/reward_model_trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/cpu/cpu_ops.h"
#include "learner/checkpoint_store.h"
#include "tests/judge/judge_testing.h"
#include "tests/model/file_test_util.h"
#include "tests/model/host_params.h"
#include "tests/reference/transformer.h"

namespace r1 {
namespace {

TEST(PreferenceLoss, IsTheLogisticLossOfTheMargin) {
  for (double margin : {-3.0, -0.1, 0.0, 0.7, 5.0}) {
    const auto loss = [](double m) {
      return -std::log(1 / (1 + std::exp(-m)));
    };
    EXPECT_NEAR(PreferenceLoss(margin), loss(margin), 1e-14);
    const double h = 1e-5;
    EXPECT_NEAR(PreferenceLossGradient(margin),
                (loss(margin + h) - loss(margin - h)) / (2 * h), 1e-9);
  }
  EXPECT_EQ(PreferenceLoss(0), std::log(2.0));
}

TEST(PreferenceLoss, IsFiniteFarOut) {
  EXPECT_EQ(PreferenceLoss(-1e5), 1e5);
  EXPECT_EQ(PreferenceLoss(1e5), 0);
  EXPECT_EQ(PreferenceLossGradient(-1e5), -1);
  EXPECT_EQ(PreferenceLossGradient(1e5), 0);
}

class FaultyOps : public cpu::CpuOps {
 public:
  using cpu::CpuOps::CpuOps;
  double SumSquares(Tensor x) override {
    return is_faulty ? std::numeric_limits<double>::infinity()
                     : cpu::CpuOps::SumSquares(x);
  }
  bool is_faulty = false;
};

// Pairs: the better text has the byte 'y' somewhere, the worse one an 'n'.
Preference YesOrNo(uint64_t index) {
  RandomSequence random(5, RandomStream::kData, index, 1);
  Preference example;
  for (auto* tokens : {&example.better, &example.worse}) {
    const int length = 3 + random.NextBelow(8);
    for (int i = 0; i < length; ++i) {
      tokens->push_back('a' + random.NextBelow(10));
    }
    (*tokens)[random.NextBelow(length)] = tokens == &example.better ? 'y' : 'n';
  }
  return example;
}
// The same as labels: every other text is good.
Preference Labelled(uint64_t index) {
  Preference example = YesOrNo(index);
  (index % 2 == 0 ? example.worse : example.better).clear();
  return example;
}
PreferenceSource Source(Preference (*make)(uint64_t)) {
  return [make](uint64_t index) { return make(index); };
}

class RewardModelTrainerTest : public testing::Test {
 protected:
  RewardModelTrainerTest() : ops_(2) {
    options_.steps = 60;
    options_.batch_size = 16;
    options_.learning_rate = 5e-3;
    options_.warmup_steps = 3;
  }
  // Weights as after some training, or those that a training starts from.
  static ParamSet Params(bool is_fresh) {
    ParamSet params = RandomParams(TinyJudge());
    if (is_fresh) {
      InitializeParams(1, &params);
      for (float& w : Elements(params, params.layout().head())) w = 0;
    }
    return params;
  }
  RewardModelTrainer Start(PreferenceSource source = Source(YesOrNo),
                           bool is_fresh = true, Ops* ops = nullptr) {
    if (ops == nullptr) ops = &ops_;
    return RewardModelTrainer(
        options_, std::move(source), ops,
        StartTraining(TinyJudge(), Params(is_fresh), false, ops));
  }
  static std::string HashOf(const RewardModelTrainer& trainer) {
    return HashParams(trainer.state().params);
  }

  FaultyOps ops_;
  RewardModelOptions options_;
};

// Loss, accuracy and margin of the first batch, and its gradient by every
// tensor, for pairs and labels in one batch.
TEST_F(RewardModelTrainerTest, GradientEqualsFiniteDifferencesOfTheOracle) {
  options_.batch_size = 5;
  std::vector<Preference> batch;
  for (int i = 0; i < 3; ++i) batch.push_back(YesOrNo(i));
  for (int i = 3; i < 5; ++i) batch.push_back(Labelled(i));
  const ModelConfig config = TinyJudge();
  reference::Params params = reference::ToDouble(Params(false));
  const auto margin = [&](const Preference& example) {
    double m = 0;
    if (!example.better.empty()) {
      m += reference::Score(config, params, example.better);
    }
    if (!example.worse.empty()) {
      m -= reference::Score(config, params, example.worse);
    }
    return m;
  };
  const auto loss = [&] {
    double sum = 0;
    for (const Preference& e : batch) sum += std::log1p(std::exp(-margin(e)));
    return sum / batch.size();
  };
  double accuracy = 0, mean_margin = 0;
  for (const Preference& e : batch) {
    accuracy += margin(e) > 0 ? 0.2 : 0;
    mean_margin += margin(e) / 5;
  }

  RewardModelTrainer trainer =
      Start([&](uint64_t index) { return batch[index]; }, /*is_fresh=*/false);
  const auto metrics = trainer.Step();
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  // Scores of order 1, each good to 1e-4 (reward_model_test.cc).
  EXPECT_NEAR(MetricOf(*metrics, "loss"), loss(), 2e-4);
  EXPECT_NEAR(MetricOf(*metrics, "margin"), mean_margin, 2e-4);
  EXPECT_NEAR(MetricOf(*metrics, "accuracy"), accuracy, 1e-12);

  // The first moment after one update is 0.1 of the clipped gradient.
  const double scale =
      std::max(1.0, MetricOf(*metrics, "grad_norm")) / (1.0 - kAdamBeta1);
  const ParamSet& m = trainer.state().optimizer.m;
  RandomSequence random(4, RandomStream::kData, 1, 0);
  for (size_t t = 0; t < m.layout().tensors().size(); ++t) {
    const TensorSpec& spec = m.layout().tensor(t);
    const auto got = Elements(m, t);
    int64_t largest = 0;
    for (int64_t i = 0; i < got.size(); ++i) {
      if (std::abs(got[i]) > std::abs(got[largest])) largest = i;
    }
    const double norm = scale * std::abs(got[largest]);
    EXPECT_GT(norm, 1e-4) << spec.name << " has no gradient";
    for (int64_t i : {largest, int64_t{random.NextBelow(spec.count())}}) {
      double& p = params[spec.name][i];
      const double saved = p, h = 1e-5;
      p = saved + h;
      const double up = loss();
      p = saved - h;
      const double down = loss();
      p = saved;
      // Central differences in double are exact to ~1e-8; fp32 sums over the
      // batch keep ~1e-4 of the tensor's largest gradient.
      EXPECT_NEAR(scale * got[i], (up - down) / (2 * h), 2e-4 * norm + 1e-5)
          << spec.name << "[" << i << "]";
    }
  }
}

// The mean over equal examples is that of one, in one microbatch or in three.
TEST_F(RewardModelTrainerTest, MicrobatchesAddUpToTheMean) {
  const PreferenceSource same = [](uint64_t) {
    return Preference{RandomText(100, 1), RandomText(90, 2)};
  };
  options_.batch_size = 1;
  RewardModelTrainer small = Start(same, false);
  options_.batch_size = 64;
  RewardModelTrainer large = Start(same, false);
  const Metrics one = *small.Step(), many = *large.Step();
  EXPECT_GT(MetricOf(many, "tokens/trained"), 2 * kJudgeMicrobatchTokens);
  EXPECT_NEAR(MetricOf(many, "loss"), MetricOf(one, "loss"), 1e-6);
  // Sums of up to 12,000 terms in fp32.
  const double norm = MetricOf(one, "grad_norm");
  EXPECT_NEAR(MetricOf(many, "grad_norm"), norm, 1e-4 * norm);
}

TEST_F(RewardModelTrainerTest, LearnsPairsAndLabels) {
  for (const auto make : {YesOrNo, Labelled}) {
    RewardModelTrainer trainer = Start(Source(make));
    const Metrics first = *trainer.Step();
    // Every text scores 0.
    EXPECT_EQ(MetricOf(first, "loss"), std::log(2.0));
    EXPECT_EQ(MetricOf(first, "accuracy"), 0);
    EXPECT_EQ(MetricOf(first, "margin"), 0);
    while (trainer.state().step < 60) ASSERT_TRUE(trainer.Step().ok());
    EXPECT_EQ(trainer.state().next_index, 60 * 16);
    std::vector<Preference> held_out;
    for (int i = 0; i < 200; ++i) held_out.push_back(make(1000000 + i));
    SequenceScorer scorer(TinyJudge(), &ops_);
    const PreferenceMetrics measured = MeasurePreferences(
        PreferenceMargins(*trainer.state().weights, held_out, &scorer));
    EXPECT_GT(measured.accuracy, 0.9);
    EXPECT_LT(measured.loss, 0.3);
    EXPECT_GT(measured.margin, 1);
  }
}

TEST_F(RewardModelTrainerTest, ThreadsDoNotChangeTheResult) {
  std::vector<std::string> hashes;
  for (int threads : {1, 2, 3}) {
    const auto ops = MakeCpuOps(threads);
    RewardModelTrainer trainer = Start(Source(YesOrNo), true, ops.get());
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(trainer.Step().ok());
    hashes.push_back(HashOf(trainer));
  }
  EXPECT_EQ(hashes[1], hashes[0]);
  EXPECT_EQ(hashes[2], hashes[0]);
}

TEST_F(RewardModelTrainerTest, ResumesBitForBit) {
  TemporaryFolder folder;
  CheckpointStore store(folder.path(), 10, ModelHead::kScore);
  RewardModelTrainer trainer = Start();
  for (int i = 0; i < 6; ++i) {
    const absl::Status saved = store.Save(trainer.state(), *ByteTokenizer());
    ASSERT_TRUE(saved.ok()) << saved;
    ASSERT_TRUE(trainer.Step().ok());
  }
  for (int from = 0; from < 6; ++from) {
    auto state = store.Load(from, false, &ops_);
    ASSERT_TRUE(state.ok()) << state.status();
    RewardModelTrainer resumed(options_, Source(YesOrNo), &ops_,
                               *std::move(state));
    for (int i = from; i < 6; ++i) ASSERT_TRUE(resumed.Step().ok());
    EXPECT_EQ(HashOf(resumed), HashOf(trainer)) << "from " << from;
  }
}

TEST_F(RewardModelTrainerTest, NonFiniteUpdatesAreNotAppliedAndStopAfterThree) {
  RewardModelTrainer trainer = Start();
  ASSERT_TRUE(trainer.Step().ok());
  const std::string before = HashOf(trainer);
  ops_.is_faulty = true;
  for (int i = 0; i < 2; ++i) {
    const auto skipped = trainer.Step();
    ASSERT_TRUE(skipped.ok()) << skipped.status();
    EXPECT_EQ(MetricOf(*skipped, "updates/skipped"), 1);
  }
  EXPECT_EQ(trainer.Step().status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(HashOf(trainer), before);
}

TEST_F(RewardModelTrainerTest, BadExamplesAreNamed) {
  const auto expect = [&](Preference bad, const char* text) {
    RewardModelTrainer trainer = Start(
        [bad](uint64_t index) { return index == 7 ? bad : YesOrNo(index); });
    const absl::Status status = trainer.Step().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    ExpectError(status, "preference 7", text);
    ExpectError(status, text, text);
  };
  expect({}, "nothing to learn");
  expect({RandomText(129, 1), {1}}, "129 tokens");
  expect({{1}, {257}}, "token 257");
  RewardModelTrainer failing =
      Start([](uint64_t) { return absl::DataLossError("line 3"); });
  EXPECT_EQ(failing.Step().status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace r1
