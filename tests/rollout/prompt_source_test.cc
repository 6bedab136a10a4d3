#include "rollout/prompt_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "rollout/prompt_template.h"
#include "rollout/tasks/split.h"

namespace r1 {
namespace {

std::shared_ptr<const Tokenizer> ByteTokenizer() {
  auto tokenizer = TrainTokenizer({}, 257, false);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return std::make_shared<Tokenizer>(*std::move(tokenizer));
}

std::string Write(const std::string& text) {
  const std::string path =
      absl::StrCat(testing::TempDir(), "/prompts_", ::getpid(), ".jsonl");
  EXPECT_TRUE(WriteFileAtomic(path, text).ok());
  return path;
}

std::string WriteRows(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    absl::StrAppend(&text, "{\"id\":\"row-", i, "\",\"nums\":[", i,
                    ",1],\"target\":", i + 1, "}\n");
  }
  return Write(text);
}

TaskSection Questions(const std::string& text) {
  TaskSection config;
  config.set_kind(QUESTION_ANSWER);
  config.set_file(Write(text));
  return config;
}

std::vector<std::string> QuestionsOf(const std::vector<Prompt>& prompts) {
  std::vector<std::string> questions;
  for (const Prompt& prompt : prompts) questions.push_back(prompt.question());
  return questions;
}

TEST(PromptSource, PromptIsAFunctionOfSeedAndIndex) {
  const TaskSection config;
  const auto a = *MakePromptSource(config, 1, ByteTokenizer(), 1000);
  const auto b = *MakePromptSource(config, 1, ByteTokenizer(), 1000);
  const auto other = *MakePromptSource(config, 2, ByteTokenizer(), 1000);
  EXPECT_EQ(a->Train(7)->SerializeAsString(), b->Train(7)->SerializeAsString());
  EXPECT_NE(a->Train(7)->question(), other->Train(7)->question());
  EXPECT_EQ(a->Train(7)->id(), 7u);
  // Held-out problems do not depend on the run's seed.
  EXPECT_EQ(QuestionsOf(*a->HeldOut(4)), QuestionsOf(*other->HeldOut(4)));
  EXPECT_NE(a->HeldOut(4)->at(3).id(), 3u);
}

TEST(PromptSource, PromptIsTheTemplateWithTheQuestion) {
  TaskSection config;
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

TEST(PromptSource, RowsThatSayTheirSideAreNotSplitByHash) {
  std::string text;
  for (int i = 0; i < 60; ++i) {
    absl::StrAppend(&text, "{\"question\":\"q", i, "\",\"part\":\"",
                    i < 20 ? "validation" : "train", "\"}\n");
  }
  TaskSection config = Questions(text);
  config.set_split_field("part");
  const auto source = MakePromptSource(config, 1, ByteTokenizer(), 1000);
  ASSERT_TRUE(source.ok()) << source.status();
  std::set<std::string> trained, held_out;
  for (int i = 0; i < 40; ++i) trained.insert((*source)->Train(i)->question());
  for (const std::string& q : QuestionsOf(*(*source)->HeldOut(100))) {
    held_out.insert(q);
  }
  for (int i = 0; i < 60; ++i) {
    EXPECT_EQ((i < 20 ? held_out : trained).count(absl::StrCat("q", i)), 1u);
  }
  EXPECT_EQ(trained.size() + held_out.size(), 60u);
  // Fewer are those that the longer list begins with.
  EXPECT_EQ(QuestionsOf(*(*source)->HeldOut(3)), std::vector<std::string>([&] {
              auto all = QuestionsOf(*(*source)->HeldOut(20));
              all.resize(3);
              return all;
            }()));
}

TEST(PromptSource, LongPromptIsRefusedWithItsLength) {
  const auto source = *MakePromptSource(TaskSection(), 1, ByteTokenizer(), 20);
  const auto prompt = source->Train(0);
  EXPECT_EQ(prompt.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(prompt.status().message()),
              testing::HasSubstr("leaves 20"));
}

TEST(FileSource, RowsThatDoNotFitAreRefusedAtOnce) {
  TaskSection config;
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
  TaskSection config;
  config.set_file(WriteRows(100));
  const auto source = *MakePromptSource(config, 1, ByteTokenizer(), 1000);
  std::set<std::string> held_out, first, second;
  const std::vector<Prompt> problems = *source->HeldOut(100);
  for (const Prompt& prompt : problems) {
    EXPECT_TRUE(held_out.insert(prompt.source()).second) << prompt.source();
  }
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
  const FilePrompts all = *LoadPrompts(config, ByteTokenizer(), 1000);
  EXPECT_EQ(all.prompts.size(), 100u);
  EXPECT_EQ(all.prompts[17].source(), "row-17");
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
  TaskSection config;
  config.set_file(Write(text));
  const auto source = *MakePromptSource(config, 1, ByteTokenizer(), 1000);
  std::set<int64_t> held_out;
  const std::vector<Prompt> problems = *source->HeldOut(1000);
  for (const std::string& question : QuestionsOf(problems)) {
    const int64_t target = std::stoll(question.substr(5));  // "Make 24 from …"
    EXPECT_TRUE(held_out.insert(target).second) << "one spelling of a problem";
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

// Whatever the order of the rows, and however often each is there.
TEST(FileSource, HeldOutProblemsDifferAndAreNotTheFirstRows) {
  std::string sorted, repeated;
  for (int i = 0; i < 400; ++i) {
    absl::StrAppend(&sorted, "{\"question\":\"q", i, "\",\"answer\":", i,
                    "}\n");
  }
  for (int copy = 0; copy < 20; ++copy) {
    for (int i = 0; i < 400; ++i) {
      absl::StrAppend(&repeated, "{\"question\":\"q", i, "\",\"answer\":", i,
                      ",\"copy\":", copy, "}\n");
    }
  }
  const auto tokenizer = ByteTokenizer();
  const auto once = *MakePromptSource(Questions(sorted), 1, tokenizer, 1000);
  const std::vector<std::string> chosen = QuestionsOf(*once->HeldOut(16));
  EXPECT_EQ(std::set<std::string>(chosen.begin(), chosen.end()).size(), 16u);
  // The hashes decide: of 400 rows, both halves have some.
  int from_first_half = 0;
  for (const std::string& question : chosen) {
    from_first_half += std::stoi(question.substr(1)) < 200;
  }
  EXPECT_GT(from_first_half, 1);
  EXPECT_LT(from_first_half, 15);

  const auto often = *MakePromptSource(Questions(repeated), 7, tokenizer, 1000);
  EXPECT_EQ(QuestionsOf(*often->HeldOut(16)), chosen);
  const std::vector<std::string> all = QuestionsOf(*often->HeldOut(100000));
  EXPECT_LT(all.size(), 80u) << "about 40 of 400, however many are asked for";
  EXPECT_EQ(std::vector<std::string>(all.begin(), all.begin() + 16), chosen);
  const std::set<std::string> held_out(all.begin(), all.end());
  EXPECT_EQ(held_out.size(), all.size());
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ(held_out.count(often->Train(i)->question()), 0u);
  }
}

// Two golds for one question must not stand on both sides of the split.
TEST(FileSource, AQuestionIsOnOneSideWhateverItsAnswers) {
  std::string text;
  for (int i = 0; i < 600; ++i) {
    absl::StrAppend(&text, "{\"question\":\"q", i % 60, "\",\"answer\":\"", i,
                    "\"}\n");
  }
  const auto source =
      *MakePromptSource(Questions(text), 1, ByteTokenizer(), 1000);
  const std::vector<std::string> held_out = QuestionsOf(*source->HeldOut(600));
  EXPECT_GT(held_out.size(), 0u);
  std::set<std::string> trained;
  for (int i = 0; i < 600; ++i) trained.insert(source->Train(i)->question());
  EXPECT_EQ(trained.size() + held_out.size(), 60u);
  for (const std::string& q : held_out) EXPECT_EQ(trained.count(q), 0u) << q;
}

TEST(FileSource, OneProblemOfATinyFileCrossesOverWithAllItsRows) {
  std::string text;
  for (const char* question : {"a", "b", "a", "b", "a"}) {
    absl::StrAppend(&text, "{\"question\":\"", question,
                    "\",\"answer\":\"1\"}\n");
  }
  const auto source =
      *MakePromptSource(Questions(text), 1, ByteTokenizer(), 1000);
  const std::vector<std::string> held_out = QuestionsOf(*source->HeldOut(9));
  ASSERT_EQ(held_out.size(), 1u);
  for (int i = 0; i < 10; ++i) {
    EXPECT_NE(source->Train(i)->question(), held_out[0]);
  }
  const std::string one = "{\"question\":\"a\",\"answer\":\"1\"}\n";
  const absl::Status status =
      MakePromptSource(Questions(one + one), 1, ByteTokenizer(), 1000).status();
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("2 rows, all of one problem"));
}

TEST(FileSource, EvaluationReadsEachProblemOnce) {
  std::string text;
  for (int i = 0; i < 960; ++i) {
    absl::StrAppend(&text, "{\"question\":\"q", i % 30,
                    "\",\"answer\":\"1\"}\n");
  }
  const TaskSection config = Questions(text);
  const FilePrompts all = *LoadPrompts(config, ByteTokenizer(), 1000);
  EXPECT_EQ(all.num_rows, 960);
  EXPECT_EQ(all.num_problems, 30);
  ASSERT_EQ(all.prompts.size(), 30u);
  EXPECT_EQ(all.prompts[29].question(), "q29");
  const FilePrompts some = *LoadPrompts(config, ByteTokenizer(), 1000, 8);
  ASSERT_EQ(some.prompts.size(), 8u);
  std::vector<std::string> first;
  for (int i = 0; i < 8; ++i) first.push_back(absl::StrCat("q", i));
  EXPECT_NE(QuestionsOf(some.prompts), first);
  // Draws are keyed by the id: the same answers in a smaller evaluation.
  for (const Prompt& prompt : some.prompts) {
    const int number = std::stoi(prompt.question().substr(1));
    EXPECT_EQ(prompt.id(), all.prompts[number].id());
  }
}

TEST(GeneratedSource, NeverHoldsOutAProblemTwice) {
  TaskSection config;
  config.set_kind(ARITHMETIC);
  config.set_digits(1);
  config.set_operators("+");
  const auto source = *MakePromptSource(config, 1, ByteTokenizer(), 1000);
  // 100 sums of two digits, about one in ten of them held out.
  const std::vector<std::string> all = QuestionsOf(*source->HeldOut(128));
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
  int held_out = 0;
  for (int i = 0; i < 100; ++i) {
    held_out += IsHeldOut(absl::StrCat("arithmetic ", i / 10, "+", i % 10));
  }
  EXPECT_EQ(static_cast<int>(all.size()), held_out);
}

TEST(PromptSource, AnEmptyPromptIsRefusedAtOnce) {
  TaskSection config = Questions(
      "{\"question\":\"q\",\"answer\":\"1\"}\n"
      "{\"question\":\"\",\"answer\":\"1\"}\n");
  EXPECT_TRUE(MakePromptSource(config, 1, ByteTokenizer(), 1000).ok());
  config.set_template_("{question}");
  const absl::Status status =
      MakePromptSource(config, 1, ByteTokenizer(), 1000).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("prompt line 2 is empty"));
}

TEST(FileSource, OneRowIsNotEnough) {
  TaskSection config;
  config.set_file(WriteRows(1));
  EXPECT_EQ(MakePromptSource(config, 1, ByteTokenizer(), 1000).status().code(),
            absl::StatusCode::kInvalidArgument);
  config.set_file("/absent.jsonl");
  EXPECT_EQ(MakePromptSource(config, 1, ByteTokenizer(), 1000).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace r1
