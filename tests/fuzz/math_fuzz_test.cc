// The seeds and deterministic mutations of them, without libFuzzer.
#include "tests/fuzz/math_fuzz.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/base/time_enough.h"
#include "tests/fuzz/mutations.h"

namespace r1 {
namespace {

// A verdict takes well under a millisecond; the bound lies so far above that
// neither a slow machine nor a sanitizer matters, and is one of processor time.
constexpr absl::Duration kBound = absl::Seconds(60);

void RunInput(const std::string& input) {
  const absl::Duration start = ThreadCpuTime();
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()),
                         input.size());
  EXPECT_LT(ThreadCpuTime() - start, kBound) << input;
}

TEST(MathFuzzTest, CorpusAndMutationsHold) {
  const std::vector<std::string> seeds = SeedsIn("tests/fuzz/corpus/math");
  ASSERT_GT(seeds.size(), 20u);
  // Pieces that open, close, nest and join.
  const std::vector<std::string> pieces = {"{",
                                           "}",
                                           "(",
                                           ")",
                                           "[",
                                           "]",
                                           "\\{",
                                           "\\}",
                                           "|",
                                           "^",
                                           "_",
                                           "-",
                                           "+",
                                           "/",
                                           "*",
                                           "!",
                                           "=",
                                           "<",
                                           ",",
                                           ";",
                                           "\\\\",
                                           "&",
                                           "\\frac",
                                           "\\sqrt",
                                           "\\sin",
                                           "\\pm",
                                           "\\cup",
                                           "\\infty",
                                           "\\text{",
                                           "\\begin{pmatrix}",
                                           "\\end{pmatrix}",
                                           "\\log_",
                                           "^\\circ",
                                           "\\%",
                                           "$",
                                           "0",
                                           "1",
                                           "999",
                                           ".5",
                                           "e9",
                                           "x",
                                           "i",
                                           " or ",
                                           "\n",
                                           "\\boxed{",
                                           "\\binom",
                                           "\\sum_",
                                           "\xFF",
                                           std::string(1, '\0'),
                                           "\\left",
                                           "\\int",
                                           "\\lim_{x\\to 0}"};
  RunMutations(seeds, pieces, 700, RunInput);
}

}  // namespace
}  // namespace r1
