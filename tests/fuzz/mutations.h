// Seeds and deterministic mutations of them, for fuzz entries without
// libFuzzer.
#ifndef R1_TESTS_FUZZ_MUTATIONS_H_
#define R1_TESTS_FUZZ_MUTATIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/philox.h"
#include "gtest/gtest.h"

namespace r1 {

// The files of a folder of this tree, in the order of their names.
inline std::vector<std::string> SeedsIn(const std::string& folder) {
  const std::string path = absl::StrCat(R1_SOURCE_DIR, "/", folder);
  const auto names = ListDirectory(path);
  EXPECT_TRUE(names.ok()) << names.status();
  std::vector<std::string> seeds;
  if (!names.ok()) return seeds;
  for (const std::string& name : *names) {
    const auto seed = ReadFile(absl::StrCat(path, "/", name));
    EXPECT_TRUE(seed.ok()) << seed.status();
    if (seed.ok()) seeds.push_back(*seed);
  }
  return seeds;
}

// Calls run(input) for each seed and `each` mutations of it: pieces put in,
// stretches of other seeds put in, bytes taken out or changed.
template <typename Run>
void RunMutations(const std::vector<std::string>& seeds,
                  const std::vector<std::string>& pieces, int each,
                  const Run& run) {
  RandomSequence random(5, RandomStream::kData, 0, 0);
  for (const std::string& seed : seeds) {
    run(seed);
    for (int i = 0; i < each; ++i) {
      std::string input = seed;
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
            const std::string& other = seeds[random.NextBelow(seeds.size())];
            input.insert(at, other.substr(random.NextBelow(other.size() + 1)));
            break;
          }
          default:
            // ASCII: text that is not UTF-8 is put aside at once by many.
            if (at < input.size()) {
              input[at] = static_cast<char>(random.NextBelow(128));
            }
        }
      }
      run(input);
    }
  }
}

}  // namespace r1

#endif  // R1_TESTS_FUZZ_MUTATIONS_H_
