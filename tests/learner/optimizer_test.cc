#include "learner/optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "base/philox.h"
#include "tests/model/host_params.h"

namespace r1 {
namespace {

std::shared_ptr<const ParamLayout> SmallLayout() {
  ModelConfig config;
  config.model_type = "qwen2";  // has vectors beyond the norms
  config.vocab_size = 37;
  config.hidden_size = 16;
  config.intermediate_size = 24;
  config.num_layers = 2;
  config.num_heads = 2;
  config.num_kv_heads = 1;
  config.head_dim = 8;
  config.max_positions = 32;
  return std::make_shared<ParamLayout>(config);
}

void FillRandom(uint64_t seed, float scale, ParamSet* set) {
  for (int i = 0; i < set->layout().tensors().size(); ++i) {
    RandomSequence random(seed, RandomStream::kInit, i, 0);
    for (float& x : Elements(*set, i)) x = scale * random.NextNormal();
  }
}

std::vector<float> Copy(const ParamSet& set) {
  return {Flat(set).begin(), Flat(set).end()};
}

// AdamW (arXiv 1711.05101, algorithm 2) with a clipped gradient, in double.
struct ReferenceAdamW {
  std::vector<double> p, m, v;
  int64_t step = 0;

  explicit ReferenceAdamW(const ParamSet& params)
      : p(Flat(params).begin(), Flat(params).end()), m(p.size()), v(p.size()) {}

  void Step(const OptimizerConfig& config, double lr, const ParamSet& grads) {
    double norm = 0;
    for (float g : Flat(grads)) norm += double{g} * g;
    norm = std::sqrt(norm);
    const double scale = config.max_grad_norm > 0 && norm > config.max_grad_norm
                             ? config.max_grad_norm / norm
                             : 1;
    ++step;
    for (const TensorSpec& t : grads.layout().tensors()) {
      for (int64_t i = t.offset; i < t.offset + t.count(); ++i) {
        const double g = scale * Flat(grads)[i];
        m[i] = 0.9 * m[i] + 0.1 * g;
        v[i] = 0.95 * v[i] + 0.05 * g * g;
        const double m_hat = m[i] / (1 - std::pow(0.9, step));
        const double v_hat = v[i] / (1 - std::pow(0.95, step));
        if (t.cols > 0) p[i] -= lr * config.weight_decay * p[i];
        p[i] -= lr * m_hat / (std::sqrt(v_hat) + 1e-8);
      }
    }
  }
};

class OptimizerTest : public testing::Test {
 protected:
  OptimizerTest()
      : ops_(MakeCpuOps(2)),
        params_(SmallLayout()),
        grads_(params_.shared_layout()),
        state_(params_) {
    FillRandom(1, 0.1f, &params_);
    FillRandom(2, 0.3f, &grads_);
    config_.schedule.peak = 0.01;
  }
  UpdateResult Apply(double loss = 1) {
    return ApplyUpdate(config_, loss, grads_, ops_.get(), &state_, &params_);
  }

  std::unique_ptr<Ops> ops_;
  ParamSet params_, grads_;
  OptimizerState state_;
  OptimizerConfig config_;
};

TEST_F(OptimizerTest, MatchesDoubleReferenceOverManySteps) {
  config_.weight_decay = 0.1;
  config_.max_grad_norm = 1;  // the random gradient's norm is far above
  ReferenceAdamW reference(params_);
  for (int step = 0; step < 20; ++step) {
    FillRandom(100 + step, 0.3f, &grads_);
    reference.Step(config_, 0.01, grads_);
    const UpdateResult result = Apply();
    ASSERT_TRUE(result.is_applied);
    EXPECT_GT(result.grad_norm, 1);
  }
  // Each step's relative error is a few fp32 roundings of an update of at most
  // about 3 lr; the parameters themselves round at 2^-24 of about 0.5.
  const double tolerance = 20 * (10 * 0x1p-24 * 0.03 + 0x1p-24);
  for (const TensorSpec& t : params_.layout().tensors()) {
    for (int64_t i = t.offset; i < t.offset + t.count(); ++i) {
      ASSERT_NEAR(Flat(params_)[i], reference.p[i], tolerance)
          << t.name << " element " << i - t.offset;
    }
  }
}

TEST_F(OptimizerTest, DecaysMatricesOnly) {
  config_.weight_decay = 0.5;
  SetZero(grads_);
  const std::vector<float> before = Copy(params_);
  ASSERT_TRUE(Apply().is_applied);
  for (const TensorSpec& t : params_.layout().tensors()) {
    for (int64_t i = t.offset; i < t.offset + t.count(); ++i) {
      const double expected =
          t.cols > 0 ? before[i] * (1 - 0.01 * 0.5) : before[i];
      ASSERT_NEAR(Flat(params_)[i], expected, 1e-7) << t.name;
    }
  }
}

TEST_F(OptimizerTest, ReportsTheNormBeforeClipping) {
  SetZero(grads_);
  Flat(grads_)[3] = 3;
  Flat(grads_)[4] = -4;
  config_.max_grad_norm = 1;
  EXPECT_DOUBLE_EQ(Apply().grad_norm, 5);
}

TEST_F(OptimizerTest, ThreadsDoNotChangeTheBits) {
  ParamSet other = Clone(params_);
  OptimizerState other_state(params_);
  const auto other_ops = MakeCpuOps(1);
  for (int step = 0; step < 3; ++step) {
    Apply();
    ApplyUpdate(config_, 1, grads_, other_ops.get(), &other_state, &other);
  }
  EXPECT_EQ(Copy(params_), Copy(other));
}

TEST_F(OptimizerTest, AnUpdateHasTheBitsOfAdamWOnEachTensor) {
  config_.weight_decay = 0.1;
  config_.max_grad_norm = 1;
  ParamSet p = Clone(params_), m = Clone(state_.m), v = Clone(state_.v);
  for (int step = 1; step <= 3; ++step) {
    FillRandom(10 + step, 0.3f, &grads_);
    const UpdateResult result = Apply();
    ASSERT_TRUE(result.is_applied);
    for (int i = 0; i < p.layout().tensors().size(); ++i) {
      AdamWParams adamw{.learning_rate = 0.01f,
                        .beta1 = kAdamBeta1,
                        .beta2 = kAdamBeta2,
                        .epsilon = kAdamEpsilon,
                        .step = step};
      if (p.layout().tensor(i).is_decayed) adamw.weight_decay = 0.1f;
      adamw.gradient_scale = static_cast<float>(1 / result.grad_norm);
      ops_->AdamW(p.tensor(i), grads_.tensor(i), m.tensor(i), v.tensor(i),
                  adamw);
    }
  }
  EXPECT_EQ(Copy(params_), Copy(p));
  EXPECT_EQ(Copy(state_.m), Copy(m));
  EXPECT_EQ(Copy(state_.v), Copy(v));
}

double Norm(const ParamSet& set) {
  double sum = 0;
  for (float x : Flat(set)) sum += double{x} * x;
  return std::sqrt(sum);
}

// Gradients so small that epsilon rules the denominator and so large that the
// moments do, a decay that makes weights grow, moments that shrink.
TEST_F(OptimizerTest, BoundsHoldUpdateAfterUpdate) {
  config_.weight_decay = 300;  // times 0.01: |1 - 3| = 2
  SetZero(params_);
  for (const float scale : {1e-9f, 0.3f, 1e-20f, 1e6f, 0.0f, 1e9f, 1e-5f}) {
    for (int step = 0; step < 10; ++step) {
      FillRandom(20 + step, scale, &grads_);
      ASSERT_TRUE(Apply().is_applied);
      EXPECT_LE(Norm(params_), state_.bounds.weights);
      EXPECT_LE(Norm(state_.m), state_.bounds.m);
      EXPECT_LE(Norm(state_.v), state_.bounds.v);
    }
  }
}

// What a run has learnt of its norms must not decide what it skips: a state
// that was read from a checkpoint knows nothing.
TEST_F(OptimizerTest, BoundsThatGrewTooLargeAreMeasuredAnew) {
  ASSERT_TRUE(Apply().is_applied);
  state_.bounds = {1e38, 1e38, 1e38};
  ASSERT_TRUE(Apply().is_applied);
  EXPECT_LT(state_.bounds.weights, 1e12);
  EXPECT_LT(state_.bounds.m, 100);
  EXPECT_LT(state_.bounds.v, 10000);
}

class BadUpdate : public OptimizerTest {
 protected:
  void ExpectNothingChanges(double loss, const char* reason) {
    FillRandom(5, 0.1f, &state_.m);
    for (float& x : Flat(state_.v)) x = 0.01f;
    const auto p = Copy(params_), m = Copy(state_.m), v = Copy(state_.v);
    const UpdateResult result = Apply(loss);
    EXPECT_FALSE(result.is_applied);
    EXPECT_THAT(result.skip_reason, testing::HasSubstr(reason));
    EXPECT_EQ(Copy(params_), p);
    EXPECT_EQ(Copy(state_.m), m);
    EXPECT_EQ(Copy(state_.v), v);
    EXPECT_EQ(state_.step, 0);
    EXPECT_EQ(state_.updates, 1);
    EXPECT_EQ(state_.skipped_in_a_row, 1);
  }
};

TEST_F(BadUpdate, NanLoss) { ExpectNothingChanges(std::nan(""), "loss"); }

TEST_F(BadUpdate, InfiniteLoss) {
  ExpectNothingChanges(std::numeric_limits<double>::infinity(), "loss");
}

TEST_F(BadUpdate, NanGradient) {
  Flat(grads_)[100] = std::nanf("");
  ExpectNothingChanges(1, "gradient norm");
}

TEST_F(BadUpdate, InfiniteGradient) {
  Flat(grads_)[100] = std::numeric_limits<float>::infinity();
  ExpectNothingChanges(1, "gradient norm");
}

// The gradient is finite, but its square is not: Adam's second moment would
// stay infinite and freeze the weight for ever.
TEST_F(BadUpdate, GradientWhoseSquareOverflows) {
  Elements(grads_, params_.layout().final_norm())[0] = 1e30f;
  ExpectNothingChanges(1, "model.norm.weight");
}

TEST_F(BadUpdate, WeightThatWouldOverflow) {
  Elements(params_, 0)[5] = std::numeric_limits<float>::max();
  Elements(grads_, 0)[5] = -100;
  config_.schedule.peak = 1e37;
  ExpectNothingChanges(1, "model.embed_tokens.weight");
}

TEST_F(BadUpdate, StepSizeThatOverflows) {
  SetZero(grads_);
  config_.schedule.peak = 1e38;  // over 1 - beta1 it is no float
  ExpectNothingChanges(1, "non-finite");
}

TEST_F(BadUpdate, WeightThatIsNotFiniteAlready) {
  Elements(params_, 0)[5] = std::numeric_limits<float>::infinity();
  ExpectNothingChanges(1, "inf of the weights");
}

// Each kind of number, one at a time, as large as an update is applied with:
// where the bound ends, nothing has overflowed; below half of what overflows it
// would be a bound of no use.
class EdgeOfTheBound : public OptimizerTest {
 protected:
  // The largest float for which an update of `set(value)`'s state is applied.
  float Edge(const std::function<void(float)>& set) {
    float low = 1, high = std::numeric_limits<float>::max();
    for (int i = 0; i < 60; ++i) {
      const float middle = std::sqrt(low) * std::sqrt(high);
      Reset();
      set(middle);
      const std::vector<float> before = Copy(params_);
      const UpdateResult result = Apply();
      if (result.is_applied) {
        EXPECT_TRUE(AreFinite(Flat(params_))) << middle;
        EXPECT_TRUE(AreFinite(Flat(state_.m))) << middle;
        EXPECT_TRUE(AreFinite(Flat(state_.v))) << middle;
        EXPECT_NE(Copy(params_), before) << middle;
        low = middle;
      } else {
        EXPECT_EQ(Copy(params_), before) << middle;
        high = middle;
      }
    }
    return low;
  }

 private:
  void Reset() {
    FillRandom(1, 0.1f, &params_);
    FillRandom(2, 1e-3f, &grads_);
    state_ = OptimizerState(params_);
  }
};

TEST_F(EdgeOfTheBound, OfTheGradient) {
  // v' = 0.05 g^2, corrected g^2.
  EXPECT_GT(Edge([&](float x) { Flat(grads_)[7] = x; }), 1e18f);
}

TEST_F(EdgeOfTheBound, OfTheFirstMoment) {
  config_.schedule.peak = 1e-9;  // times m / 0.1 / 1e-8
  EXPECT_GT(Edge([&](float x) { Flat(state_.m)[7] = x; }), 1e37f);
}

TEST_F(EdgeOfTheBound, OfTheSecondMoment) {
  // At the first step 1 / (1 - 0.95) of it.
  EXPECT_GT(Edge([&](float x) { Flat(state_.v)[7] = x; }), 1e36f);
}

TEST_F(EdgeOfTheBound, OfTheWeight) {
  config_.weight_decay = 1;
  EXPECT_GT(Edge([&](float x) { Flat(params_)[7] = x; }), 3e37f);
}

TEST_F(EdgeOfTheBound, OfTheLearningRate) {
  // |m'| <= |g|, over 1 - beta1 and epsilon.
  const double edge = Edge([&](float x) { config_.schedule.peak = x; });
  EXPECT_GT(edge, 3e37 * 0.1 * 1e-8 / Norm(grads_));
}

TEST_F(OptimizerTest, ThreeSkippedUpdatesInARowStop) {
  const UpdateResult first = Apply(std::nan(""));
  EXPECT_TRUE(CheckNotStuck(state_, first).ok());
  EXPECT_TRUE(CheckNotStuck(state_, Apply(std::nan(""))).ok());
  Apply(1);  // one that succeeds starts the count anew
  Apply(std::nan(""));
  EXPECT_TRUE(CheckNotStuck(state_, Apply(std::nan(""))).ok());
  const absl::Status status = CheckNotStuck(state_, Apply(std::nan("")));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(state_.step, 1);
  EXPECT_EQ(state_.updates, 6);
}

// Adam's bias correction counts what is in the moments.
TEST_F(OptimizerTest, SkippedUpdateLeavesNoTraceInTheNext) {
  ParamSet fresh_params = Clone(params_);
  OptimizerState fresh(params_);
  Apply(std::nan(""));
  Apply();
  ApplyUpdate(config_, 1, grads_, ops_.get(), &fresh, &fresh_params);
  EXPECT_EQ(Copy(params_), Copy(fresh_params));
}

TEST(LearningRate, WarmsUpLinearlyThenStaysConstant) {
  const LearningRateSchedule s{.peak = 8, .warmup = 4, .total = 100};
  EXPECT_DOUBLE_EQ(s.At(0), 2);
  EXPECT_DOUBLE_EQ(s.At(1), 4);
  EXPECT_DOUBLE_EQ(s.At(3), 8);
  EXPECT_DOUBLE_EQ(s.At(4), 8);
  EXPECT_DOUBLE_EQ(s.At(99), 8);
}

TEST(LearningRate, CosineEndsAtATenth) {
  const LearningRateSchedule s{
      .peak = 1, .warmup = 2, .is_cosine = true, .total = 13};
  EXPECT_DOUBLE_EQ(s.At(0), 0.5);
  EXPECT_DOUBLE_EQ(s.At(2), 1);
  EXPECT_NEAR(s.At(7), 0.55, 1e-12);  // half way
  EXPECT_NEAR(s.At(12), 0.1, 1e-12);
  EXPECT_NEAR(s.At(1000), 0.1, 1e-12);
  for (int u = 3; u < 13; ++u) EXPECT_LT(s.At(u), s.At(u - 1));
}

TEST(LearningRate, DegenerateSchedulesStayInRange) {
  EXPECT_DOUBLE_EQ((LearningRateSchedule{1, 0, true, 1}).At(0), 1);
  EXPECT_DOUBLE_EQ((LearningRateSchedule{1, 5, true, 3}).At(2), 0.6);
}

}  // namespace
}  // namespace r1
