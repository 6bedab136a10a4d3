// The elementary functions whose values reach a run's weights, tokens and
// rewards. libm's last bits differ between its versions and between the
// variants that it picks for a processor; these are made of IEEE additions,
// multiplications and divisions alone, so that every machine, compiler and C
// library gives the same bits. (sqrt, floor and the like are exact in libm,
// too.)
//
// Errors, in units in the last place of a normal result and of which rounding
// takes 0.5: Exp, Log, Sin and Cos below 1, Expm1 and Pow below 1.2, Log of a
// float 0.5001. NaN gives NaN. The methods are the textbook ones: exact
// reduction to a small interval by constants in several pieces, then the
// function's own power series, whose coefficients need no source. Thread-safe.
#ifndef R1_BASE_MATH_H_
#define R1_BASE_MATH_H_

namespace r1 {

// e^x. Infinity above 709.78, 0 below -745.13.
double Exp(double x);

// e^x - 1, precise near 0, too.
double Expm1(double x);

// The natural logarithm. -infinity at 0, NaN below.
double Log(double x);
inline float Log(float x) {
  return static_cast<float>(Log(static_cast<double>(x)));
}

// x^y for x >= 0; NaN below. x^0 = 1.
double Pow(double x, double y);

// Of x radians, |x| <= kMaxAngle: more, which no position of a context and no
// share of a schedule gives, is NaN.
inline constexpr double kMaxAngle = 0x1p24;
double Sin(double x);
double Cos(double x);

}  // namespace r1

#endif  // R1_BASE_MATH_H_
