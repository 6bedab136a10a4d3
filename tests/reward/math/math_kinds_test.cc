// kinds.tsv: verdict, mode, gold, answer; inputs of every kind that public
// reports name, with answers that are right and answers that must not be paid.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/reward/math/math_testing.h"

namespace r1 {
namespace {

TEST(MathKinds, RightAnswersArePaidAndWrongOnesAreNot) {
  std::ifstream file(R1_SOURCE_DIR "/tests/reward/math/kinds.tsv");
  int num_right = 0, num_wrong = 0;
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    ASSERT_EQ(fields.size(), 4u) << line;
    MathOptions options;
    options.mode = fields[1] == "line"     ? MathMode::kLine
                   : fields[1] == "choice" ? MathMode::kChoice
                                           : MathMode::kBoxed;
    // An answer in a box, unless it says where it stands.
    const bool is_bare =
        fields[1] == "boxed" && !absl::StrContains(fields[3], "\\boxed");
    const std::string completion =
        is_bare ? absl::StrCat("So \\boxed{", fields[3], "}.") : fields[3];
    const MathResult result = VerifyMath(completion, fields[2], options);
    const bool is_right = fields[0] == "right";
    EXPECT_EQ(result.verdict,
              is_right ? MathVerdict::kCorrect : MathVerdict::kIncorrect)
        << line << ": " << result.reason;
    ++(is_right ? num_right : num_wrong);
  }
  EXPECT_GT(num_right, 500);
  EXPECT_GT(num_wrong, 300);
}

}  // namespace
}  // namespace r1
