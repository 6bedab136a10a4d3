// The elementary functions against values of mpmath (300 bits, rounded once)
// and, densely, against libm's in long double, whose own error is a thousandth
// of the bounds here.
#include "base/math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "base/philox.h"
#include "base/sha256.h"

namespace r1 {
namespace {

static_assert(std::numeric_limits<long double>::digits >= 64,
              "the oracle has more bits than what it judges");

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Golden {
  double x;
  double y;
};

struct Function {
  const char* name;
  double (*own)(double);
  long double (*libm)(long double);
  double ulps;  // the bound that base/math.h states
  std::vector<Golden> golden;
};

double LogOfDouble(double x) { return Log(x); }

const std::vector<Function>& Functions() {
  static const auto* functions = new std::vector<Function>{
      {"Exp",
       Exp,
       expl,
       1,
       {
           {0x1p0, 0x1.5bf0a8b145769p1},
           {-0x1p0, 0x1.78b56362cef38p-2},
           {0x1p-1, 0x1.a61298e1e069cp0},
           {-0x1.62e42fefa39efp-2, 0x1.6a09e667f3bcdp-1},
           {0x1.62e42fefa39fp-2, 0x1.6a09e667f3bcdp0},
           {0x1.b7cdfd9d7bdbbp-34, 0x1.000000006df38p0},
           {-0x1.56e1fc2f8f359p-997, 0x1p0},
           {0x1.4p4, 0x1.ceb088b68e804p28},
           {-0x1.4p4, 0x1.1b48655f37267p-29},
           {0x1.62cp9, 0x1.81e9b4b52d0c9p1023},
           {-0x1.62p9, 0x1.7c8ab2288c9abp-1022},
           {0x1.62e42feba39efp6, 0x1.fffffdffffff5p127},
           {0x1.5555555555555p-2, 0x1.6546db1ba2d13p0},
       }},
      {"Expm1",
       Expm1,
       expm1l,
       1.2,
       {
           {0x1.79ca10c924223p-67, 0x1.79ca10c924223p-67},
           {-0x1.12e0be826d695p-30, -0x1.12e0be801f1d9p-30},
           {0x1p-2, 0x1.22d78f0fa061ap-2},
           {-0x1p-2, -0x1.c5041854df7d4p-3},
           {0x1.00000000dbe7p-1, 0x1.4c2531c52b624p-1},
           {-0x1.00000000dbe7p-1, -0x1.92e9a07318001p-2},
           {0x1.62e42fefa39efp-1, 0x1p0},
           {-0x1.6666666666666p-1, -0x1.01bf92311555fp-1},
           {0x1.8p1, 0x1.315e5bf6fb106p4},
           {-0x1.4p4, -0x1.ffffffee4b79bp-1},
           {0x1.4p4, 0x1.ceb088a68e804p28},
           {0x1.28p5, 0x1.4d13fbb1a0019p53},
           {0x1.2cp8, 0x1.c05c0a7166b4ap432},
       }},
      {"Log",
       LogOfDouble,
       logl,
       1,
       {
           {0x1p1, 0x1.62e42fefa39efp-1},
           {0x1p-1, -0x1.62e42fefa39efp-1},
           {0x1.6a09e667f3bccp-1, -0x1.62e42fefa39f1p-2},
           {0x1.6a09e667f3bcdp-1, -0x1.62e42fefa39eep-2},
           {0x1.6a09e667f3bcdp0, 0x1.62e42fefa39fp-2},
           {0x1.fffffffffffffp-1, -0x1p-53},
           {0x1.0000000000001p0, 0x1.fffffffffffffp-53},
           {0x1.4p3, 0x1.26bb1bbb55516p1},
           {0x1.b7cdfd9d7bdbbp-34, -0x1.7069e2aa2aa5bp4},
           {0x1.7e43c8800759cp996, 0x1.5963447f87fb5p9},
           {0x0.0000000000001p-1022, -0x1.74385446d71c3p9},
           {0x1p-1022, -0x1.6232bdd7abcd2p9},
           {0x1.8p1, 0x1.193ea7aad030bp0},
           {0x1.e240c9fbe76c9p16, 0x1.77281cad8a844p3},
       }},
      {"Sin",
       Sin,
       sinl,
       1,
       {
           {0x1.b7cdfd9d7bdbbp-34, 0x1.b7cdfd9d7bdbbp-34},
           {0x1p-1, 0x1.eaee8744b05fp-2},
           {0x1.921fb54442d18p-1, 0x1.6a09e667f3bccp-1},
           {0x1.921fb54442d19p-1, 0x1.6a09e667f3bcdp-1},
           {0x1.921fb54442d18p0, 0x1p0},
           {0x1.921fb54442d18p1, 0x1.1a62633145c07p-53},
           {0x1.921fb54442d18p2, -0x1.1a62633145c07p-52},
           {-0x1p1, -0x1.d18f6ead1b446p-1},
           {0x1.9p6, -0x1.03425b78c4db8p-1},
           {0x1.ffffp16, -0x1.268613f60babcp-1},
           {0x1.e848p19, -0x1.6664b2568d867p-2},
           {0x1p24, -0x1.8f22f8433d6eep-1},
           {-0x1.ffffffp23, 0x1.f804285107093p-1},
           {0x1.63p9, 0x1.f9bd0303f6fafp-15},
       }},
      {"Cos",
       Cos,
       cosl,
       1,
       {
           {0x1.b7cdfd9d7bdbbp-34, 0x1p0},
           {0x1p-1, 0x1.c1528065b7d5p-1},
           {0x1.921fb54442d18p-1, 0x1.6a09e667f3bcdp-1},
           {0x1.921fb54442d19p-1, 0x1.6a09e667f3bccp-1},
           {0x1.921fb54442d18p0, 0x1.1a62633145c07p-54},
           {0x1.921fb54442d18p1, -0x1p0},
           {0x1.921fb54442d18p2, 0x1p0},
           {-0x1p1, -0x1.aa22657537205p-2},
           {0x1.9p6, 0x1.b981dbf665fdfp-1},
           {0x1.ffffp16, -0x1.a2cebbb513e7cp-1},
           {0x1.e848p19, 0x1.df9df9906d32cp-1},
           {0x1p24, 0x1.40ad67f3f0c9ap-1},
           {-0x1.ffffffp23, 0x1.684222ce7cf42p-3},
           {0x1.6p3, 0x1.220ae41ee2fdfp-8},
       }},
  };
  return *functions;
}

struct PowGolden {
  double x;
  double y;
  double power;
};

constexpr PowGolden kPowGolden[] = {
    {0x1.ccccccccccccdp-1, 0x1p0, 0x1.ccccccccccccdp-1},
    {0x1.ccccccccccccdp-1, 0x1.f4p9, 0x1.fee7413dac341p-153},
    {0x1.ff7ced916872bp-1, 0x1p0, 0x1.ff7ced916872bp-1},
    {0x1.ff7ced916872bp-1, 0x1.e24p16, 0x1.be31a294758a6p-179},
    {0x1.388p13, -0x1p-5, 0x1.7ff2224115d9ap-1},
    {0x1.388p13, -0x1.fp-1, 0x1.17a8e301c4436p-13},
    {0x1.e848p19, -0x1p-6, 0x1.9c9758e458666p-1},
    {0x1.e848p18, -0x1.f8p-1, 0x1.4985fec80a8cbp-19},
    {0x1p1, 0x1p-1, 0x1.6a09e667f3bcdp0},
    {0x1.0000000000001p0, 0x1.6345785d8ap56, 0x1.06272889f21c5p32},
    {0x1p-1, -0x1.ff8p9, 0x1p1023},
    {0x1.56e1fc2f8f359p-997, 0x1.0624dd2f1a9fcp-10, 0x1.009b9cf334252p-1},
    {0x1.8p1, 0x1.9p8, 0x1.fab44d9ee9112p633},
};

// |got - want| in units in the last place of `want`, a normal number.
double Ulps(double got, long double want) {
  int exponent;
  std::frexp(static_cast<double>(want), &exponent);
  return static_cast<double>(
      std::abs((got - want) / std::ldexp(1.0L, exponent - 53)));
}

// Values of both signs, dense around 0 and reaching to `limit`.
std::vector<double> Arguments(double limit, int count) {
  RandomSequence random(1, RandomStream::kData, 2, 3);
  std::vector<double> x;
  for (int i = 0; i < count; ++i) {
    const double share = (random.NextBits() + 0.5) * 0x1p-32;
    const double sign = random.NextBits() & 1 ? 1 : -1;
    // Half evenly, half evenly in the exponent from 2^-40 on.
    x.push_back(i % 2 ? sign * limit * share
                      : sign * std::exp2(share * (std::log2(limit) + 40) - 40));
  }
  return x;
}

// A rounded true value is at most half a unit from the true one.
TEST(MathTest, GoldenValues) {
  for (const Function& function : Functions()) {
    for (const auto [x, y] : function.golden) {
      EXPECT_LE(Ulps(function.own(x), y), function.ulps + 0.5)
          << function.name << " of " << x;
    }
  }
  for (const auto [x, y, power] : kPowGolden) {
    EXPECT_LE(Ulps(Pow(x, y), power), 1.7) << x << "^" << y;
  }
}

TEST(MathTest, WithinTheStatedBoundsEverywhere) {
  for (const Function& function : Functions()) {
    const std::string name = function.name;
    const bool is_angle = name == "Sin" || name == "Cos";
    for (const double limit : {2.0, is_angle ? 0x1p24 : 700.0}) {
      double worst = 0;
      for (double x : Arguments(limit, 50'000)) {
        if (name == "Log") x = std::abs(x);
        const long double want = function.libm(x);
        if (want == -1) continue;  // expm1 of very negative values
        worst = std::max(worst, Ulps(function.own(x), want));
      }
      EXPECT_LT(worst, function.ulps) << name << " to " << limit;
      EXPECT_GT(worst, 0.4) << name << ": the oracle is no oracle";
    }
  }
}

TEST(MathTest, SineAndCosineBesideTheirZeros) {
  for (int n = 1; n < 10'000'000; n += 997) {
    const double x = n * (std::numbers::pi / 2);
    EXPECT_LT(Ulps(Sin(x), sinl(x)), 1) << x;
    EXPECT_LT(Ulps(Cos(x), cosl(x)), 1) << x;
  }
}

TEST(MathTest, LogBesideItsZero) {
  for (const double distance : Arguments(0.25, 50'000)) {
    const double x = 1 + distance;
    if (x == 1) continue;
    ASSERT_LT(Ulps(Log(x), logl(x)), 1) << x;
  }
}

TEST(MathTest, PowersOfDecaysAndFrequencies) {
  for (const double base : {0.5, 0.9, 0.95, 0.99, 0.999, 0.9999}) {
    for (int step = 1; step < 5000; ++step) {
      const long double want = powl(base, step);
      if (want < std::numeric_limits<double>::min()) break;
      ASSERT_LT(Ulps(Pow(base, step), want), 1.2) << base << "^" << step;
    }
  }
  for (const double theta : {1e4, 5e5, 1e6, 1e7, 123456.5}) {
    for (int i = 0; i < 128; ++i) {
      const double exponent = -2.0 * i / 256;
      ASSERT_LT(Ulps(Pow(theta, exponent), powl(theta, exponent)), 1.2)
          << theta << "^" << exponent;
    }
  }
}

// Every 1009th positive float.
TEST(MathTest, FloatLogIsRoundedCorrectly) {
  for (uint32_t bits = 1; bits < 0x7f800000; bits += 1009) {
    float x;
    std::memcpy(&x, &bits, sizeof(x));
    const float want = static_cast<float>(logl(x));
    ASSERT_EQ(Log(x), want) << x;
  }
}

TEST(MathTest, SpecialValues) {
  EXPECT_EQ(Exp(0), 1);
  EXPECT_EQ(Exp(kInfinity), kInfinity);
  EXPECT_EQ(Exp(710), kInfinity);
  EXPECT_EQ(Exp(-kInfinity), 0);
  EXPECT_EQ(Exp(-746), 0);
  EXPECT_EQ(Exp(-745), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(Expm1(0), 0);
  EXPECT_EQ(Expm1(-kInfinity), -1);
  EXPECT_EQ(Expm1(kInfinity), kInfinity);
  EXPECT_EQ(Log(1.0), 0);
  EXPECT_EQ(Log(1.0f), 0);
  EXPECT_EQ(Log(0.0), -kInfinity);
  EXPECT_EQ(Log(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(Log(-1.0)));
  EXPECT_EQ(Pow(0, 0), 1);
  EXPECT_EQ(Pow(0, 3), 0);
  EXPECT_EQ(Pow(0, -3), kInfinity);
  EXPECT_EQ(Pow(2, -1074), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(Pow(2, 1e300), kInfinity);
  EXPECT_EQ(Pow(0.5, 1e300), 0);
  EXPECT_EQ(Pow(kInfinity, -1), 0);
  EXPECT_EQ(Pow(0.9, 1), 0.9);
  EXPECT_EQ(Pow(3, 4), 81);
  EXPECT_TRUE(std::isnan(Pow(-1, 2)));
  EXPECT_EQ(Sin(0), 0);
  EXPECT_TRUE(std::signbit(Sin(-0.0)));
  EXPECT_EQ(Cos(0), 1);
  EXPECT_TRUE(std::isnan(Sin(2 * kMaxAngle)));
  EXPECT_TRUE(std::isnan(Cos(kInfinity)));
  const double nan = std::nan("");
  for (const double y :
       {Exp(nan), Expm1(nan), Log(nan), Pow(nan, 2), Pow(2, nan), Sin(nan)}) {
    EXPECT_TRUE(std::isnan(y));
  }
}

// One digest for every compiler, C library and processor.
TEST(MathTest, BitsAreTheSameEverywhere) {
  std::string bits;
  const auto add = [&](double y) {
    char bytes[sizeof(y)];
    std::memcpy(bytes, &y, sizeof(y));
    bits.append(bytes, sizeof(y));
  };
  for (int i = 1; i < 20'000; ++i) {
    const double x = i * 0.037;
    for (const double y :
         {Exp(x - 300), Expm1(x / 50 - 5), Log(x), Sin(x), Cos(x * 1000),
          Pow(x, 1.7), static_cast<double>(Log(static_cast<float>(x)))}) {
      add(y);
    }
  }
  EXPECT_EQ(Sha256Hex(bits),
            "1a4ac9eefbf0966fb80c4ae5d799de4f35d9466db6487be1926df2bcb73514eb");
}

}  // namespace
}  // namespace r1
