// Tables of (gold, answer, verdict).
#ifndef R1_TESTS_REWARD_MATH_MATH_TESTING_H_
#define R1_TESTS_REWARD_MATH_MATH_TESTING_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "reward/math/verify.h"

namespace r1 {

// One gold, what says the same, and what does not.
struct MathCase {
  std::string gold;
  std::vector<std::string> right;
  std::vector<std::string> wrong;
};

inline MathOptions WholeAnswer() {
  MathOptions options;
  options.mode = MathMode::kWhole;
  return options;
}

inline MathVerdict Verdict(const std::string& answer, const std::string& gold,
                           const MathOptions& options = WholeAnswer()) {
  return VerifyMath(answer, gold, options).verdict;
}

inline void ExpectCases(const std::vector<MathCase>& cases,
                        const MathOptions& options = WholeAnswer()) {
  for (const MathCase& c : cases) {
    EXPECT_EQ(Verdict(c.gold, c.gold, options), MathVerdict::kCorrect)
        << c.gold
        << " for itself: " << VerifyMath(c.gold, c.gold, options).reason;
    for (const std::string& answer : c.right) {
      const MathResult result = VerifyMath(answer, c.gold, options);
      EXPECT_EQ(result.verdict, MathVerdict::kCorrect)
          << answer << " for " << c.gold << ": " << result.reason;
    }
    for (const std::string& answer : c.wrong) {
      const MathResult result = VerifyMath(answer, c.gold, options);
      EXPECT_EQ(result.verdict, MathVerdict::kIncorrect)
          << answer << " for " << c.gold << ": " << result.answer;
    }
  }
}

}  // namespace r1

#endif  // R1_TESTS_REWARD_MATH_MATH_TESTING_H_
