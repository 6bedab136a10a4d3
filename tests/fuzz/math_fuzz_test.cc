// The corpus and deterministic mutations of it, without libFuzzer.
#include "tests/fuzz/math_fuzz.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/philox.h"
#include "tests/base/time_enough.h"

namespace r1 {
namespace {

std::vector<std::string> Corpus() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(
           R1_SOURCE_DIR "/tests/fuzz/corpus/math")) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file),
                        std::istreambuf_iterator<char>());
  }
  return inputs;
}

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
  const std::vector<std::string> corpus = Corpus();
  ASSERT_GT(corpus.size(), 20u);
  for (const std::string& input : corpus) RunInput(input);
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
  RandomSequence random(5, RandomStream::kData, 0, 0);
  for (int i = 0; i < 20000; ++i) {
    std::string input = corpus[random.NextBelow(corpus.size())];
    const uint32_t num_edits = 1 + random.NextBelow(6);
    for (uint32_t edit = 0; edit < num_edits; ++edit) {
      const size_t at = random.NextBelow(input.size() + 1);
      switch (random.NextBelow(4)) {
        case 0:
          input.insert(at, pieces[random.NextBelow(pieces.size())]);
          break;
        case 1:
          input.erase(at, 1 + random.NextBelow(4));
          break;
        case 2: {
          const std::string& other = corpus[random.NextBelow(corpus.size())];
          input.insert(at, other.substr(random.NextBelow(other.size())));
          break;
        }
        default:
          if (at < input.size()) {
            input[at] = static_cast<char>(random.NextBelow(256));
          }
      }
    }
    RunInput(input);
  }
}

}  // namespace
}  // namespace r1
