// Log-probs, entropies and their gradient against double, and their bits across
// batches, chunks of the vocabulary and orders of threads.
#include "kernels/cuda/head.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cuda/gemm.h"
#include "tests/kernels/cuda/hosted_matrix.h"
#include "tests/reference/softmax.h"

namespace r1::cuda {
namespace {

struct Shape {
  int rows, vocabulary, channels;
};

struct HeadCase {
  HeadCase(const Shape& s, uint32_t seed)
      : shape(s),
        h(RandomMatrix<bf16>(s.rows, s.channels, seed)),
        head(RandomMatrix<bf16>(s.vocabulary, s.channels, seed + 1,
                                2 / std::sqrt(float(s.channels)))),
        targets(1, s.rows),
        dlogprob(RandomMatrix<float>(1, s.rows, seed + 2)),
        dentropy(RandomMatrix<float>(1, s.rows, seed + 3)) {
    RandomSequence random(seed, RandomStream::kData, 4, 0);
    for (int t = 0; t < s.rows; ++t) {
      targets.at(0, t) = random.NextBelow(s.vocabulary);
    }
  }

  // Rows [begin, begin + count).
  HeadCase Rows(int begin, int count) const {
    HeadCase part(shape, 1);
    part.shape.rows = count;
    part.h = CopyOf(h, begin, count);
    part.head = CopyOf(head);
    const auto vector = [&](const auto& from, auto* to) {
      std::remove_reference_t<decltype(*to)> copy(1, count);
      std::copy_n(from.data() + begin, count, copy.data());
      *to = std::move(copy);
    };
    vector(targets, &part.targets);
    vector(dlogprob, &part.dlogprob);
    vector(dentropy, &part.dentropy);
    return part;
  }

  Shape shape;
  HostedMatrix<bf16> h, head;
  HostedMatrix<int32_t> targets;
  HostedMatrix<float> dlogprob, dentropy;
};

struct Scores {
  HostedMatrix<float> logprob, entropy;

  explicit Scores(int rows) : logprob(1, rows), entropy(1, rows) {}
};

constexpr float kInverse = 1 / 0.8f;

Scores Forward(const HeadCase& c) {
  Scores s(c.shape.rows);
  const HostedMatrix<float> scratch(
      1, LogprobScratch(c.shape.rows, c.shape.vocabulary));
  RunOnDevice([&](Stream& stream) {
    LogprobForward(c.h, c.head, c.targets, kInverse, s.logprob, s.entropy,
                   scratch, stream);
  });
  return s;
}

struct HeadGradients {
  Scores scores;
  HostedMatrix<float> dh, dhead;
};

// dhead starts from `start`.
HeadGradients Backward(const HeadCase& c, const HostedMatrix<float>& start,
                       bool has_dentropy = true) {
  HeadGradients g = {
      Scores(c.shape.rows), {c.shape.rows, c.shape.channels}, CopyOf(start)};
  const HostedMatrix<float> scratch(
      1, LogprobGradientScratch(c.shape.rows, c.shape.vocabulary));
  RunOnDevice([&](Stream& stream) {
    LogprobBackward(c.h, c.head, c.targets, kInverse, c.dlogprob,
                    has_dentropy ? Tensor(c.dentropy) : Tensor(), g.dh, g.dhead,
                    g.scores.logprob, g.scores.entropy, scratch, stream);
  });
  return g;
}

// Absolute errors of what the oracle makes of one row.
struct RowOracle {
  std::vector<double> logits, log_p;
  double logit_error;    // of any logit: Higham 2002, sec. 3.1
  double logprob_error;  // z twice, and a few roundings of logs
};

RowOracle OracleOf(const HeadCase& c, int t) {
  const auto h = CopyOf(c.h, t, 1).Doubles();
  const auto head = c.head.Doubles();
  RowOracle o;
  o.logits = reference::Logits(h, head);
  o.log_p = reference::LogSoftmax(o.logits, kInverse);
  double largest = 0;
  for (int v = 0; v < c.shape.vocabulary; ++v) {
    double sum = 0;
    for (int k = 0; k < c.shape.channels; ++k) {
      sum += std::abs(h[k] * head[v * c.shape.channels + k]);
    }
    largest = std::max(largest, sum);
  }
  o.logit_error = (c.shape.channels + 3) * kFloatRound * largest;
  // exp2 and log2 are good to 2^-22 (PTX ISA); a sum over V ids adds little
  // more than log2(V) + 8 roundings, as it is a tree but for eight terms.
  o.logprob_error = 2 * kInverse * o.logit_error +
                    24 * kFloatRound * kInverse * largest + 0x1p-19;
  return o;
}

class HeadTest : public testing::TestWithParam<Shape> {};

INSTANTIATE_TEST_SUITE_P(Shapes, HeadTest,
                         testing::ValuesIn(ShapesToTest<Shape>({{31, 33, 64},
                                                                {3, 300, 600},
                                                                {1, 1, 24},
                                                                {33, 500, 96},
                                                                {65, 129, 32},
                                                                {130, 256,
                                                                 16}})),
                         [](const testing::TestParamInfo<Shape>& info) {
                           return "T" + std::to_string(info.param.rows) + "V" +
                                  std::to_string(info.param.vocabulary) + "C" +
                                  std::to_string(info.param.channels);
                         });

TEST_P(HeadTest, ForwardMatchesOracle) {
  const HeadCase c(GetParam(), 1);
  const Scores got = Forward(c);
  for (int t = 0; t < c.shape.rows; ++t) {
    const RowOracle o = OracleOf(c, t);
    ASSERT_NEAR(got.logprob.at(0, t), o.log_p[c.targets.at(0, t)],
                o.logprob_error)
        << t;
    // Entropy is a mean of -log p, whose weights are off by the same.
    double spread = 0;
    for (const double lp : o.log_p) spread -= std::exp(lp) * lp;
    ASSERT_NEAR(got.entropy.at(0, t), reference::Entropy(o.log_p),
                o.logprob_error * (2 + 2 * spread))
        << t;
  }
}

TEST_P(HeadTest, BackwardMatchesOracle) {
  const HeadCase c(GetParam(), 5);
  const Shape s = c.shape;
  const auto start = RandomMatrix<float>(s.vocabulary, s.channels, 9);
  for (const bool has_dentropy : {true, false}) {
    SCOPED_TRACE(has_dentropy);
    const HeadGradients got = Backward(c, start, has_dentropy);
    const auto h = c.h.Doubles(), head = c.head.Doubles();
    std::vector<double> dh(s.rows * s.channels), dh_bound(dh.size());
    std::vector<double> dhead = start.Doubles(), dhead_bound(dhead.size());
    for (size_t i = 0; i < dhead.size(); ++i) {
      dhead_bound[i] = s.rows * kFloatRound * std::abs(dhead[i]);
    }
    for (int t = 0; t < s.rows; ++t) {
      const RowOracle o = OracleOf(c, t);
      const double dl = c.dlogprob.at(0, t);
      const double de = has_dentropy ? c.dentropy.at(0, t) : 0.0f;
      const auto g = reference::LogprobGradient(o.logits, c.targets.at(0, t),
                                                kInverse, dl, de);
      const double entropy = reference::Entropy(o.log_p);
      for (int v = 0; v < s.vocabulary; ++v) {
        // p is off by `logprob_error` relative, log p absolute; then g is
        // rounded to bf16, and the sums have T or V terms.
        const double p = std::exp(o.log_p[v]);
        const double inner =
            kInverse * p * o.logprob_error *
            (std::abs(dl) +
             std::abs(de) * (3 + 3 * entropy + std::abs(o.log_p[v])));
        const double error =
            inner +
            (kBf16Round + (s.rows + s.vocabulary) * kFloatRound) *
                (std::abs(g[v]) + inner) +
            kInverse * std::abs(dl) * 4 * kFloatRound;
        for (int k = 0; k < s.channels; ++k) {
          dh[t * s.channels + k] += g[v] * head[v * s.channels + k];
          dh_bound[t * s.channels + k] +=
              error * std::abs(head[v * s.channels + k]);
          dhead[v * s.channels + k] += g[v] * h[t * s.channels + k];
          dhead_bound[v * s.channels + k] +=
              error * std::abs(h[t * s.channels + k]);
        }
      }
    }
    ExpectWithin(got.dh.Doubles(), dh, dh_bound, "dh");
    ExpectWithin(got.dhead.Doubles(), dhead, dhead_bound, "dhead");
    const Scores scores = Forward(c);
    ExpectSameBits(got.scores.logprob, scores.logprob, "logprob");
    ExpectSameBits(got.scores.entropy, scores.entropy, "entropy");
  }
}

TEST_P(HeadTest, NeitherThreadsNorOtherRowsChangeBits) {
  const HeadCase c(GetParam(), 10);
  const auto start =
      RandomMatrix<float>(c.shape.vocabulary, c.shape.channels, 13);
  const HeadGradients want = Backward(c, start);
  ForEachThreadOrder([&](uint64_t order) {
    const std::string what = "order " + std::to_string(order);
    const HeadGradients got = Backward(c, start);
    ExpectSameBits(got.scores.logprob, want.scores.logprob, what);
    ExpectSameBits(got.scores.entropy, want.scores.entropy, what);
    ExpectSameBits(got.dh, want.dh, what);
    ExpectSameBits(got.dhead, want.dhead, what);
  });
  for (const int t : {0, c.shape.rows / 2, c.shape.rows - 1}) {
    const HeadGradients alone = Backward(c.Rows(t, 1), start);
    ASSERT_EQ(alone.scores.logprob.at(0, 0), want.scores.logprob.at(0, t));
    ASSERT_EQ(alone.scores.entropy.at(0, 0), want.scores.entropy.at(0, t));
    ExpectSameRows(want.dh, t, alone.dh, "dh alone");
  }
}

// The gradient takes the vocabulary in chunks, whose logits have the order of
// the whole.
TEST(HeadChunkTest, ManyIdsAreTakenInChunks) {
  if (kIsSanitized) GTEST_SKIP() << "takes long";
  const HeadCase c({2, static_cast<int>(kGradientIds) + 40, 16}, 14);
  HostedMatrix<float> start(c.shape.vocabulary, c.shape.channels);
  std::fill_n(start.data(), start.rows() * start.stride(), 0.0f);
  const HeadGradients got = Backward(c, start);
  std::vector<double> dh(2 * 16);
  const auto head = c.head.Doubles();
  for (int t = 0; t < 2; ++t) {
    const RowOracle o = OracleOf(c, t);
    ASSERT_NEAR(got.scores.logprob.at(0, t), o.log_p[c.targets.at(0, t)],
                o.logprob_error);
    const auto g =
        reference::LogprobGradient(o.logits, c.targets.at(0, t), kInverse,
                                   c.dlogprob.at(0, t), c.dentropy.at(0, t));
    for (int k = 0; k < 16; ++k) {
      double sum = 0, bound = 0;
      for (int v = 0; v < c.shape.vocabulary; ++v) {
        sum += g[v] * head[v * 16 + k];
        bound += 1.5 * kBf16Round * std::abs(g[v] * head[v * 16 + k]);
      }
      ASSERT_NEAR(got.dh.at(t, k), sum, bound + 1e-5) << t << " " << k;
    }
    const int last = c.shape.vocabulary - 1;
    double dhead = 0, dhead_bound = 0;
    for (int u = 0; u <= t; ++u) {
      const auto gu = reference::LogprobGradient(
          OracleOf(c, u).logits, c.targets.at(0, u), kInverse,
          c.dlogprob.at(0, u), c.dentropy.at(0, u));
      dhead += gu[last] * ToDouble(c.h.at(u, 3));
      dhead_bound += std::abs(gu[last] * ToDouble(c.h.at(u, 3)));
    }
    if (t == 1) {
      ASSERT_NEAR(got.dhead.at(last, 3), dhead, 0.01 * dhead_bound);
    }
  }
}

TEST(HeadNanTest, ANanLogitOrATargetThatIsNoIdGivesNan) {
  HeadCase c({4, 300, 32}, 18);
  const float infinity = std::numeric_limits<float>::infinity();
  c.h.at(1, 3) = ToBf16Value(std::nanf(""));
  c.h.at(2, 3) = ToBf16Value(infinity);
  c.targets.at(0, 3) = 300;
  const Scores got = Forward(c);
  for (int t = 0; t < 4; ++t) {
    EXPECT_EQ(std::isnan(got.logprob.at(0, t)), t > 0) << t;
    EXPECT_EQ(std::isnan(got.entropy.at(0, t)), t == 1 || t == 2) << t;
  }
}

}  // namespace
}  // namespace r1::cuda
