#include "base/math.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace r1 {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// ln 2 in two pieces: the first has 42 bits, so that its products with
// exponents are exact.
constexpr double kLn2High = 0x1.62e42fefa38p-1;
constexpr double kLn2Low = 0x1.ef35793c7673p-45;
constexpr double kInverseLn2 = 0x1.71547652b82fep0;

// pi / 2 in four pieces, the first three of 29 bits.
constexpr double kHalfPi1 = 0x1.921fb54p0;
constexpr double kHalfPi2 = 0x1.10b4611p-30;
constexpr double kHalfPi3 = 0x1.4c4c662p-59;
constexpr double kHalfPi4 = 0x1.1701b839a252p-88;
constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;

constexpr double kTwoThirdsHigh = 0x1.5555555555555p-1;
constexpr double kTwoThirdsLow = 0x1.5555555555555p-55;

double Abs(double x) { return x < 0 ? -x : x; }

// The nearest integer of |x| < 2^51, halves to even.
double Round(double x) { return (x + 0x1.8p52) - 0x1.8p52; }

// The value high + low, where low is what high was rounded by.
struct Pair {
  double high;
  double low;
};

// a + b, exact (Knuth).
Pair TwoSum(double a, double b) {
  const double sum = a + b;
  const double b_part = sum - a;
  return {sum, (a - (sum - b_part)) + (b - b_part)};
}

// a b, exact but for underflow (Dekker, Veltkamp), |a|, |b| < 2^995.
Pair TwoProduct(double a, double b) {
  const auto split = [](double x) -> Pair {
    const double scaled = x * 134217729.0;  // 2^27 + 1
    const double high = scaled - (scaled - x);
    return {high, x - high};
  };
  const Pair u = split(a), v = split(b);
  const double product = a * b;
  return {product,
          ((u.high * v.high - product) + u.high * v.low + u.low * v.high) +
              u.low * v.low};
}

// 2^n, n in [-1022, 1023].
double PowerOfTwo(int n) {
  return std::bit_cast<double>(static_cast<uint64_t>(n + 1023) << 52);
}

// y 2^n, |n| < 1200, y in [1/2, 4): one rounding, and that in subnormals only.
double Scale(double y, int n) {
  if (n > 1000) return y * PowerOfTwo(n - 200) * PowerOfTwo(200);
  if (n < -1000) return y * PowerOfTwo(n + 200) * PowerOfTwo(-200);
  return y * PowerOfTwo(n);
}

template <size_t kSize>
using Series = std::array<double, kSize>;  // coefficients, constant first

template <size_t kSize>
double Evaluate(const Series<kSize>& series, double x) {
  double sum = series.back();
  for (size_t i = kSize - 1; i-- > 0;) sum = sum * x + series[i];
  return sum;
}

// sign^i / (first + step i)!; n! is exact to 18!.
template <size_t kSize>
constexpr Series<kSize> Factorials(int first, int step, double sign) {
  Series<kSize> series = {};
  double power = 1;
  for (size_t i = 0; i < kSize; ++i, power *= sign) {
    double factorial = 1;
    for (int k = 2; k <= first + static_cast<int>(i) * step; ++k) {
      factorial *= k;
    }
    series[i] = power / factorial;
  }
  return series;
}

// 2 / (2 (first + i) + 1).
template <size_t kSize>
constexpr Series<kSize> OddFractions(int first) {
  Series<kSize> series = {};
  for (size_t i = 0; i < kSize; ++i) {
    series[i] = 2.0 / (2 * (first + static_cast<int>(i)) + 1);
  }
  return series;
}

// e^r = 1 + r + r^2 kExp(r), to 2^-62 for |r| <= 1/2.
constexpr auto kExp = Factorials<15>(2, 1, 1);
// sin r = r - r^3 kSin(r^2), cos r = 1 - r^2 / 2 + r^4 kCos(r^2), to 2^-62 for
// |r| <= pi / 4.
constexpr auto kSin = Factorials<8>(3, 2, -1);
constexpr auto kCos = Factorials<8>(4, 2, -1);
// With s = f / (2 + f) and z = s^2, log(1 + f) = 2 s + s z kLog(z), to 2^-70;
// kLogTail leaves out the first coefficient.
constexpr auto kLog = OddFractions<12>(1);
constexpr auto kLogTail = OddFractions<11>(2);

// e^(x + low) = 2^n (1 + r + q), |r| <= 0.35 and q the small part.
struct ReducedExp {
  double r;
  double q;
  int n;
};

ReducedExp ReduceExp(double x, double low, double n) {
  const double high = x - n * kLn2High;
  const double rest = n * kLn2Low - low;
  const double r = high - rest;
  const double lost = (high - r) - rest;
  return {r, lost + r * r * Evaluate(kExp, r), static_cast<int>(n)};
}

// e^(x + low), |low| at most an ulp of x.
double ExpOfSum(double x, double low) {
  if (x > 710) return kInfinity;
  if (x < -746) return 0;
  const ReducedExp e = ReduceExp(x, low, Round(x * kInverseLn2));
  const double sum = 1 + e.r;
  return Scale(sum + ((e.r - (sum - 1)) + e.q), e.n);
}

// x = 2^exponent (1 + f), 1 + f in [sqrt(1/2), sqrt(2)), for finite x > 0.
struct Decomposed {
  double f;
  double exponent;
};

Decomposed Decompose(double x) {
  int shift = 0;
  if (x < std::numeric_limits<double>::min()) {
    x *= 0x1p54;
    shift = -54;
  }
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  // Bits of the mantissas from sqrt(2) on are those of the next exponent.
  constexpr uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  const uint64_t above = bits - kSqrtHalf;
  const int64_t exponent = static_cast<int64_t>(above) >> 52;
  const double m =
      std::bit_cast<double>(bits - (static_cast<uint64_t>(exponent) << 52));
  return {m - 1, static_cast<double>(exponent + shift)};
}

// log x to 2^-64 of its value, for finite x > 0.
Pair LogPair(double x) {
  const auto [f, exponent] = Decompose(x);
  const Pair divisor = TwoSum(2, f);
  Pair s;
  s.high = f / divisor.high;
  const Pair back = TwoProduct(s.high, divisor.high);
  s.low = ((f - back.high) - back.low - s.high * divisor.low) / divisor.high;
  Pair z = TwoProduct(s.high, s.high);
  z.low += 2 * s.high * s.low;
  // tail = 2/3 z + 2/5 z^2 + ...
  Pair tail = TwoProduct(z.high, kTwoThirdsHigh);
  const double low = tail.low + z.high * kTwoThirdsLow + z.low * kTwoThirdsHigh;
  tail = TwoSum(tail.high, z.high * z.high * Evaluate(kLogTail, z.high));
  tail.low += low;
  Pair product = TwoProduct(s.high, tail.high);
  product.low += s.high * tail.low + s.low * tail.high;
  Pair log = TwoSum(2 * s.high, product.high);
  log.low += product.low + 2 * s.low;
  const Pair sum = TwoSum(exponent * kLn2High, log.high);
  return TwoSum(sum.high, sum.low + (log.low + exponent * kLn2Low));
}

// x = n pi / 2 + r + low, |r| <= pi / 4.
struct ReducedAngle {
  double r;
  double low;
  int64_t n;
};

ReducedAngle ReduceAngle(double x) {
  const double n = Round(x * kTwoOverPi);
  // The products with n < 2^24 are exact, and so is the first difference.
  const Pair second = TwoSum(x - n * kHalfPi1, -n * kHalfPi2);
  const Pair third = TwoSum(second.high, -n * kHalfPi3);
  const Pair sum = TwoSum(third.high, third.low + (second.low - n * kHalfPi4));
  return {sum.high, sum.low, static_cast<int64_t>(n)};
}

double SinOfReduced(double r, double low) {
  const double z = r * r;
  return r + (low * (1 - 0.5 * z) - r * z * Evaluate(kSin, z));
}

double CosOfReduced(double r, double low) {
  const double z = r * r;
  const double half = 0.5 * z;
  const double head = 1 - half;
  return head + (((1 - head) - half) + (z * z * Evaluate(kCos, z) - r * low));
}

}  // namespace

double Exp(double x) { return x != x ? x : ExpOfSum(x, 0); }

double Expm1(double x) {
  if (x != x) return x;
  if (x > 710) return kInfinity;
  if (x < -40) return -1;
  // Near 0 without reduction, whose 2^n - 1 would cancel.
  const double n = Abs(x) <= 0.5 ? 0 : Round(x * kInverseLn2);
  const ReducedExp e = ReduceExp(x, 0, n);
  if (e.n == 0) return e.r + e.q;
  // 2^n (1 + r + q) - 1; beyond 2^53 the 1 is lost.
  if (e.n > 56) return Scale(1 + (e.r + e.q), e.n);
  const double power = PowerOfTwo(e.n);
  const Pair head = TwoSum(power - 1, power * e.r);
  return head.high + (head.low + power * e.q);
}

double Log(double x) {
  if (!(x > 0)) return x == 0 ? -kInfinity : kNan;
  if (x == kInfinity) return x;
  const auto [f, exponent] = Decompose(x);
  const double s = f / (2 + f);
  const double z = s * s;
  // 2 s + s z tail, with 2 s = f - f^2 / 2 + s f^2 / 2: f is exact.
  const double half = 0.5 * f * f;
  const double tail = s * (half + z * Evaluate(kLog, z)) + exponent * kLn2Low;
  return exponent * kLn2High - ((half - tail) - f);
}

double Pow(double x, double y) {
  if (y == 0) return 1;
  if (!(x >= 0) || y != y) return kNan;
  if (x == 0) return y > 0 ? 0 : kInfinity;
  if (x == 1) return 1;
  if (x == kInfinity) return y > 0 ? kInfinity : 0;
  const Pair log = LogPair(x);
  const double product = y * log.high;
  if (!(Abs(product) < 800)) return product > 0 ? kInfinity : 0;
  const Pair exact = TwoProduct(y, log.high);
  return ExpOfSum(exact.high, exact.low + y * log.low);
}

double Sin(double x) {
  if (!(Abs(x) <= kMaxAngle)) return kNan;
  if (Abs(x) < 0x1p-27) return x;  // keeps -0
  const auto [r, low, n] = ReduceAngle(x);
  const double value = n & 1 ? CosOfReduced(r, low) : SinOfReduced(r, low);
  return n & 2 ? -value : value;
}

double Cos(double x) {
  if (!(Abs(x) <= kMaxAngle)) return kNan;
  const auto [r, low, n] = ReduceAngle(x);
  const double value = n & 1 ? SinOfReduced(r, low) : CosOfReduced(r, low);
  return (n + 1) & 2 ? -value : value;
}

}  // namespace r1
