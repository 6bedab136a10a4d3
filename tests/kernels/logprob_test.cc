// LogprobForward and LogprobBackward against the double oracle, and the bits
// of a log-prob across the scorer, the trainer and the sampler.
#include "kernels/cpu/logprob.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/philox.h"
#include "gtest/gtest.h"
#include "hwy/targets.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "tests/reference/softmax.h"

namespace r1 {
namespace {

constexpr double kUnit = 0x1p-24;  // unit roundoff of float

std::vector<float> RandomFloats(int64_t count, uint64_t seed) {
  RandomSequence random(seed, RandomStream::kData, 1, 0);
  std::vector<float> x(count);
  for (float& value : x) value = 2 * random.NextUniform() - 1;
  return x;
}

// Hidden states h and a head W in [-1, 1), and targets.
struct Problem {
  Problem(Ops& ops, int64_t tokens, int64_t vocabulary, int64_t channels,
          uint64_t seed)
      : tokens(tokens),
        vocabulary(vocabulary),
        channels(channels),
        h(RandomFloats(tokens * channels, seed)),
        w(RandomFloats(vocabulary * channels, seed + 1)) {
    RandomSequence random(seed, RandomStream::kData, 2, 0);
    for (int64_t t = 0; t < tokens; ++t) {
      targets.push_back(random.NextBelow(vocabulary));
    }
    const Tensor head_view = ConstMat(w.data(), vocabulary, channels);
    ops.SetLinear({&head_view, 1}, &head);
  }

  Mat hidden() { return Mat(h.data(), tokens, channels); }
  std::vector<double> Row(int64_t t) const {
    return {h.begin() + t * channels, h.begin() + (t + 1) * channels};
  }
  std::vector<double> WideHead() const { return {w.begin(), w.end()}; }

  // Error of a log-prob or entropy, first order in u: a logit has C roundings
  // of at most C u and one of the temperature; exp 4 u; the sum of n / 16
  // terms a lane and 6 levels of tree; the logarithm; two subtractions of
  // numbers up to 2 C / T + log V. The entropy weighs log p with p.
  double Tolerance(float inv_temperature) const {
    const double spread =
        2 * channels * inv_temperature + std::log(vocabulary) + 1;
    const double logit = (channels + 1) * channels * inv_temperature * kUnit;
    const double sum = (4 + vocabulary / 16.0 + 6) * kUnit;
    return 2 * (2 * logit + sum) * spread + 8 * kUnit * spread;
  }

  int64_t tokens, vocabulary, channels;
  std::vector<float> h, w;
  std::vector<int32_t> targets;
  Linear head;
};

struct Scores {
  std::vector<float> logprob, entropy;
};

Scores Score(Ops& ops, Problem& p, float inv_temperature) {
  Scores s;
  s.logprob.resize(p.tokens);
  s.entropy.resize(p.tokens);
  ops.LogprobForward(p.hidden(), p.head, VectorTensor(p.targets),
                     inv_temperature, VectorTensor(s.logprob),
                     VectorTensor(s.entropy));
  return s;
}

struct Gradients {
  std::vector<float> dh, dhead;
  Scores scores;
};

// dhead starts at `initial` everywhere.
Gradients Differentiate(Ops& ops, Problem& p, float inv_temperature,
                        const std::vector<float>& dlogprob,
                        const std::vector<float>& dentropy, float initial) {
  Gradients g;
  g.dh.assign(p.h.size(), std::numeric_limits<float>::quiet_NaN());
  g.dhead.assign(p.w.size(), initial);
  g.scores.logprob.resize(p.tokens);
  g.scores.entropy.resize(p.tokens);
  ops.LogprobBackward(
      p.hidden(), p.head, VectorTensor(p.targets), inv_temperature,
      VectorTensor(dlogprob), VectorTensor(dentropy),
      Mat(g.dh.data(), p.tokens, p.channels),
      Mat(g.dhead.data(), p.vocabulary, p.channels),
      VectorTensor(g.scores.logprob), VectorTensor(g.scores.entropy));
  return g;
}

struct Size {
  int64_t tokens, vocabulary, channels;
};

class LogprobSizes : public testing::TestWithParam<Size> {};

// The last two need more than one chunk of rows.
INSTANTIATE_TEST_SUITE_P(All, LogprobSizes,
                         testing::Values(Size{1, 1, 3}, Size{31, 2, 8},
                                         Size{33, 7, 5}, Size{65, 97, 16},
                                         Size{100, 1000, 24},
                                         Size{1100, 250, 8},
                                         Size{130, 33001, 4}),
                         [](const testing::TestParamInfo<Size>& info) {
                           return "T" + std::to_string(info.param.tokens) +
                                  "V" + std::to_string(info.param.vocabulary) +
                                  "C" + std::to_string(info.param.channels);
                         });

TEST_P(LogprobSizes, ScoresMatchOracleOnEveryTarget) {
  const auto [tokens, vocabulary, channels] = GetParam();
  for (const float inv_temperature : {1.0f, 1.0f / 0.6f}) {
    std::vector<double> logprob, entropy;  // the oracle's, for all targets
    for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
      SCOPED_TRACE(hwy::TargetName(target));
      hwy::SetSupportedTargetsForTest(target);
      const auto ops = MakeCpuOps(2);
      Problem p(*ops, tokens, vocabulary, channels, 1);
      if (logprob.empty()) {
        const std::vector<double> head = p.WideHead();
        for (int64_t t = 0; t < tokens; ++t) {
          const auto log_p = reference::LogSoftmax(
              reference::Logits(p.Row(t), head), inv_temperature);
          logprob.push_back(log_p[p.targets[t]]);
          entropy.push_back(reference::Entropy(log_p));
        }
      }
      const Scores got = Score(*ops, p, inv_temperature);
      const double tolerance = p.Tolerance(inv_temperature);
      for (int64_t t = 0; t < tokens; ++t) {
        ASSERT_NEAR(got.logprob[t], logprob[t], tolerance) << t;
        ASSERT_NEAR(got.entropy[t], entropy[t], tolerance) << t;
      }
      hwy::SetSupportedTargetsForTest(0);
    }
  }
}

TEST_P(LogprobSizes, GradientMatchesOracle) {
  const auto [tokens, vocabulary, channels] = GetParam();
  const auto ops = MakeCpuOps(2);
  Problem p(*ops, tokens, vocabulary, channels, 2);
  const float inv_temperature = 1.25f;
  const std::vector<float> dlogprob = RandomFloats(tokens, 21);
  const std::vector<float> dentropy = RandomFloats(tokens, 22);
  const Gradients got =
      Differentiate(*ops, p, inv_temperature, dlogprob, dentropy, 0.5f);
  const std::vector<double> head = p.WideHead();
  std::vector<double> dhead(p.w.size(), 0.5);
  // A gradient of one logit is at most inv_temperature * (1 + spread) * p; its
  // relative error is that of the log-prob. Sums over v weigh with p, sums
  // over t have `tokens` such terms.
  const double spread = 2 * channels * inv_temperature + std::log(vocabulary);
  const double each = 4 * inv_temperature * (1 + spread) *
                      (p.Tolerance(inv_temperature) + tokens * kUnit);
  for (int64_t t = 0; t < tokens; ++t) {
    const std::vector<double> row = p.Row(t);
    const auto g =
        reference::LogprobGradient(reference::Logits(row, head), p.targets[t],
                                   inv_temperature, dlogprob[t], dentropy[t]);
    std::vector<double> dh(channels);
    for (int64_t v = 0; v < vocabulary; ++v) {
      for (int64_t c = 0; c < channels; ++c) {
        dh[c] += g[v] * head[v * channels + c];
        dhead[v * channels + c] += g[v] * row[c];
      }
    }
    for (int64_t c = 0; c < channels; ++c) {
      ASSERT_NEAR(got.dh[t * channels + c], dh[c], each) << t << " " << c;
    }
  }
  for (size_t i = 0; i < dhead.size(); ++i) {
    ASSERT_NEAR(got.dhead[i], dhead[i], each * std::sqrt(tokens)) << i;
  }
}

TEST(LogprobTest, ProbabilitiesSumToOne) {
  const auto ops = MakeCpuOps(1);
  const int64_t vocabulary = 777;
  Problem p(*ops, vocabulary, vocabulary, 16, 3);
  for (int64_t t = 0; t < vocabulary; ++t) {
    std::copy_n(p.h.begin(), 16, p.h.begin() + t * 16);
    p.targets[t] = t;
  }
  const Scores got = Score(*ops, p, 1.0f);
  double sum = 0;
  for (const float logprob : got.logprob) sum += std::exp(double{logprob});
  // One common error of logsumexp, and each log-prob rounded on its own.
  EXPECT_NEAR(sum, 1, p.Tolerance(1.0f));
}

// Central differences of the oracle in double: error below 1e-7.
TEST(LogprobTest, GradientMatchesFiniteDifferences) {
  const auto ops = MakeCpuOps(2);
  Problem p(*ops, 5, 19, 6, 4);
  const float inv_temperature = 1.0f / 0.7f;
  const std::vector<float> dlogprob = RandomFloats(5, 41);
  const std::vector<float> dentropy = RandomFloats(5, 42);
  const Gradients got =
      Differentiate(*ops, p, inv_temperature, dlogprob, dentropy, 0.0f);
  std::vector<double> h(p.h.begin(), p.h.end());
  std::vector<double> w(p.w.begin(), p.w.end());
  const auto loss = [&] {
    double sum = 0;
    for (int64_t t = 0; t < 5; ++t) {
      const std::vector<double> row(h.begin() + t * 6, h.begin() + t * 6 + 6);
      const auto log_p =
          reference::LogSoftmax(reference::Logits(row, w), inv_temperature);
      sum += dlogprob[t] * log_p[p.targets[t]] +
             dentropy[t] * reference::Entropy(log_p);
    }
    return sum;
  };
  const auto check = [&](std::vector<double>& x, const std::vector<float>& dx) {
    for (size_t i = 0; i < x.size(); ++i) {
      const double at = x[i];
      x[i] = at + 1e-4;
      const double above = loss();
      x[i] = at - 1e-4;
      const double below = loss();
      x[i] = at;
      // The problem is small: some 50 roundings of numbers below 8.
      ASSERT_NEAR(dx[i], (above - below) / 2e-4, 1e-7 + 400 * kUnit) << i;
    }
  };
  check(h, got.dh);
  check(w, got.dhead);
}

// One token's log-prob is the same float wherever it is computed.
TEST(LogprobTest, SamplerScorerAndTrainerAgreeBitForBit) {
  for (const auto& [vocabulary, channels] :
       std::vector<std::pair<int64_t, int64_t>>{
           {97, 16}, {512, 32}, {3001, 8}}) {
    const auto ops = MakeCpuOps(2);
    for (const float temperature : {1.0f, 0.6f, 1.3f}) {
      Problem p(*ops, 70, vocabulary, channels, 5);
      std::vector<float> sampled(70);
      for (int64_t batch = 1, row = 0; row < 70; row += batch, ++batch) {
        const int64_t count = std::min(batch, 70 - row);
        std::vector<float> logits(count * vocabulary);
        const Mat view(logits.data(), count, vocabulary);
        ops->MatMul(p.hidden().Rows(row, count), p.head, {}, view);
        std::vector<SampleRequest> requests(count);
        for (int64_t i = 0; i < count; ++i) {
          requests[i].temperature = temperature;
          requests[i].top_p = i % 3 == 2 ? 0.8f : 1.0f;
          requests[i].random_bits = Philox4x32(7, {uint32_t(row + i)})[0];
        }
        ops->Sample(view, requests,
                    VectorTensor(absl::MakeSpan(p.targets).subspan(row, count)),
                    VectorTensor(absl::MakeSpan(sampled).subspan(row, count)));
      }
      const float inv_temperature = 1.0f / temperature;
      EXPECT_EQ(Score(*ops, p, inv_temperature).logprob, sampled);
      const std::vector<float> ones(70, 1.0f);
      const Gradients g =
          Differentiate(*ops, p, inv_temperature, ones, {}, 0.0f);
      EXPECT_EQ(g.scores.logprob, sampled);
      EXPECT_EQ(g.scores.entropy, Score(*ops, p, inv_temperature).entropy);
    }
  }
}

TEST(LogprobTest, BatchSizeDoesNotChangeBits) {
  const auto ops = MakeCpuOps(2);
  Problem p(*ops, 70, 333, 16, 6);
  const Scores whole = Score(*ops, p, 1.1f);
  for (int64_t count = 1; count <= 70; ++count) {
    std::vector<float> logprob(count);
    std::vector<float> entropy(count);
    const int64_t begin = 70 - count;
    ops->LogprobForward(p.hidden().Rows(begin, count), p.head,
                        VectorTensor(absl::MakeSpan(p.targets).subspan(begin)),
                        1.1f, VectorTensor(logprob), VectorTensor(entropy));
    for (int64_t i = 0; i < count; ++i) {
      ASSERT_EQ(logprob[i], whole.logprob[begin + i]) << count;
      ASSERT_EQ(entropy[i], whole.entropy[begin + i]) << count;
    }
  }
}

// Chunks of rows, calls of different sizes and threads: the same sums.
TEST(LogprobTest, ChunksAndThreadsDoNotChangeBitsOfTheGradient) {
  const int64_t tokens = 600;
  const int64_t vocabulary = 20001;
  ASSERT_LT(cpu::LogprobChunkRows(vocabulary), tokens / 2);
  Gradients first;
  for (const int threads : {1, 2, 3}) {
    const auto ops = MakeCpuOps(threads);
    Problem p(*ops, tokens, vocabulary, 8, 7);
    const std::vector<float> dlogprob = RandomFloats(tokens, 71);
    const Gradients g = Differentiate(*ops, p, 1.0f, dlogprob, {}, 0.25f);
    if (threads == 1) first = g;
    EXPECT_EQ(g.dh, first.dh);
    EXPECT_EQ(g.dhead, first.dhead);

    std::vector<float> dh(p.h.size());
    std::vector<float> dhead(p.w.size(), 0.25f);
    int64_t begin = 0;
    for (const int64_t count : {1, 33, 350, 216}) {
      ops->LogprobBackward(
          p.hidden().Rows(begin, count), p.head,
          VectorTensor(absl::MakeSpan(p.targets).subspan(begin, count)), 1.0f,
          VectorTensor(absl::MakeSpan(dlogprob).subspan(begin, count)), {},
          Mat(dh.data(), tokens, 8).Rows(begin, count),
          Mat(dhead.data(), vocabulary, 8), {}, {});
      begin += count;
    }
    EXPECT_EQ(dh, first.dh);
    EXPECT_EQ(dhead, first.dhead);
  }
}

// A head that is not trained: the same gradient passes through it.
TEST(LogprobTest, GradientWithoutTheHeads) {
  const auto ops = MakeCpuOps(2);
  Problem p(*ops, 33, 97, 16, 8);
  const std::vector<float> dlogprob = RandomFloats(33, 9);
  const Gradients expected =
      Differentiate(*ops, p, 1.0f, dlogprob, dlogprob, 0.0f);
  std::vector<float> dh(33 * 16);
  ops->LogprobBackward(p.hidden(), p.head, VectorTensor(p.targets), 1.0f,
                       VectorTensor(dlogprob), VectorTensor(dlogprob),
                       Mat(dh.data(), 33, 16), {}, {}, {});
  EXPECT_EQ(dh, expected.dh);
}

TEST(LogprobTest, NanLogitsGiveNanInTheirRowOnly) {
  const auto ops = MakeCpuOps(1);
  Problem p(*ops, 3, 50, 4, 8);
  const Scores good = Score(*ops, p, 1.0f);
  p.h[1 * 4 + 2] = std::nanf("");
  const Scores bad = Score(*ops, p, 1.0f);
  EXPECT_EQ(bad.logprob[0], good.logprob[0]);
  EXPECT_TRUE(std::isnan(bad.logprob[1]));
  EXPECT_TRUE(std::isnan(bad.entropy[1]));
  EXPECT_EQ(bad.logprob[2], good.logprob[2]);
}

// A masked token has dlogprob 0: its row must not move the weights at all.
TEST(LogprobTest, ZeroGradientIsExactlyZero) {
  const auto ops = MakeCpuOps(1);
  Problem p(*ops, 4, 50, 4, 9);
  const Gradients g =
      Differentiate(*ops, p, 1.0f, {0, 0, 0, 0}, {0, 0, 0, 0}, 0.125f);
  for (const float x : g.dh) EXPECT_EQ(x, 0.0f);
  for (const float x : g.dhead) EXPECT_EQ(x, 0.125f);
}

TEST(LogprobTest, ChunksAreBounded) {
  for (const int64_t vocabulary : {1, 100, 512, 49152, 151936, 1 << 24}) {
    const int64_t rows = cpu::LogprobChunkRows(vocabulary);
    EXPECT_GE(rows, 1);
    if (rows > 1) {
      EXPECT_LE(rows * vocabulary * 4, 128 << 20) << vocabulary;
    }
  }
}

}  // namespace
}  // namespace r1
