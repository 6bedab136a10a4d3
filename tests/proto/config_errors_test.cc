// What a person sees for each kind of mistake in a file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A recipe needs a stage and a task: `text` with those it lacks.
std::string Whole(absl::string_view text) {
  return absl::StrCat(
      text, absl::StrContains(text, "stage {") ? "" : " stage { rl { } }",
      absl::StrContains(text, "task {") ? "" : " task { }");
}

std::string ErrorOf(absl::string_view text) {
  const auto config = ParseRecipe(Whole(text), "a.textproto", {});
  if (config.ok()) return "OK";
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(config.status().message());
}

std::vector<std::string> ErrorLines(absl::string_view text) {
  return absl::StrSplit(ErrorOf(text), '\n');
}

TEST(ConfigErrorsTest, UnknownKeyNamesTheNearest) {
  EXPECT_EQ(ErrorOf("seed: 1\nstage { rl {\n  stepz: 3\n} }"),
            "a.textproto:3: rl.stepz: unknown key; did you mean "
            "\"rl.steps\"?");
  EXPECT_EQ(ErrorOf("learning_rate: 1e-4"),
            "a.textproto:1: learning_rate: unknown key; did you mean "
            "\"supervised.learning_rate\", \"rl.learning_rate\" or "
            "\"reward_model.learning_rate\"?");
}

TEST(ConfigErrorsTest, UnknownKeyLikeNothingListsTheKnown) {
  EXPECT_EQ(ErrorOf("checkpoint { banana: 3 }"),
            "a.textproto:1: checkpoint.banana: unknown key; known here: every, "
            "keep");
}

TEST(ConfigErrorsTest, UnknownKeyInAListHasItsPosition) {
  EXPECT_EQ(ErrorOf("reward { rule { name: 'a' } rule { wieght: 2 } }"),
            "a.textproto:1: reward.rule[1].wieght: unknown key; did you mean "
            "\"reward.rule.weight\"?");
}

TEST(ConfigErrorsTest, OptionsOfARule) {
  EXPECT_EQ(ErrorOf("reward { rule { name: 'a' option { key: 'n' value: 4 } } "
                    "}"),
            "a.textproto:1: reward.rule[0].option[0].value: wrong type: "
            "expected text in quotes, got 4");
  EXPECT_EQ(ErrorOf("reward { rule { name: 'a'\noption { key: 'n' }\n"
                    "option { key: 'm' } option { key: 'n' } } }"),
            "a.textproto:3: reward.rule[0].option[2]: the same key again; keep "
            "one");
}

TEST(ConfigErrorsTest, WrongTypes) {
  EXPECT_EQ(ErrorOf("stage { rl { steps: 'ten' } }"),
            "a.textproto:1: rl.steps: wrong type: expected an integer from 0 "
            "to 1000000000, got \"ten\"");
  EXPECT_EQ(ErrorOf("stage { rl { steps: 1e3 } }"),
            "a.textproto:1: rl.steps: wrong type: expected an integer from 0 "
            "to 1000000000, got 1e3");
  EXPECT_EQ(ErrorOf("model { path: folder }"),
            "a.textproto:1: model.path: wrong type: expected text in quotes, "
            "got folder");
  EXPECT_EQ(ErrorOf("model { tie_embeddings: 2 }"),
            "a.textproto:1: model.tie_embeddings: wrong type: expected true or "
            "false, got 2");
  EXPECT_EQ(ErrorOf("stage { rl: 3 }"),
            "a.textproto:1: stage-1.rl: wrong type: expected a section {...}, "
            "got 3");
  EXPECT_EQ(
      ErrorOf("rl { steps: 3 }"),
      "a.textproto:1: rl: unknown key: a run is made of stages now, stage "
      "{ ... } and task { ... }, see configs/README.md");
  EXPECT_EQ(ErrorOf("seed { a: 1 }"),
            "a.textproto:1: seed: wrong type: expected an integer from 0 to "
            "18446744073709551615, got a section {...}");
  EXPECT_EQ(ErrorOf("stage { rl { steps: [1, 2] } }"),
            "a.textproto:1: rl.steps: wrong type: expected an integer from 0 "
            "to 1000000000, got a list [...]");
  EXPECT_EQ(ErrorOf("stage { rl { advantage: 'GRPO' } }"),
            "a.textproto:1: rl.advantage: wrong type: expected one of GRPO, "
            "DR_GRPO, RLOO, REINFORCE_PP (without quotes), got \"GRPO\"");
  EXPECT_EQ(ErrorOf("rollout { stop: ['a', 3] }"),
            "a.textproto:1: rollout.stop[1]: wrong type: expected text in "
            "quotes, got 3");
}

// A text-proto parser would read 010 as eight.
TEST(ConfigErrorsTest, LeadingZeroIsNotAnInteger) {
  EXPECT_THAT(ErrorOf("stage { rl { steps: 010 } }"), HasSubstr("got 010"));
  EXPECT_THAT(ErrorOf("stage { rl { kl_coef: 010 } }"), HasSubstr("got 010"));
  EXPECT_THAT(ErrorOf("seed: 007"), HasSubstr("got 007"));
  EXPECT_EQ(ErrorOf("stage { rl { steps: 0 kl_coef: 0.01 } }"), "OK");
}

TEST(ConfigErrorsTest, OutOfRange) {
  EXPECT_EQ(ErrorOf("rollout {\n\n temperature: -1 }"),
            "a.textproto:3: rollout.temperature: out of range: expected a "
            "number from 0.01 to 100, got -1");
  EXPECT_EQ(ErrorOf("stage { rl { group_size: 1 } }"),
            "a.textproto:1: rl.group_size: out of range: expected an integer "
            "from 2 to 4096, got 1");
  for (const char* value : {"99999999999", "-99999999999", "2147483648",
                            "-2147483649", "99999999999999999999999999"}) {
    EXPECT_THAT(ErrorOf(absl::StrCat("threads: ", value)),
                StartsWith("a.textproto:1: threads: out of range: expected an "
                           "integer from 0 to 1024, got "));
  }
  EXPECT_THAT(ErrorOf("seed: -1"), HasSubstr("out of range"));
  EXPECT_THAT(ErrorOf("seed: 18446744073709551616"), HasSubstr("out of range"));
}

TEST(ConfigErrorsTest, NotANumberAndInfinitiesAreRefusedEverywhere) {
  for (const char* value : {"nan", "-nan", "NaN", "inf", "-inf", "Infinity",
                            "1e39", "-1e39", "1e400"}) {
    EXPECT_THAT(
        ErrorOf(absl::StrCat("stage { rl { learning_rate: ", value, " } }")),
        HasSubstr("rl.learning_rate: out of range"));
    EXPECT_THAT(ErrorOf(absl::StrCat("model { rope_theta: ", value, " }")),
                HasSubstr("model.rope_theta: out of range"));
  }
}

TEST(ConfigErrorsTest, NumberTooSmallForAFloatDoesNotBecomeZero) {
  EXPECT_THAT(ErrorOf("stage { rl { learning_rate: 1e-50 } }"),
              HasSubstr("got 1e-50"));
  EXPECT_EQ(ErrorOf("stage { rl { learning_rate: 0e-50 } }"), "OK");
}

TEST(ConfigErrorsTest, UnknownEnumValueListsTheKnown) {
  EXPECT_EQ(ErrorOf("stage { rl { advantage: grpo } }"),
            "a.textproto:1: rl.advantage: unknown value: expected one of GRPO, "
            "DR_GRPO, RLOO, REINFORCE_PP (without quotes), got grpo; did you "
            "mean \"GRPO\"?");
  EXPECT_EQ(
      ErrorOf("task { kind: CHESS }"),
      "a.textproto:1: task.kind: unknown value: expected one of "
      "COUNTDOWN, ARITHMETIC, QUESTION_ANSWER, SUMS, INSTRUCTION, REQUEST "
      "(without quotes), got CHESS");
}

TEST(ConfigErrorsTest, KeyGivenTwice) {
  EXPECT_EQ(ErrorOf("seed: 1\nthreads: 2\nseed: 3"),
            "a.textproto:3: seed: given twice; first on line 1");
  EXPECT_EQ(ErrorOf("stage { rl { steps: 1 }\nrl { prompts: 2 } }"),
            "a.textproto:2: rl: given twice; first on line 1");
}

TEST(ConfigErrorsTest, TextMustBeUtf8WithoutZeroBytes) {
  EXPECT_EQ(ErrorOf("model { path: 'a\\xff' }"),
            "a.textproto:1: model.path: not valid UTF-8: expected text in "
            "quotes, got \"a\\377\"");
  // Overlong, surrogate, beyond Unicode, cut short.
  for (const char* bytes : {"\\xc0\\xaf", "\\xe0\\x80\\xaf", "\\xed\\xa0\\x80",
                            "\\xf0\\x80\\x80\\x80", "\\xf4\\x90\\x80\\x80",
                            "\\xe2\\x82", "\\x80"}) {
    EXPECT_THAT(ErrorOf(absl::StrCat("model { path: '", bytes, "' }")),
                HasSubstr("not valid UTF-8"));
  }
  EXPECT_THAT(ErrorOf("model { path: 'a\\000b' }"),
              HasSubstr("contains a zero byte"));
}

TEST(ConfigErrorsTest, SyntaxErrorsNameWhatWasExpected) {
  EXPECT_EQ(
      ErrorOf("stage { rl {\n  steps = 3\n} }"),
      "a.textproto:2: stage.rl.steps: syntax: expected \":\" and a value, or "
      "\"{\", got \"=\"");
  EXPECT_EQ(
      ErrorOf("stage { rl {\n  steps: \n} }"),
      "a.textproto:3: stage.rl.steps: syntax: expected a value, got \"}\"");
  EXPECT_EQ(
      ErrorOf("stage { rl {\n  steps: 3 }"),
      "a.textproto:2: stage: syntax: expected \"}\" for the bracket of line "
      "1, got the end");
  EXPECT_EQ(ErrorOf("}"), "a.textproto:1: syntax: expected a key, got \"}\"");
  EXPECT_EQ(ErrorOf("stage { rl { [ext]: 3 } }"),
            "a.textproto:1: stage.rl: syntax: expected a key, got \"[\"");
  EXPECT_EQ(ErrorOf("rollout { stop: ['a' 'b', }"),
            "a.textproto:1: rollout.stop: syntax: expected a value, got \"}\"");
  EXPECT_THAT(ErrorLines("model { path: 'abc\n }")[0],
              HasSubstr("a.textproto:1: syntax: String literals cannot cross "
                        "line boundaries"));
}

TEST(ConfigErrorsTest, AllMistakesComeAtOnceInTheOrderOfTheFile) {
  EXPECT_THAT(
      ErrorLines("seed: -1\n"
                 "stage { rl {\n"
                 "  stepz: 3\n"
                 "  group_size = 16\n"
                 "  kl_coef: \"much\"\n"
                 "  advantage: GRPPO\n"
                 "} }\n"
                 "rolout { temperature: 1 }\n"
                 "eval { top_p: 2 }\n"),
      ElementsAre(StartsWith("a.textproto:1: seed: out of range"),
                  StartsWith("a.textproto:3: rl.stepz: unknown key"),
                  StartsWith("a.textproto:4: stage.rl.group_size: syntax"),
                  StartsWith("a.textproto:5: rl.kl_coef: wrong type"),
                  StartsWith("a.textproto:6: rl.advantage: unknown value"),
                  StartsWith("a.textproto:8: rolout: unknown key"),
                  StartsWith("a.textproto:9: eval.top_p: out of range")));
}

TEST(ConfigErrorsTest, ManyMistakesAreCutToAPage) {
  std::string text;
  for (int i = 0; i < 80; ++i) absl::StrAppend(&text, "banana", i, ": 1\n");
  const auto lines = ErrorLines(text);
  ASSERT_EQ(lines.size(), 51);
  EXPECT_EQ(lines.back(), "... and 30 more mistakes");
}

TEST(ConfigErrorsTest, MissingFileIsNamed) {
  const auto config = LoadRecipe("/nonexistent/x.textproto", {});
  EXPECT_EQ(config.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(config.status().message()),
              HasSubstr("/nonexistent/x.textproto"));
}

TEST(ConfigErrorsTest, LoadReadsTheFileAndNamesItInMistakes) {
  const std::string path = absl::StrCat(testing::TempDir(), "/config_errors_",
                                        ::getpid(), ".textproto");
  ASSERT_TRUE(WriteFileAtomic(path, Whole("stage { rl { steps: 5 } }")).ok());
  const auto config = LoadRecipe(path, {"rl.prompts=2"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->stage(0).rl().steps(), 5);
  EXPECT_EQ(config->stage(0).rl().prompts(), 2);
  ASSERT_TRUE(WriteFileAtomic(path, "\nstage { rl { stepz: 5 } }").ok());
  EXPECT_THAT(std::string(LoadRecipe(path, {}).status().message()),
              StartsWith(absl::StrCat(path, ":2: rl.stepz: ")));
  EXPECT_TRUE(RemoveAll(path).ok());
}

}  // namespace
}  // namespace r1
