// The sampler: its distribution, the sets that top_p allows, the ends
// of the unit interval, and rows that are not numbers.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <set>
#include <vector>

#include "base/philox.h"
#include "gtest/gtest.h"
#include "hwy/targets.h"
#include "kernels/cpu/sample_filter.h"
#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "tests/reference/softmax.h"

namespace r1 {
namespace {

constexpr uint32_t kLastBits = 0xFFFFFFFF;

struct Drawn {
  std::vector<int32_t> tokens;
  std::vector<float> logprobs;
};

// Draws once per request from the same logits.
Drawn DrawAll(Ops& ops, const std::vector<float>& logits,
              const std::vector<SampleRequest>& requests) {
  const int64_t rows = requests.size();
  const int64_t n = logits.size();
  std::vector<float> matrix;
  for (int64_t i = 0; i < rows; ++i) {
    matrix.insert(matrix.end(), logits.begin(), logits.end());
  }
  Drawn drawn;
  drawn.tokens.assign(rows, -1);
  drawn.logprobs.assign(rows, 1.0f);
  ops.Sample(Mat(matrix.data(), rows, n), requests, VectorTensor(drawn.tokens),
             VectorTensor(drawn.logprobs));
  return drawn;
}

Drawn DrawOne(const std::vector<float>& logits, const SampleRequest& request) {
  return DrawAll(*MakeCpuOps(1), logits, {request});
}

// `count` requests that differ in their Philox word only.
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
                                  double inv_temperature) {
  std::vector<double> p =
      reference::LogSoftmax({logits.begin(), logits.end()}, inv_temperature);
  for (double& value : p) value = std::exp(value);
  return p;
}

// Token ids from the most to the least likely, ties by lower id.
std::vector<int32_t> ByLikelihood(const std::vector<double>& p) {
  std::vector<int32_t> order(p.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return p[a] > p[b]; });
  return order;
}

// Sum over the tokens of (observed - expected)^2 / expected.
double ChiSquare(const std::vector<int32_t>& tokens,
                 const std::vector<double>& p) {
  std::vector<double> observed(p.size());
  for (const int32_t token : tokens) observed[token] += 1;
  double sum = 0;
  for (size_t v = 0; v < p.size(); ++v) {
    const double expected = p[v] * tokens.size();
    if (expected == 0) {
      EXPECT_EQ(observed[v], 0) << v;
      continue;
    }
    sum += (observed[v] - expected) * (observed[v] - expected) / expected;
  }
  return sum;
}

// Upper bound of a chi-square variable with `freedom` degrees of freedom that
// is exceeded once in 10^6 (Wilson and Hilferty's approximation, z = 4.75).
double ChiSquareLimit(double freedom) {
  const double a = 2 / (9 * freedom);
  return freedom * std::pow(1 - a + 4.75 * std::sqrt(a), 3);
}

TEST(SampleTest, FrequenciesFollowTheSoftmax) {
  const auto ops = MakeCpuOps(2);
  for (const int64_t vocabulary : {2, 20, 300, 1000}) {
    for (const float temperature : {1.0f, 0.6f}) {
      const auto logits = RandomLogits(vocabulary, 1.5f, vocabulary);
      SampleRequest request;
      request.temperature = temperature;
      const Drawn drawn =
          DrawAll(*ops, logits, Repeated(request, 50000, vocabulary));
      EXPECT_LT(ChiSquare(drawn.tokens, Probabilities(logits, 1 / temperature)),
                ChiSquareLimit(vocabulary - 1))
          << vocabulary << " " << temperature;
    }
  }
}

TEST(SampleTest, FilteredFrequenciesAreRenormalised) {
  const auto ops = MakeCpuOps(2);
  const auto logits = RandomLogits(300, 2.0f, 9);
  std::vector<double> p = Probabilities(logits, 1);
  const auto order = ByLikelihood(p);
  SampleRequest request;
  // Between what 29 and 30 tokens have.
  double share = p[order[29]] / 2;
  for (int i = 0; i < 29; ++i) share += p[order[i]];
  request.top_p = static_cast<float>(share);
  for (int i = 30; i < 300; ++i) p[order[i]] = 0;
  const double kept = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& value : p) value /= kept;
  const Drawn drawn = DrawAll(*ops, logits, Repeated(request, 50000, 9));
  EXPECT_LT(ChiSquare(drawn.tokens, p), ChiSquareLimit(29));
}

// Every draw lies where the double oracle's cumulative distribution puts it,
// on every SIMD target.
TEST(SampleTest, InvertsTheCumulativeDistribution) {
  const auto logits = RandomLogits(3001, 3.0f, 10);
  const std::vector<double> p = Probabilities(logits, 1);
  std::vector<double> cumulative(p.size() + 1);
  std::partial_sum(p.begin(), p.end(), cumulative.begin() + 1);
  const auto requests = Repeated({}, 2000, 10);
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    const Drawn drawn = DrawAll(*MakeCpuOps(1), logits, requests);
    hwy::SetSupportedTargetsForTest(0);
    for (size_t i = 0; i < requests.size(); ++i) {
      const double u = requests[i].random_bits * 0x1p-32;
      // A weight has relative error 3e-7 at most: so has any sum of them.
      EXPECT_GE(u, cumulative[drawn.tokens[i]] - 6e-7);
      EXPECT_LE(u, cumulative[drawn.tokens[i] + 1] + 6e-7);
      // Spread 6 and log V 8: a few roundings of numbers below 16.
      EXPECT_NEAR(drawn.logprobs[i], std::log(p[drawn.tokens[i]]), 5e-6);
    }
  }
}

TEST(SampleTest, EndsOfTheUnitIntervalGiveTokensOfPositiveProbability) {
  const float minus = -1e9f;
  for (const int64_t pad : {0, 3, 40, 700}) {
    std::vector<float> logits(pad, minus);
    logits.insert(logits.end(), {1, 2, 0.5f});
    logits.insert(logits.end(), pad, minus);
    SampleRequest request;
    request.random_bits = 0;
    EXPECT_EQ(DrawOne(logits, request).tokens[0], pad);
    request.random_bits = kLastBits;
    EXPECT_EQ(DrawOne(logits, request).tokens[0], pad + 2);
  }
}

TEST(SampleTest, EqualLogitsSplitTheIntervalExactly) {
  const std::vector<float> logits(512, 3.25f);
  const auto ops = MakeCpuOps(1);
  for (const uint32_t token : {0u, 1u, 255u, 256u, 300u, 511u}) {
    SampleRequest first;
    first.random_bits = token << 23;  // u = token / 512
    SampleRequest last;
    last.random_bits = (token << 23) + ((1u << 23) - 1);
    const Drawn drawn = DrawAll(*ops, logits, {first, last});
    EXPECT_EQ(drawn.tokens[0], token);
    EXPECT_EQ(drawn.tokens[1], token);
    EXPECT_NEAR(drawn.logprobs[0], -std::log(512.0), 2e-6);
  }
}

TEST(SampleTest, TemperatureZeroTakesTheLowestOfTheLargest) {
  std::vector<float> logits = RandomLogits(1000, 1.0f, 11);
  logits[700] = logits[130] = logits[999] = 2.0f;
  SampleRequest request;
  request.temperature = 0;
  request.random_bits = kLastBits;
  const Drawn drawn = DrawOne(logits, request);
  EXPECT_EQ(drawn.tokens[0], 130);
  EXPECT_NEAR(drawn.logprobs[0], std::log(Probabilities(logits, 1)[130]), 3e-6);
  EXPECT_EQ(DrawOne({-5.0f}, request).tokens[0], 0);
  EXPECT_EQ(DrawOne({-5.0f, -4.0f, -4.0f}, request).tokens[0], 1);
}

TEST(SampleTest, LogprobIgnoresTheFilters) {
  const auto logits = RandomLogits(200, 2.0f, 12);
  const std::vector<double> p = Probabilities(logits, 1);
  SampleRequest request;
  request.top_p = 0;
  request.random_bits = 12345;
  const Drawn drawn = DrawOne(logits, request);
  EXPECT_EQ(drawn.tokens[0], ByLikelihood(p)[0]);
  EXPECT_NEAR(drawn.logprobs[0], std::log(p[drawn.tokens[0]]), 5e-6);
}

// The set of tokens drawn in many draws from a flat-enough row.
std::set<int32_t> Support(const std::vector<float>& logits,
                          SampleRequest request) {
  const auto ops = MakeCpuOps(2);
  const Drawn drawn = DrawAll(*ops, logits, Repeated(request, 20000, 13));
  return {drawn.tokens.begin(), drawn.tokens.end()};
}

TEST(SampleTest, TopPKeepsTheShortestSufficientRun) {
  const auto logits = RandomLogits(60, 1.0f, 15);
  const std::vector<double> p = Probabilities(logits, 1);
  const auto order = ByLikelihood(p);
  for (const float top_p : {0.0f, 0.01f, 0.3f, 0.5f, 0.95f, 0.999f}) {
    SampleRequest request;
    request.top_p = top_p;
    std::set<int32_t> want;
    double sum = 0;
    for (const int32_t v : order) {
      if (!want.empty() && sum >= top_p) break;
      want.insert(v);
      sum += p[v];
    }
    EXPECT_EQ(Support(logits, request), want) << top_p;
  }
}

// Eight equal tokens of 1/8: shares that are met exactly.
TEST(SampleTest, TopPBreaksTiesByLowerIdAndStopsOnEquality) {
  const std::vector<float> logits(8, -1.5f);
  SampleRequest request;
  request.top_p = 0.25f;
  EXPECT_EQ(Support(logits, request), (std::set<int32_t>{0, 1}));
  request.top_p = 0.26f;
  EXPECT_EQ(Support(logits, request), (std::set<int32_t>{0, 1, 2}));
}

// Weights are multiples of 2^-20, so that sums are exact in any order; many
// are equal, and many buckets of the filter are crossed.
TEST(SampleTest, FilterMatchesSortingTheWholeRow) {
  RandomSequence random(1, RandomStream::kData, 18, 0);
  for (int round = 0; round < 300; ++round) {
    const int n = 1 + random.NextBelow(round < 200 ? 40 : 3000);
    const int range = 1 + random.NextBelow(1 << random.NextBelow(21));
    std::vector<float> weights(n);
    for (float& w : weights) w = random.NextBelow(range + 1) * 0x1p-20f;
    weights[random.NextBelow(n)] = 0x1p-20f * range;
    const float top_p = random.NextBelow(4) == 0 ? 1.0f : random.NextUniform();
    SCOPED_TRACE(testing::Message() << n << " p " << top_p);
    std::vector<float> got = weights;
    cpu::FilterWeights(top_p, absl::MakeSpan(got));

    const auto order = ByLikelihood({weights.begin(), weights.end()});
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    size_t kept = n;
    if (top_p < 1) {
      double sum = weights[order[0]];
      for (kept = 1; kept < n && sum < top_p * total; ++kept) {
        sum += weights[order[kept]];
      }
    }
    std::vector<float> want(n);
    for (size_t i = 0; i < kept; ++i) want[order[i]] = weights[order[i]];
    ASSERT_EQ(got, want);
  }
}

TEST(SampleTest, RowsThatAreNotNumbersGiveTokenZeroAndNan) {
  const float nan = std::nanf("");
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float temperature : {0.0f, 1.0f}) {
    SampleRequest request;
    request.temperature = temperature;
    request.top_p = 0.9f;
    request.random_bits = kLastBits;
    std::vector<std::vector<float>> rows(5, RandomLogits(100, 1.0f, 16));
    rows[0][0] = nan;
    rows[1][99] = nan;
    rows[2][50] = infinity;
    rows[3].assign(100, -infinity);
    rows[4].assign(100, nan);
    for (size_t i = 0; i < rows.size(); ++i) {
      const Drawn drawn = DrawOne(rows[i], request);
      EXPECT_EQ(drawn.tokens[0], 0) << i;
      EXPECT_TRUE(std::isnan(drawn.logprobs[0])) << i;
    }
  }
}

TEST(SampleTest, MinusInfinityIsProbabilityZero) {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> logits(100, -infinity);
  logits[7] = 1;
  logits[70] = 1;
  SampleRequest request;
  EXPECT_EQ(Support(logits, request), (std::set<int32_t>{7, 70}));
  const Drawn drawn = DrawOne(logits, request);
  EXPECT_FLOAT_EQ(drawn.logprobs[0], -std::log(2.0f));
}

TEST(SampleTest, BatchAndThreadsDoNotChangeADraw) {
  const auto logits = RandomLogits(1234, 2.0f, 17);
  std::vector<SampleRequest> requests = Repeated({}, 65, 17);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].temperature = 0.25f * (i % 5);
    requests[i].top_p = i % 3 == 0 ? 0.7f : 1.0f;
  }
  Drawn alone;
  const auto one = MakeCpuOps(1);
  for (const SampleRequest& request : requests) {
    const Drawn drawn = DrawAll(*one, logits, {request});
    alone.tokens.push_back(drawn.tokens[0]);
    alone.logprobs.push_back(drawn.logprobs[0]);
  }
  for (const int threads : {1, 2, 3}) {
    const Drawn drawn = DrawAll(*MakeCpuOps(threads), logits, requests);
    EXPECT_EQ(drawn.tokens, alone.tokens);
    EXPECT_EQ(drawn.logprobs, alone.logprobs);
  }
}

}  // namespace
}  // namespace r1
