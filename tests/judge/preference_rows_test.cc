#include "judge/preference_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "rollout/tasks/split.h"
#include "tests/judge/judge_testing.h"
#include "tests/model/file_test_util.h"

namespace r1 {
namespace {

constexpr char kPair[] = R"({"prompt": "p", "chosen": "a", "rejected": "b"})";
constexpr char kLabel[] = R"({"prompt": "p", "completion": "a", "safe": true})";

TEST(PreferenceRows, PairsAndLabelsAreRead) {
  const auto pairs = ParsePreferenceRows(
      "\xef\xbb\xbf"
      R"({"prompt": "p", "chosen": "a", "rejected": "b", "source": 3})"
      "\r\n\n"
      R"({"prompt": "", "chosen": "<think>c", "rejected": "d"})",
      "f");
  ASSERT_TRUE(pairs.ok()) << pairs.status();
  ASSERT_EQ(pairs->size(), 2);
  EXPECT_EQ((*pairs)[0].prompt, "p");
  EXPECT_EQ((*pairs)[0].better, "a");
  EXPECT_EQ((*pairs)[0].worse, "b");
  EXPECT_EQ((*pairs)[1].line, 3);

  const auto labels = ParsePreferenceRows(
      absl::StrCat(kLabel, "\n",
                   R"({"prompt": "q", "completion": "b", "safe": 0})"),
      "f");
  ASSERT_TRUE(labels.ok()) << labels.status();
  EXPECT_EQ((*labels)[0].better, "a");
  EXPECT_EQ((*labels)[0].worse, "");
  EXPECT_EQ((*labels)[1].better, "");
  EXPECT_EQ((*labels)[1].worse, "b");
}

TEST(PreferenceRows, BadRowsAreNamed) {
  const struct {
    const char* row;
    const char* message;
  } cases[] = {
      {R"({"prompt": "p", "chosen": "a", "rejected": "a"})",
       "\"chosen\" and \"rejected\" are equal"},
      {R"({"prompt": "p", "chosen": "a ", "rejected": "\na"})", "are equal"},
      {R"({"prompt": "p", "chosen": "a"})",
       "no field \"rejected\", only: chosen, prompt"},
      {R"({"prompt": "p", "rejected": "a"})", "no field \"chosen\""},
      {R"({"chosen": "a", "rejected": "b"})", "no field \"prompt\""},
      {R"({"prompt": "p", "completion": "a"})", "no field \"safe\""},
      {R"({"prompt": "p", "safe": true})", "no field \"completion\""},
      {R"({"question": "p"})", "no field \"prompt\", only: question"},
      {R"({"prompt": "p", "chosen": "", "rejected": "b"})",
       "field \"chosen\" is empty"},
      {R"({"prompt": "p", "chosen": "a", "rejected": " \n"})",
       "field \"rejected\" is empty"},
      {R"({"prompt": "p", "completion": "", "safe": true})",
       "field \"completion\" is empty"},
      {R"({"prompt": "p", "chosen": 7, "rejected": "b"})",
       "field \"chosen\": expected a text, got"},
      {R"({"prompt": "p", "chosen": [{"role": "user"}], "rejected": "b"})",
       "field \"chosen\": expected a text, got"},
      {R"({"prompt": null, "chosen": "a", "rejected": "b"})",
       "field \"prompt\": expected a text, got"},
      {R"({"prompt": "p", "completion": "a", "safe": "yes"})",
       "field \"safe\": expected true or false, got"},
      {R"({"prompt": "p", "completion": "a", "safe": 2})",
       "field \"safe\": expected true or false, got"},
      {R"({"prompt": "p", "completion": "a", "safe": null})",
       "field \"safe\": expected true or false, got"},
      {R"({"prompt": "p", "chosen": "a", "rejected": "b", "safe": true})",
       "fields of both forms"},
      {kLabel, "a labelled text among rows of the other form"},
      {R"({"prompt": "p", "chosen": "a", "rejected")", "byte"},
      {R"({"prompt": "p", "prompt": "p"})", "prompt"},
      {"[1]", "expected one JSON object"},
      {"7", "expected one JSON object"},
  };
  for (const auto& c : cases) {
    const absl::Status status =
        ParsePreferenceRows(absl::StrCat(kPair, "\n\n", c.row, "\n", kPair),
                            "dir/f.jsonl")
            .status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.row;
    ExpectError(status, "dir/f.jsonl:3: ", c.row);
    ExpectError(status, c.message, c.row);
  }
  ExpectError(
      ParsePreferenceRows(absl::StrCat(kLabel, "\n", kPair), "f").status(),
      "f:2: a pair among rows of the other form", "pair");
  ExpectError(ParsePreferenceRows("\n \n", "f").status(), "f: no rows",
              "empty file");
  // All at once.
  const absl::Status both = ParsePreferenceRows("{}\n7\n", "f").status();
  ExpectError(both, "f:1: ", "first");
  ExpectError(both, "f:2: ", "second");
}

class EncodePreferencesTest : public testing::Test {
 protected:
  absl::StatusOr<std::vector<Preference>> Encode(const std::string& text,
                                                 JudgedPart part) {
    auto rows = ParsePreferenceRows(text, "f");
    if (!rows.ok()) return rows.status();
    return EncodePreferences(*rows, "f", part, *tokenizer_, TinyJudge());
  }
  std::shared_ptr<const Tokenizer> tokenizer_ = ByteTokenizer();
};

TEST_F(EncodePreferencesTest, OnlyTheJudgedPartIsRead) {
  const char* row =
      R"({"prompt": "p", "chosen": "<think>x</think>a", "rejected": "b"})";
  const auto answer = Encode(row, JudgedPart::kAnswer);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(tokenizer_->Decode((*answer)[0].better), "p\n\na\n");
  EXPECT_EQ(tokenizer_->Decode((*answer)[0].worse), "p\n\nb\n");
  const auto whole = Encode(row, JudgedPart::kWhole);
  EXPECT_EQ(tokenizer_->Decode((*whole)[0].better), "p\n\n<think>x</think>a\n");
  const auto label =
      Encode(R"({"prompt": "p", "completion": "a", "safe": false})",
             JudgedPart::kWhole);
  EXPECT_TRUE((*label)[0].better.empty());
  EXPECT_EQ(tokenizer_->Decode((*label)[0].worse), "p\n\na\n");
}

TEST_F(EncodePreferencesTest, WhatCannotBeJudgedIsNamed) {
  const std::string same = R"({"prompt": "p", "chosen": "<think>x</think>a", )"
                           R"("rejected": "<think>y</think>a"})";
  ExpectError(
      Encode(absl::StrCat(kPair, "\n", same), JudgedPart::kAnswer).status(),
      "f:2: the answers of \"chosen\" and \"rejected\" are equal",
      "same answers");
  EXPECT_TRUE(Encode(same, JudgedPart::kWhole).ok());
  const char* endless =
      R"({"prompt": "p", "chosen": "a", "rejected": "<think>b"})";
  ExpectError(Encode(endless, JudgedPart::kAnswer).status(),
              "f:1: there is no answer after the reasoning", "endless");
  EXPECT_TRUE(Encode(endless, JudgedPart::kWhole).ok());
  ExpectError(
      Encode(absl::StrCat(R"({"prompt": "p", "chosen": ")",
                          std::string(125, 'a'), R"(", "rejected": "b"})"),
             JudgedPart::kWhole)
          .status(),
      "f:1: has 129 tokens, more than the reward model's context of 128: "
      "shorten or drop the row",
      "too long");
}

TEST(PreferenceSplit, NoPromptIsOnBothSides) {
  std::vector<PreferenceRow> rows;
  for (int i = 0; i < 1000; ++i) {
    rows.push_back({absl::StrCat("prompt ", i / 2), "a", "b", i + 1});
  }
  const auto split = SplitByPrompt(rows, "f");
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_EQ(split->train.size() + split->held_out.size(), 1000);
  // One prompt in ten of 500: 50, with a standard deviation of 6.7.
  EXPECT_NEAR(split->held_out.size(), 100, 60);
  std::set<std::string> train;
  for (const PreferenceRow& row : split->train) train.insert(row.prompt);
  for (const PreferenceRow& row : split->held_out) {
    EXPECT_FALSE(train.contains(row.prompt)) << row.prompt;
    EXPECT_TRUE(IsHeldOut(row.prompt));
  }
  // Rows without a prompt are not all on one side.
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].prompt = "";
    rows[i].better = absl::StrCat("text ", i);
  }
  EXPECT_NEAR(SplitByPrompt(rows, "f")->held_out.size(), 100, 60);

  std::string held_out = "a";
  while (!IsHeldOut(held_out)) held_out += "a";
  ExpectError(SplitByPrompt({{held_out, "a", "b", 1}}, "f").status(),
              "f: all 1 rows are held out", "one prompt");
}

TEST(ShuffledPreferencesTest, EveryEpochHasAllInAnotherOrder) {
  std::vector<Preference> examples;
  for (int32_t i = 0; i < 50; ++i) examples.push_back({{i}, {}});
  const auto read = [&](uint64_t seed) {
    const PreferenceSource source = ShuffledPreferences(examples, seed);
    std::vector<std::vector<int32_t>> epochs(3);
    for (uint64_t i = 0; i < 150; ++i) {
      epochs[i / 50].push_back(source(i)->better[0]);
    }
    return epochs;
  };
  const auto epochs = read(7);
  for (std::vector<int32_t> epoch : epochs) {
    std::sort(epoch.begin(), epoch.end());
    for (int32_t i = 0; i < 50; ++i) EXPECT_EQ(epoch[i], i);
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
  EXPECT_EQ(read(7), epochs);
  EXPECT_NE(read(8), epochs);
  // A pure function of the index, in whatever order it is asked.
  const PreferenceSource source = ShuffledPreferences(examples, 7);
  EXPECT_EQ(source(149)->better[0], epochs[2][49]);
  EXPECT_EQ(source(3)->better[0], epochs[0][3]);
}

}  // namespace
}  // namespace r1
