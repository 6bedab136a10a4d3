#include "rollout/prompt_source.h"
#include "rollout/prompt_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "rollout/tasks/split.h"

namespace r1 {
namespace {

std::shared_ptr<const Tokenizer> ByteTokenizer() {
  auto tokenizer = TrainTokenizer({}, 257, false);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return std::make_shared<Tokenizer>(*std::move(tokenizer));
}

std::string WriteRows(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&text, "{\"id\":\"row-", i, "\",\"nums\":[", i,
                    ",1],\"target\":", i + 1, "}\n");
  }
  const std::string path =
      absl::StrCat(testing::TempDir(), "/prompts_", ::getpid(), ".jsonl");
  EXPECT_TRUE(WriteFileAtomic(path, text).ok());
  return path;
}

TEST(PromptSource, PromptIsAFunctionOfSeedAndIndex) {
  const DataSection config;
  const auto a = *MakePromptSource(config, 1, ByteTokenizer(), 1000);
  const auto b = *MakePromptSource(config, 1, ByteTokenizer(), 1000);
  const auto other = *MakePromptSource(config, 2, ByteTokenizer(), 1000);
  EXPECT_EQ(a->Train(7)->SerializeAsString(), b->Train(7)->SerializeAsString());
  EXPECT_NE(a->Train(7)->question(), other->Train(7)->question());
  EXPECT_EQ(a->Train(7)->id(), 7u);
  // Held-out problems do not depend on the run's seed.
  EXPECT_EQ(a->HeldOut(3)->question(), other->HeldOut(3)->question());
  EXPECT_NE(a->HeldOut(3)->id(), 3u);
}

TEST(PromptSource, PromptIsTheTemplateWithTheQuestion) {
  DataSection config;
  const auto tokenizer = ByteTokenizer();
  const auto source = *MakePromptSource(config, 1, tokenizer, 1000);
  const Prompt prompt = *source->Train(0);
  const std::vector<int32_t> ids(prompt.token_ids().begin(),
                                 prompt.token_ids().end());
  const std::string text = tokenizer->Decode(ids);
  EXPECT_THAT(text, testing::HasSubstr("<think>"));
  EXPECT_THAT(text, testing::EndsWith(absl::StrCat("User: ", prompt.question(),
                                                   " Assistant:")));
  config.set_template_("Q {question}");
  EXPECT_EQ(RenderPrompt(config, "x"), "Q x");
}

TEST(PromptSource, LongPromptIsRefusedWithItsLength) {
  const auto source = *MakePromptSource(DataSection(), 1, ByteTokenizer(), 20);
  const auto prompt = source->Train(0);
  EXPECT_EQ(prompt.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(prompt.status().message()),
              testing::HasSubstr("leaves 20"));
}

TEST(FileSource, RowsThatDoNotFitAreRefusedAtOnce) {
  DataSection config;
  config.set_file(WriteRows(12));
  const auto tokenizer = ByteTokenizer();
  const auto tight = MakePromptSource(config, 1, tokenizer, 5);
  EXPECT_EQ(tight.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      std::string(tight.status().message()),
      testing::AllOf(testing::HasSubstr(config.file() + ": prompt row-0"),
                     testing::HasSubstr("leaves 5"),
                     testing::HasSubstr("(and 11 other rows)")));
}

TEST(FileSource, EveryEpochVisitsEachTrainingRowOnce) {
  DataSection config;
  config.set_file(WriteRows(100));
  const auto source = *MakePromptSource(config, 1, ByteTokenizer(), 1000);
  std::set<std::string> held_out, first, second;
  for (int i = 0; i < 100; ++i) held_out.insert(source->HeldOut(i)->source());
  const int train_rows = 100 - held_out.size();
  EXPECT_GT(held_out.size(), 1u);
  EXPECT_GT(train_rows, 50);
  std::vector<std::string> order_1, order_2;
  for (int i = 0; i < train_rows; ++i) {
    order_1.push_back(source->Train(i)->source());
    order_2.push_back(source->Train(train_rows + i)->source());
  }
  first.insert(order_1.begin(), order_1.end());
  second.insert(order_2.begin(), order_2.end());
  EXPECT_EQ(static_cast<int>(first.size()), train_rows);
  EXPECT_EQ(first, second);
  EXPECT_NE(order_1, order_2);
  for (const std::string& row : held_out) EXPECT_EQ(first.count(row), 0u);
  EXPECT_EQ(LoadPrompts(config, ByteTokenizer(), 1000)->size(), 100u);
}

// The same problem in another order of its numbers is the same problem: it must
// not be trained on under one spelling and held out under the other, nor appear
// in the generated corpus while a file's row of it is held out.
TEST(FileSource, HeldOutIsAPropertyOfTheProblemNotOfItsSpelling) {
  std::string text;
  for (int i = 2; i < 200; ++i) {
    const std::string sum = absl::StrCat("],\"target\":", i + 1, "}\n");
    absl::StrAppend(&text, "{\"nums\":[", i, ",1", sum);
    absl::StrAppend(&text, "{\"nums\":[1,", i, sum);
  }
  const std::string path =
      absl::StrCat(testing::TempDir(), "/spellings_", ::getpid(), ".jsonl");
  ASSERT_TRUE(WriteFileAtomic(path, text).ok());
  DataSection config;
  config.set_file(path);
  const auto source = *MakePromptSource(config, 1, ByteTokenizer(), 1000);
  std::set<int64_t> held_out;
  for (int i = 0; i < 198; ++i) {
    const std::string question = source->HeldOut(i)->question();
    const int64_t target = std::stoll(question.substr(5));  // "Make 24 from …"
    held_out.insert(target);
    EXPECT_TRUE(
        IsHeldOut(absl::StrCat("countdown 1,", target - 1, " ", target)))
        << question;
  }
  EXPECT_GT(held_out.size(), 5u);
  for (int i = 0; i < 396; ++i) {
    const std::string question = source->Train(i)->question();
    EXPECT_EQ(held_out.count(std::stoll(question.substr(5))), 0u) << question;
  }
}

TEST(FileSource, OneRowIsNotEnough) {
  DataSection config;
  config.set_file(WriteRows(1));
  EXPECT_EQ(MakePromptSource(config, 1, ByteTokenizer(), 1000).status().code(),
            absl::StatusCode::kInvalidArgument);
  config.set_file("/absent.jsonl");
  EXPECT_EQ(MakePromptSource(config, 1, ByteTokenizer(), 1000).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace r1
