// Every use of randomness in the program has a stream of its own.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/philox.h"

namespace r1 {
namespace {

constexpr char kPrefix[] = "RandomStream::";

// Names of streams and the places that draw from them: "path:offset".
std::map<std::string, std::set<std::string>> Uses() {
  std::map<std::string, std::set<std::string>> uses;
  const std::filesystem::path root = R1_SOURCE_DIR;
  for (const char* room : {"judge", "kernels", "learner", "model", "pipeline",
                           "reward", "rollout"}) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(root / room)) {
      const std::string path = entry.path();
      if (entry.path().extension() != ".cc" &&
          entry.path().extension() != ".h") {
        continue;
      }
      const auto text = ReadFile(path);
      EXPECT_TRUE(text.ok()) << text.status();
      for (size_t at = text->find(kPrefix); at != std::string::npos;
           at = text->find(kPrefix, at + 1)) {
        const size_t begin = at + sizeof(kPrefix) - 1;
        const size_t end = text->find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", begin);
        uses[text->substr(begin, end - begin)].insert(
            absl::StrCat(path, ":", at));
      }
    }
  }
  return uses;
}

TEST(RandomStreams, NoTwoUsesShareOne) {
  const auto uses = Uses();
  EXPECT_GE(uses.size(), 9u) << "sources not found in " << R1_SOURCE_DIR;
  for (const auto& [name, places] : uses) {
    EXPECT_EQ(places.size(), 1u)
        << name << " is drawn from at " << *places.begin() << " and at "
        << *places.rbegin() << ": give each use its own value of RandomStream";
  }
}

TEST(RandomStreams, TheSameNumbersDrawOtherBitsFromEach) {
  std::set<std::array<uint32_t, 4>> blocks;
  int streams = 0;
  for (uint32_t s = static_cast<uint32_t>(RandomStream::kSampling);
       s <= static_cast<uint32_t>(RandomStream::kAdapters); ++s) {
    ++streams;
    blocks.insert(RandomBits(1, static_cast<RandomStream>(s), 0, 0, 0));
  }
  EXPECT_EQ(blocks.size(), static_cast<size_t>(streams));
}

}  // namespace
}  // namespace r1
