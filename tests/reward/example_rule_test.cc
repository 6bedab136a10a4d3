// The worked example of reward/README.md: it works, and the text shows it as it
// is.
#include "tests/reward/example_rule.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "base/file.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "reward/core/scorer.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

TEST(ExampleRuleTest, ScoresBesideTheBuiltInRules) {
  RewardRegistry registry = BuiltinRewardRules();
  ASSERT_TRUE(registry.Register("mentions", MakesRule<MentionsRule>()).ok());
  const auto scorer = Scorer::Create(
      registry, {{MakeSpec("mentions", 1), MakeSpec("format", 0.5)}}, {});
  ASSERT_TRUE(scorer.ok()) << scorer.status();
  const auto score = [&](const std::string& completion,
                         const std::string& reference) {
    return scorer->Score(MakeItem(completion, reference),
                         absl::InfiniteFuture());
  };
  const std::string paris = "{\"answer\": \"Paris\"}";
  EXPECT_EQ(
      score("<think></think><answer>It is Paris.</answer>", paris).total(),
      1.5);
  EXPECT_EQ(score("<answer>It is Rome.</answer>", paris).total(), 0);
  EXPECT_EQ(score("<answer>It is Paris.</answer>", "{}").kind(),
            REWARD_ABSTAIN);
}

TEST(ExampleRuleTest, TheReadmeShowsTheCodeThatIsTested) {
  const auto readme = ReadFile(R1_SOURCE_DIR "/reward/README.md");
  ASSERT_TRUE(readme.ok()) << readme.status();
  const auto code = ReadFile(R1_SOURCE_DIR "/tests/reward/example_rule.h");
  ASSERT_TRUE(code.ok()) << code.status();
  const size_t begin = code->find("// \"mentions\"");
  const size_t end = code->find("}  // namespace r1");
  ASSERT_LT(begin, end);
  const absl::string_view example = absl::StripTrailingAsciiWhitespace(
      absl::string_view(*code).substr(begin, end - begin));
  EXPECT_TRUE(absl::StrContains(*readme, example));
}

TEST(ReadmeTest, NamesEveryBuiltInRule) {
  const auto readme = ReadFile(R1_SOURCE_DIR "/reward/README.md");
  ASSERT_TRUE(readme.ok()) << readme.status();
  for (const std::string& name : BuiltinRewardRules().Names()) {
    EXPECT_TRUE(absl::StrContains(*readme, "| `" + name + "` |")) << name;
  }
}

}  // namespace
}  // namespace r1
