// The sampler of a device: its distribution, the sets that top_p allows, ties,
// the ends of the unit interval, and rows that are not numbers.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cuda/gemm.h"
#include "kernels/cuda/head.h"
#include "tests/kernels/cuda/hosted_matrix.h"
#include "tests/reference/softmax.h"

namespace r1::cuda {
namespace {

constexpr uint32_t kLastBits = 0xFFFFFFFF;

struct Drawn {
  std::vector<int32_t> tokens;
  std::vector<float> logprobs;
};

Drawn DrawRows(const HostedMatrix<float>& logits,
               const std::vector<SampleRequest>& requests) {
  const int64_t n = requests.size();
  const std::vector<SampleRow> host = SampleRowsOf(requests);
  HostedMatrix<int32_t> rows(n, 4, 4), tokens(1, n);
  std::memcpy(rows.data(), host.data(), n * sizeof(SampleRow));
  const HostedMatrix<float> logprobs(1, n);
  const HostedMatrix<float> scratch(1, SampleScratch(n, logits.cols()));
  RunOnDevice([&](Stream& stream) {
    Sample(logits, rows, tokens, logprobs, scratch, stream);
  });
  return {{tokens.data(), tokens.data() + n},
          {logprobs.data(), logprobs.data() + n}};
}

// Draws once per request from the same logits.
Drawn DrawAll(const std::vector<float>& logits,
              const std::vector<SampleRequest>& requests) {
  HostedMatrix<float> matrix(requests.size(), logits.size(), logits.size() + 1);
  for (size_t i = 0; i < requests.size(); ++i) {
    std::copy(logits.begin(), logits.end(), matrix.Row(i));
  }
  return DrawRows(matrix, requests);
}

std::vector<SampleRequest> Repeated(SampleRequest request, int64_t count,
                                    uint64_t seed) {
  RandomSequence random(seed, RandomStream::kSampling, 0, 0);
  std::vector<SampleRequest> requests(count, request);
  for (SampleRequest& r : requests) r.random_bits = random.NextBits();
  return requests;
}

std::vector<float> RandomLogits(int64_t count, float range, uint64_t seed) {
  RandomSequence random(seed, RandomStream::kData, 3, 0);
  std::vector<float> x(count);
  for (float& value : x) value = range * (2 * random.NextUniform() - 1);
  return x;
}

std::vector<double> Probabilities(const std::vector<float>& logits,
                                  double inverse) {
  std::vector<double> p =
      reference::LogSoftmax({logits.begin(), logits.end()}, inverse);
  for (double& value : p) value = std::exp(value);
  return p;
}

// Ids from the most to the least likely, ties by lower id.
std::vector<int32_t> ByLikelihood(const std::vector<double>& p) {
  std::vector<int32_t> order(p.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return p[a] > p[b]; });
  return order;
}

// Each draw lies where the double oracle's cumulative distribution over the
// allowed tokens puts it. A weight's relative error is 2^-21 at most (the
// rounding of z and of its difference to the maximum, below 16, and ex2), and
// so is any share of them.
TEST(CudaSampleTest, InvertsTheCumulativeDistribution) {
  for (const int64_t vocabulary : ShapesToTest<int64_t>({129, 1, 7, 3001})) {
    SCOPED_TRACE(vocabulary);
    for (const float top_p : {1.0f, 0.7f}) {
      const auto logits = RandomLogits(vocabulary, 2.0f, vocabulary);
      std::vector<double> p = Probabilities(logits, 1 / 0.9f);
      const auto log_p = p;
      if (top_p < 1) {
        double sum = 0;
        for (const int32_t v : ByLikelihood(p)) {
          const double mine = p[v];
          if (sum >= top_p) p[v] = 0;
          sum += mine;
        }
      }
      const double kept = std::accumulate(p.begin(), p.end(), 0.0);
      std::vector<double> cumulative(p.size() + 1);
      std::partial_sum(p.begin(), p.end(), cumulative.begin() + 1);
      SampleRequest request;
      request.temperature = 0.9f;
      request.top_p = top_p;
      const auto requests = Repeated(request, kIsSanitized ? 8 : 40, 10);
      const Drawn drawn = DrawAll(logits, requests);
      for (size_t i = 0; i < requests.size(); ++i) {
        const double u = requests[i].random_bits * 0x1p-32 * kept;
        const int32_t token = drawn.tokens[i];
        EXPECT_GE(u, cumulative[token] - 0x1p-20);
        EXPECT_LE(u, cumulative[token + 1] + 0x1p-20);
        EXPECT_GT(p[token], 0);
        EXPECT_NEAR(drawn.logprobs[i], std::log(log_p[token]), 8e-6);
      }
    }
  }
}

constexpr uint32_t kSteps = kIsSanitized ? 8 : 64;

// What can be drawn: the tokens at both ends of every one of many small steps
// of the unit interval.
std::set<int32_t> Support(const std::vector<float>& logits,
                          SampleRequest request) {
  std::vector<SampleRequest> requests(kSteps * 2, request);
  for (size_t i = 0; i < requests.size(); ++i) {
    const uint32_t step = 0xFFFFFFFF / kSteps + 1;
    requests[i].random_bits = i / 2 * step + (i % 2 ? step - 1 : 0);
  }
  const Drawn drawn = DrawAll(logits, requests);
  return {drawn.tokens.begin(), drawn.tokens.end()};
}

TEST(CudaSampleTest, TopPKeepsTheShortestSufficientRun) {
  const auto logits = RandomLogits(20, 0.7f, 15);
  const std::vector<double> p = Probabilities(logits, 1);
  for (const float top_p :
       ShapesToTest<float>({0.3f, 0.0f, 0.01f, 0.5f, 0.95f, 0.999f})) {
    SampleRequest request;
    request.top_p = top_p;
    std::set<int32_t> want;
    double sum = 0;
    for (const int32_t v : ByLikelihood(p)) {
      if (!want.empty() && sum >= top_p) break;
      want.insert(v);
      sum += p[v];
    }
    EXPECT_EQ(Support(logits, request), want) << top_p;
  }
}

// Eight equal tokens of 1/8: shares that are met exactly.
TEST(CudaSampleTest, TopPBreaksTiesByLowerIdAndStopsOnEquality) {
  for (const int pad :
       {0, kIsSanitized ? 20 : 300}) {  // in one group, and across groups
    std::vector<float> logits(8 + 7 * pad, -1e9f);
    for (int i = 0; i < 8; ++i) logits[i * (pad + 1)] = -1.5f;
    const auto ids = [&](int count) {
      std::set<int32_t> set;
      for (int i = 0; i < count; ++i) set.insert(i * (pad + 1));
      return set;
    };
    SampleRequest request;
    request.top_p = 0.25f;
    EXPECT_EQ(Support(logits, request), ids(2));
    request.top_p = 0.26f;
    EXPECT_EQ(Support(logits, request), ids(3));
    request.top_p = 1.0f - 0x1p-24f;
    EXPECT_EQ(Support(logits, request), ids(8));
  }
}

// What the ties that are left out would have had goes to nobody before them.
TEST(CudaSampleTest, TiesThatAreLeftOutShiftNoOther) {
  SampleRequest request;
  request.top_p = 0.75f;  // the last has 0.711, each of the others 0.096
  EXPECT_EQ(Support({0, 0, 0, 2}, request), (std::set<int32_t>{0, 3}));
}

TEST(CudaSampleTest, EqualLogitsSplitTheIntervalExactly) {
  const std::vector<float> logits(512, 3.25f);
  for (const float temperature : {1.0f, 0.7f}) {
    std::vector<SampleRequest> requests;
    const std::vector<uint32_t> tokens = {0, 1, 127, 128, 300, 511};
    for (const uint32_t token : tokens) {
      for (const uint32_t bits : {0u, (1u << 23) - 1}) {
        requests.push_back({temperature, 1, (token << 23) + bits});
      }
    }
    const Drawn drawn = DrawAll(logits, requests);
    for (size_t i = 0; i < requests.size(); ++i) {
      EXPECT_EQ(drawn.tokens[i], tokens[i / 2]);
      EXPECT_NEAR(drawn.logprobs[i], -std::log(512.0), 2e-6);
    }
  }
}

TEST(CudaSampleTest, EndsOfTheUnitIntervalGiveTokensOfPositiveProbability) {
  for (const int64_t pad : {0, 3, 40, 700}) {
    std::vector<float> logits(pad, -1e9f);
    logits.insert(logits.end(), {1, 2, 0.5f});
    logits.insert(logits.end(), pad, -1e9f);
    const Drawn drawn = DrawAll(logits, {{1, 1, 0}, {1, 1, kLastBits}});
    EXPECT_EQ(drawn.tokens[0], pad);
    EXPECT_EQ(drawn.tokens[1], pad + 2);
  }
}

TEST(CudaSampleTest, TemperatureZeroTakesTheLowestOfTheLargest) {
  std::vector<float> logits = RandomLogits(1000, 1.0f, 11);
  logits[700] = logits[130] = logits[999] = 2.0f;
  // Its weight is the same; the logit is not.
  logits[5] = std::nextafter(2.0f, 0.0f);
  const SampleRequest request = {0, 1, kLastBits};
  const Drawn drawn = DrawAll(logits, {request});
  EXPECT_EQ(drawn.tokens[0], 130);
  EXPECT_NEAR(drawn.logprobs[0], std::log(Probabilities(logits, 1)[130]), 3e-6);
  EXPECT_EQ(DrawAll({-5.0f}, {request}).tokens[0], 0);
  EXPECT_EQ(DrawAll({-5.0f, -4.0f, -4.0f}, {request}).tokens[0], 1);
}

TEST(CudaSampleTest, RowsThatAreNotNumbersGiveTokenZeroAndNan) {
  const float nan = std::nanf("");
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float temperature : {0.0f, 1.0f}) {
    std::vector<std::vector<float>> rows(5, RandomLogits(200, 1.0f, 16));
    rows[0][0] = nan;
    rows[1][199] = nan;
    rows[2][150] = infinity;
    rows[3].assign(200, -infinity);
    rows[4].assign(200, nan);
    for (size_t i = 0; i < rows.size(); ++i) {
      const Drawn drawn = DrawAll(rows[i], {{temperature, 0.9f, kLastBits}});
      EXPECT_EQ(drawn.tokens[0], 0) << i;
      EXPECT_TRUE(std::isnan(drawn.logprobs[0])) << i;
    }
  }
}

TEST(CudaSampleTest, MinusInfinityIsProbabilityZero) {
  std::vector<float> logits(300, -std::numeric_limits<float>::infinity());
  logits[7] = 1;
  logits[270] = 1;
  EXPECT_EQ(Support(logits, {}), (std::set<int32_t>{7, 270}));
  EXPECT_FLOAT_EQ(DrawAll(logits, {{}}).logprobs[0], -std::log(2.0f));
}

// A drawn token's log-prob is that which LogprobForward gives it.
TEST(CudaSampleTest, LogprobsHaveTheBitsOfLogprobForward) {
  const int rows = 35, vocabulary = 700, channels = 544;
  const auto h = RandomMatrix<bf16>(rows, channels, 21);
  const auto head = RandomMatrix<bf16>(vocabulary, channels, 22, 0.1f);
  const HostedMatrix<float> logits(rows, vocabulary);
  const HostedMatrix<float> partials(1,
                                     MatMulScratch(rows, vocabulary, channels));
  RunOnDevice([&](Stream& stream) {
    MatMul(h, head, {}, {}, logits, partials, stream);
  });
  for (const float temperature : {1.0f, 0.7f, 0.0f}) {
    SampleRequest request;
    request.temperature = temperature;
    request.top_p = 0.9f;
    const Drawn drawn = DrawRows(logits, Repeated(request, rows, 23));
    HostedMatrix<int32_t> targets(1, rows);
    std::copy(drawn.tokens.begin(), drawn.tokens.end(), targets.data());
    const HostedMatrix<float> logprob(1, rows);
    const HostedMatrix<float> scratch(1, LogprobScratch(rows, vocabulary));
    RunOnDevice([&](Stream& stream) {
      LogprobForward(h, head, targets,
                     temperature > 0 ? 1.0f / temperature : 1.0f, logprob, {},
                     scratch, stream);
    });
    for (int t = 0; t < rows; ++t) {
      ASSERT_LT(drawn.logprobs[t], 0);
      ASSERT_EQ(drawn.logprobs[t], logprob.at(0, t)) << t;
    }
  }
}

TEST(CudaSampleTest, NeitherTheBatchNorThreadsChangeADraw) {
  const auto logits = RandomLogits(1234, 2.0f, 17);
  std::vector<SampleRequest> requests = Repeated({}, kIsSanitized ? 4 : 15, 17);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].temperature = 0.25f * (i % 5);
    requests[i].top_p = i % 3 == 0 ? 0.7f : 1.0f;
  }
  Drawn alone;
  for (const SampleRequest& request : requests) {
    const Drawn drawn = DrawAll(logits, {request});
    alone.tokens.push_back(drawn.tokens[0]);
    alone.logprobs.push_back(drawn.logprobs[0]);
  }
  ForEachThreadOrder([&](uint64_t) {
    const Drawn drawn = DrawAll(logits, requests);
    EXPECT_EQ(drawn.tokens, alone.tokens);
    EXPECT_EQ(drawn.logprobs, alone.logprobs);
  });
}

}  // namespace
}  // namespace r1::cuda
