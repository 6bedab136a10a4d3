#include "pipeline/examples.h"

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

Tokenizer ByteTokenizer() {
  return *TrainTokenizer({"abc"}, 257, /*single_digits=*/true);
}

TEST(CorpusTest, AFileIsReadInANewOrderEveryEpoch) {
  TestFolder folder;
  std::string text;
  for (int i = 0; i < 50; ++i) {
    absl::StrAppend(&text, "{\"text\": \"row ", i, "\"}\n");
  }
  SupervisedSection section;
  section.set_file(folder.Write("rows.jsonl", text));
  const auto corpus = MakeCorpus(section, DataSection(), /*seed=*/3);
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  std::set<std::string> first, second;
  bool is_same_order = true;
  for (uint64_t i = 0; i < 50; ++i) {
    first.insert((*corpus)->At(i).completion);
    second.insert((*corpus)->At(50 + i).completion);
    is_same_order &=
        (*corpus)->At(i).completion == (*corpus)->At(50 + i).completion;
  }
  EXPECT_EQ(first.size(), 50u);  // every row once
  EXPECT_EQ(second, first);
  EXPECT_FALSE(is_same_order);
  // A pure function of the index, whatever was asked before.
  const auto again = MakeCorpus(section, DataSection(), 3);
  EXPECT_EQ((*again)->At(77).completion, (*corpus)->At(77).completion);
  const auto other_seed = MakeCorpus(section, DataSection(), 4);
  EXPECT_EQ((*other_seed)->DataHash(), (*corpus)->DataHash());
}

TEST(CorpusTest, AMalformedLineIsNamed) {
  TestFolder folder;
  SupervisedSection section;
  section.set_file(folder.Write("rows.jsonl", "{\"text\": \"a\"}\n{oops\n"));
  const auto corpus = MakeCorpus(section, DataSection(), 1);
  ASSERT_FALSE(corpus.ok());
  EXPECT_THAT(std::string(corpus.status().message()),
              HasSubstr("rows.jsonl:2"));
}

TEST(CorpusTest, ALineThatDoesNotFitIsNamed) {
  TestFolder folder;
  SupervisedSection section;
  section.set_file(folder.Write(
      "rows.jsonl",
      "{\"text\": \"abc\"}\n\n{\"prompt\": \"ab\", \"completion\": \"cd\"}\n"));
  const auto corpus = MakeCorpus(section, DataSection(), 1);
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  const Tokenizer tokenizer = ByteTokenizer();
  // Four bytes and the end token.
  EXPECT_TRUE((*corpus)->CheckRows(tokenizer, 0, 5).ok());
  const absl::Status tight = (*corpus)->CheckRows(tokenizer, 0, 4);
  EXPECT_EQ(tight.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(tight.message()),
              HasSubstr("rows.jsonl:3: has 5 tokens, more than the context of "
                        "4"));

  section.set_file(folder.Write("none.jsonl", "{\"text\": \"\"}\n"));
  const auto empty = MakeCorpus(section, DataSection(), 1);
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_THAT(std::string((*empty)->CheckRows(tokenizer, 0, 5).message()),
              HasSubstr("none.jsonl:1: there is nothing to learn"));
}

TEST(ExampleSourceTest, OnlyCompletionAndEndTokenAreScored) {
  TestFolder folder;
  SupervisedSection section;
  section.set_file(folder.Write(
      "rows.jsonl", "{\"prompt\": \"ab\", \"completion\": \"cde\"}\n"));
  const auto corpus = MakeCorpus(section, DataSection(), 1);
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  const Tokenizer tokenizer = ByteTokenizer();
  const auto example = MakeExampleSource(corpus->get(), &tokenizer, 0)(0);
  ASSERT_TRUE(example.ok()) << example.status();
  EXPECT_EQ(tokenizer.Decode(example->tokens), "abcde<|endoftext|>");
  EXPECT_EQ(example->first_scored, 2);
  EXPECT_EQ(example->tokens.back(), 0);
}

TEST(ExampleSourceTest, APlainTextIsScoredFromItsSecondToken) {
  TestFolder folder;
  SupervisedSection section;
  section.set_file(folder.Write("rows.jsonl", "{\"text\": \"abc\"}\n"));
  const auto corpus = MakeCorpus(section, DataSection(), 1);
  const Tokenizer tokenizer = ByteTokenizer();
  const auto example = MakeExampleSource(corpus->get(), &tokenizer, 0)(0);
  ASSERT_TRUE(example.ok()) << example.status();
  EXPECT_EQ(example->length(), 4);
  EXPECT_EQ(example->first_scored, 1);
}

}  // namespace
}  // namespace r1
