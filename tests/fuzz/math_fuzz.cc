#include "tests/fuzz/math_fuzz.h"

#include <string>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "reward/math/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t split = input.find('\n');
  const absl::string_view gold = input.substr(0, split);
  const absl::string_view answer =
      split == absl::string_view::npos ? gold : input.substr(split + 1);
  r1::MathOptions options;
  options.mode =
      size > 0 ? static_cast<r1::MathMode>(data[0] % 6) : r1::MathMode::kWhole;
  const r1::MathResult result = r1::VerifyMath(answer, gold, options);
  R1_CHECK(result.verdict != r1::MathVerdict::kError, "no input is an error");
  options.mode = r1::MathMode::kWhole;
  const r1::MathResult whole = r1::VerifyMath(answer, gold, options);
  const r1::MathResult again = r1::VerifyMath(answer, gold, options);
  R1_CHECK(whole.verdict == again.verdict && whole.reason == again.reason,
           "a verdict is a function of its input");
  // Whether a gold is usable does not depend on the answer.
  const r1::MathResult other = r1::VerifyMath("1", gold, options);
  R1_CHECK((whole.verdict == r1::MathVerdict::kAbstain) ==
               (other.verdict == r1::MathVerdict::kAbstain),
           "only the gold abstains");
  return 0;
}
