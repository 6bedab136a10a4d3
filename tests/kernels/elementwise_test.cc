// Embedding, rotary embedding, SwiGLU, AdamW and the sum of squares.
#include "tests/reference/elementwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "tests/kernels/op_test_util.h"

namespace r1 {
namespace {

using ElementwiseTest = OnEveryTarget;

const std::pair<int64_t, int64_t> kSizes[] = {
    {0, 5}, {1, 1}, {1, 31}, {3, 33}, {31, 16}, {100, 129}, {257, 40}};

TEST_P(ElementwiseTest, GatherRowsCopiesRows) {
  for (const auto& [tokens, cols] : kSizes) {
    const TestMatrix table(17, cols, 1);
    std::vector<int32_t> ids(tokens);
    for (int64_t t = 0; t < tokens; ++t) ids[t] = (t * 5) % 17;
    for (const int threads : {1, 2, 3}) {
      TestMatrix y(tokens, cols, 2);
      MakeCpuOps(threads)->GatherRows(table.view(), VectorTensor(ids),
                                      y.view());
      for (int64_t t = 0; t < tokens; ++t) {
        ExpectSameBits(absl::MakeConstSpan(y.view().Row(t), cols),
                       absl::MakeConstSpan(table.view().Row(ids[t]), cols),
                       "row");
      }
      EXPECT_TRUE(y.GapsAreIntact());
    }
  }
}

// Additions in packed order have known bits.
TEST_P(ElementwiseTest, ScatterAddRowsAddsInPackedOrder) {
  for (const auto& [tokens, cols] : kSizes) {
    const TestMatrix dy(tokens, cols, 3), start(6, cols, 4);
    std::vector<int32_t> ids(tokens);
    for (int64_t t = 0; t < tokens; ++t) ids[t] = (t * t) % 5;  // 5: never
    TestMatrix expected = start;
    for (int64_t t = 0; t < tokens; ++t) {
      for (int64_t c = 0; c < cols; ++c) {
        expected.at(ids[t], c) += dy.at(t, c);
      }
    }
    for (const int threads : {1, 2, 3}) {
      TestMatrix dtable = start;
      MakeCpuOps(threads)->ScatterAddRows(dy.view(), VectorTensor(ids),
                                          dtable.view());
      ExpectSameBits(dtable, expected, absl::StrCat(threads, " threads"));
      EXPECT_TRUE(dtable.GapsAreIntact());
    }
  }
}

TEST(GatherRowsDeathTest, RefusesIdsOutsideTheMatrix) {
  const TestMatrix table(4, 3, 5);
  TestMatrix y(1, 3, 6);
  for (const int32_t id : {-1, 4}) {
    EXPECT_DEATH(
        MakeCpuOps(1)->GatherRows(table.view(), Ids(&id, 1, 1), y.view()),
        "matrix");
  }
}

TEST_P(ElementwiseTest, CopyAddFillAndScaleKeepToTheirRows) {
  for (const auto& [rows, cols] : kSizes) {
    const TestMatrix x(rows, cols, 40), start(rows, cols, 41);
    for (const int threads : {1, 2, 3}) {
      const auto ops = MakeCpuOps(threads);
      TestMatrix copied = start, added = start, filled = start, scaled = x;
      ops->Copy(x.view(), copied.view());
      ops->Add(x.view(), added.view());
      ops->Fill(2.5f, filled.view());
      ops->Scale(0.7f, scaled.view());
      ExpectSameBits(copied, x, "copy");
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < cols; ++c) {
          ASSERT_EQ(added.at(r, c), start.at(r, c) + x.at(r, c));
          ASSERT_EQ(filled.at(r, c), 2.5f);
          ASSERT_EQ(scaled.at(r, c), 0.7f * x.at(r, c));
        }
      }
      for (const TestMatrix* m : {&copied, &added, &filled, &scaled}) {
        EXPECT_TRUE(m->GapsAreIntact());
      }
    }
  }
}

TEST(HostAndDevice, UploadAndDownloadGoRowByRow) {
  const auto ops = MakeCpuOps(1);
  TestMatrix m(3, 2, 42);
  ops->Upload({1, 2, 3, 4, 5, 6}, m.view());
  EXPECT_EQ(m.Doubles(), (std::vector<double>{1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(m.GapsAreIntact());
  std::vector<float> back(4);
  ops->Wait(ops->Download(m.view().Rows(1, 2), absl::MakeSpan(back)));
  EXPECT_EQ(back, (std::vector<float>{3, 4, 5, 6}));
  const std::vector<int32_t> ids = {7, 8};
  std::vector<int32_t> ids_back(2);
  ops->Wait(ops->Download(VectorTensor(ids), absl::MakeSpan(ids_back)));
  EXPECT_EQ(ids_back, ids);
}

// A batch outlives what the host said of it, and is another once it is prepared
// anew.
TEST(HostAndDevice, ABatchKeepsWhatTheHostSaid) {
  const auto ops = MakeCpuOps(1);
  const auto batch = ops->MakeBatch();
  for (const int32_t first : {3, 5}) {
    std::vector<int32_t> tokens = {first, 4}, positions = {0, 1}, rows = {1},
                         targets = {9};
    ops->Prepare({.tokens = tokens,
                  .positions = positions,
                  .sequences = {},
                  .out_rows = rows,
                  .targets = targets},
                 batch.get());
    for (std::vector<int32_t>* v : {&tokens, &positions, &rows, &targets}) {
      std::fill(v->begin(), v->end(), -1);
    }
    const auto values = [&](const Tensor& ids) {
      std::vector<int32_t> out(ids.cols);
      ops->Wait(ops->Download(ids, absl::MakeSpan(out)));
      return out;
    };
    EXPECT_EQ(batch->num_tokens(), 2);
    EXPECT_EQ(values(batch->tokens), (std::vector<int32_t>{first, 4}));
    EXPECT_EQ(values(batch->positions), (std::vector<int32_t>{0, 1}));
    EXPECT_EQ(values(batch->out_rows), (std::vector<int32_t>{1}));
    EXPECT_EQ(values(batch->targets), (std::vector<int32_t>{9}));
  }
}

TestMatrix Angles(int64_t positions, int64_t size) {
  TestMatrix table(positions, size, 7);
  for (int64_t p = 0; p < positions; ++p) {
    for (int64_t i = 0; i < size / 2; ++i) {
      const double angle = p * std::pow(100.0, -2.0 * i / size);
      table.at(p, i) = std::cos(angle);
      table.at(p, size / 2 + i) = std::sin(angle);
    }
  }
  return table;
}

TEST_P(ElementwiseTest, RopeMatchesTheOracleAndItsInverseRotatesBack) {
  for (const auto& [tokens, heads, size] :
       {std::tuple<int64_t, int, int64_t>{1, 1, 2},
        {5, 3, 64},
        {7, 2, 62},
        {200, 2, 34},
        {0, 1, 8}}) {
    const TestMatrix angles = Angles(40, size);
    const TestMatrix x(tokens, heads * size, 8);
    std::vector<int32_t> positions(tokens);
    for (int64_t t = 0; t < tokens; ++t) positions[t] = (t * 7) % 40;
    std::vector<double> want, bound;
    for (int64_t t = 0; t < tokens; ++t) {
      std::vector<double> row, cos_sin;
      for (int64_t c = 0; c < x.cols(); ++c) row.push_back(x.at(t, c));
      for (int64_t c = 0; c < size; ++c) {
        cos_sin.push_back(angles.at(positions[t], c));
      }
      reference::RotateRow(row, cos_sin);
      want.insert(want.end(), row.begin(), row.end());
      for (int64_t c = 0; c < x.cols(); ++c) {
        // Two products and a sum of at most |a| + |b|: 3 roundings of that.
        const int64_t in_head = c % size;
        const int64_t other = in_head < size / 2 ? c + size / 2 : c - size / 2;
        bound.push_back(3 * kRound *
                        (std::abs(x.at(t, c)) + std::abs(x.at(t, other))));
      }
    }
    TestMatrix expected = x;
    for (const int threads : {1, 2, 3}) {
      const auto ops = MakeCpuOps(threads);
      TestMatrix y = x;
      ops->Rope(y.view(), heads, VectorTensor(positions), angles.view(), false);
      ExpectNear(y.Doubles(), want, bound, absl::StrCat("D ", size));
      if (threads == 1) expected = y;
      ExpectSameBits(y, expected, "threads");
      EXPECT_TRUE(y.GapsAreIntact());
      ops->Rope(y.view(), heads, VectorTensor(positions), angles.view(), true);
      // Twice the error of one rotation, and cos^2 + sin^2 = 1 only up to the
      // rounding of the table: 4 more.
      std::vector<double> back_bound = bound;
      for (double& value : back_bound) value *= 4;
      ExpectNear(y.Doubles(), x.Doubles(), back_bound, "rotated back");
    }
    for (int64_t t = 0; t < tokens; ++t) {
      TestMatrix y = x;
      MakeCpuOps(1)->Rope(y.view().Rows(t, 1), heads, Ids(&positions[t], 1, 1),
                          angles.view(), false);
      ExpectSameBits(absl::MakeConstSpan(y.view().Row(t), y.cols()),
                     absl::MakeConstSpan(expected.view().Row(t), y.cols()),
                     "row alone");
    }
  }
}

// exp errs by 2e-7 (3.4 rounds); sum, quotient and three products: below 12.
constexpr double kSwiGluRounds = 12;

TEST_P(ElementwiseTest, SwiGluForwardMatchesTheOracle) {
  for (const auto& [tokens, cols] : kSizes) {
    TestMatrix gate_up(tokens, 2 * cols, 9);
    for (int64_t t = 0; t < tokens; ++t) {
      for (int64_t c = 0; c < cols; ++c) gate_up.at(t, c) *= 5;
    }
    std::vector<double> want, bound;
    for (int64_t t = 0; t < tokens; ++t) {
      for (int64_t c = 0; c < cols; ++c) {
        want.push_back(
            reference::SwiGlu(gate_up.at(t, c), gate_up.at(t, cols + c)));
        bound.push_back(kSwiGluRounds * kRound * std::abs(want.back()));
      }
    }
    TestMatrix expected(tokens, cols, 10);
    for (int64_t t = 0; t < tokens; ++t) {
      MakeCpuOps(1)->SwiGluForward(gate_up.view().Rows(t, 1),
                                   expected.view().Rows(t, 1));
    }
    for (const int threads : {1, 2, 3}) {
      TestMatrix y(tokens, cols, 11);
      MakeCpuOps(threads)->SwiGluForward(gate_up.view(), y.view());
      ExpectNear(y.Doubles(), want, bound, absl::StrCat("F ", cols));
      ExpectSameBits(y, expected, "rows alone");
      EXPECT_TRUE(y.GapsAreIntact());
    }
  }
}

// Large gates must give 0 or the gate, not NaN; NaN must stay NaN.
TEST_P(ElementwiseTest, SwiGluHandlesExtremeGates) {
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> gate_up = {200, -200, 1e30f, -1e30f, inf, 0,
                                1,   1,    1,     1,      1,   1};
  std::vector<float> y(6);
  const auto ops = MakeCpuOps(1);
  ops->SwiGluForward(VectorTensor(gate_up), VectorTensor(y));
  EXPECT_EQ(y[0], 200);
  EXPECT_NEAR(y[1], 0, 1e-35);
  EXPECT_EQ(y[2], 1e30f);
  EXPECT_NEAR(y[3], 0, 1e-35);
  EXPECT_EQ(y[4], inf);
  EXPECT_EQ(y[5], 0);
  gate_up[0] = std::numeric_limits<float>::quiet_NaN();
  ops->SwiGluForward(VectorTensor(gate_up), VectorTensor(y));
  EXPECT_TRUE(std::isnan(y[0]));
}

TEST_P(ElementwiseTest, SwiGluBackwardMatchesFiniteDifferences) {
  for (const auto& [tokens, cols] : kSizes) {
    const TestMatrix gate_up(tokens, 2 * cols, 12), dy(tokens, cols, 13);
    std::vector<double> want, bound;
    for (int64_t t = 0; t < tokens; ++t) {
      const auto at = [&](int64_t c) -> std::vector<double> {
        return {gate_up.at(t, c % cols), gate_up.at(t, cols + c % cols)};
      };
      for (int64_t c = 0; c < 2 * cols; ++c) {
        const double dout = dy.at(t, c % cols);
        const auto gradient =
            FiniteDifferences(at(c), [](const std::vector<double>& p) {
              return reference::SwiGlu(p[0], p[1]);
            });
        want.push_back(dout * gradient[c / cols]);
        // The slope of silu is at most 1.1 and a sum of terms below that and
        // below 0.3; the difference quotient errs by step^2 / 6 times the third
        // derivative (below 1).
        const double scale = c < cols ? std::abs(dout * at(c)[1]) * 1.5
                                      : std::abs(dout * gradient[1]);
        bound.push_back(kSwiGluRounds * kRound * scale +
                        0x1p-28 * std::abs(dout * at(c)[1]) + 1e-11);
      }
    }
    TestMatrix expected(tokens, 2 * cols, 14);
    for (const int threads : {1, 2, 3}) {
      TestMatrix dgate_up(tokens, 2 * cols, 15);
      const auto ops = MakeCpuOps(threads);
      ops->SwiGluBackward(gate_up.view(), dy.view(), dgate_up.view());
      ExpectNear(dgate_up.Doubles(), want, bound, absl::StrCat("F ", cols));
      EXPECT_TRUE(dgate_up.GapsAreIntact());
      if (threads == 1) expected = dgate_up;
      ExpectSameBits(dgate_up, expected, "threads");
      TestMatrix in_place = gate_up;
      ops->SwiGluBackward(in_place.view(), dy.view(), in_place.view());
      ExpectSameBits(in_place, expected, "in place");
    }
  }
}

// Three steps over odd sizes, each compared with the oracle started from the
// same floats. The new m and v have terms of equal sign or errors relative to
// their magnitudes; the update is quotient, root and products of those.
TEST_P(ElementwiseTest, AdamWMatchesTheOracle) {
  for (const int64_t n : {1, 31, 33, 1000, 40001}) {
    const auto ops = MakeCpuOps(2);
    std::vector<float> params = RandomVector(n, 16), m(n), v(n);
    for (int64_t step = 1; step <= 3; ++step) {
      const std::vector<float> grads = RandomVector(n, 17 + step);
      const AdamWParams p = {.learning_rate = 1e-2f,
                             .beta1 = 0.9f,
                             .beta2 = 0.95f,
                             .epsilon = 1e-8f,
                             .weight_decay = 0.1f,
                             .step = step,
                             .gradient_scale = 0.5f};
      std::vector<double> want_p, want_m, want_v, bound_p, bound_m, bound_v;
      for (int64_t i = 0; i < n; ++i) {
        const double g = 0.5 * grads[i];
        const reference::AdamWState s = reference::AdamWStep(
            {params[i], m[i], v[i]}, g, p.learning_rate, p.beta1, p.beta2,
            p.epsilon, p.weight_decay, step);
        want_p.push_back(s.param);
        want_m.push_back(s.m);
        want_v.push_back(s.v);
        const double m_terms = std::abs(p.beta1 * m[i]) + 0.1 * std::abs(g);
        bound_m.push_back(4 * kRound * m_terms);
        bound_v.push_back(6 * kRound * s.v);
        const double update = p.learning_rate * m_terms /
                              (1 - std::pow(p.beta1, step)) /
                              std::sqrt(s.v / (1 - std::pow(p.beta2, step)));
        bound_p.push_back(kRound * (3 * std::abs(params[i]) + 16 * update));
      }
      ops->AdamW(VectorTensor(params), VectorTensor(grads), VectorTensor(m),
                 VectorTensor(v), p);
      const std::string what = absl::StrCat("n ", n, ", step ", step);
      ExpectNear(ToDouble(m), want_m, bound_m, absl::StrCat("m, ", what));
      ExpectNear(ToDouble(v), want_v, bound_v, absl::StrCat("v, ", what));
      ExpectNear(ToDouble(params), want_p, bound_p, what);
    }
  }
}

TEST_P(ElementwiseTest, AdamWDoesNotDependOnPlaceOrThreads) {
  const int64_t n = 50001;
  const std::vector<float> start = RandomVector(n, 21);
  const std::vector<float> grads = RandomVector(n, 22);
  const AdamWParams p = {.learning_rate = 1e-3f, .weight_decay = 0.01f};
  std::vector<float> expected;
  for (const int threads : {1, 2, 3}) {
    const auto ops = MakeCpuOps(threads);
    std::vector<float> params = start, m(n), v(n);
    ops->AdamW(VectorTensor(params), VectorTensor(grads), VectorTensor(m),
               VectorTensor(v), p);
    if (threads == 1) expected = params;
    ExpectSameBits(params, expected, absl::StrCat(threads, " threads"));
    // In pieces of 777: tails fall elsewhere.
    std::vector<float> pieces = start;
    std::fill(m.begin(), m.end(), 0.0f);
    std::fill(v.begin(), v.end(), 0.0f);
    for (int64_t i = 0; i < n; i += 777) {
      const int64_t count = std::min<int64_t>(777, n - i);
      const auto piece = [&](std::vector<float>& x) {
        return Mat(&x[i], 1, count);
      };
      ops->AdamW(piece(pieces), ConstMat(&grads[i], 1, count), piece(m),
                 piece(v), p);
    }
    ExpectSameBits(pieces, expected, "pieces");
  }
}

TEST_P(ElementwiseTest, SumSquaresMatchesTheOracle) {
  for (const int64_t n : {0, 1, 31, 33, 8191, 8193, 100001}) {
    const std::vector<float> x = RandomVector(n, 23);
    long double want = 0;
    for (const float value : x) want += static_cast<long double>(value) * value;
    double expected = 0;
    for (const int threads : {1, 2, 3}) {
      const double got = MakeCpuOps(threads)->SumSquares(VectorTensor(x));
      // Squares of floats are exact in double; n additions of positive terms.
      EXPECT_NEAR(got, want, n * 0x1p-53 * want) << n;
      if (threads == 1) expected = got;
      EXPECT_EQ(got, expected) << threads << " threads";
    }
  }
}

TEST_P(ElementwiseTest, SumSquaresShowsNanAndInfinity) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                          -std::numeric_limits<float>::infinity()}) {
    for (const int64_t at : {0, 8191, 8192, 20000}) {
      std::vector<float> x(20001, 0.5f);
      x[at] = bad;
      EXPECT_FALSE(std::isfinite(MakeCpuOps(2)->SumSquares(VectorTensor(x))))
          << at;
    }
  }
  // Squares beyond the range of float do not overflow.
  EXPECT_EQ(
      MakeCpuOps(1)->SumSquares(VectorTensor(std::vector<float>{3e30f, 4e30f})),
      double{3e30f} * 3e30f + double{4e30f} * 4e30f);
}

R1_INSTANTIATE_ON_EVERY_TARGET(ElementwiseTest);

}  // namespace
}  // namespace r1
