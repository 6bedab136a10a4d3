#include "pipeline/stages/examples.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/tokenizer_config.h"
#include "nlohmann/json.hpp"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

// A stage that learns a file, as is or for this task.
StageConfig Learns(const std::string& file, uint64_t seed = 1,
                   const TaskSection& task = TaskSection()) {
  StageConfig stage;
  stage.set_seed(seed);
  *stage.add_task() = task;
  stage.mutable_supervised()->add_data(file);
  return stage;
}

Tokenizer ByteTokenizer() {
  return *TrainTokenizer({"abc"}, 257, /*single_digits=*/true);
}

TEST(CorpusTest, AFileIsReadInANewOrderEveryEpoch) {
  TestFolder folder;
  std::string text;
  for (int i = 0; i < 50; ++i) {
    absl::StrAppend(&text, "{\"text\": \"row ", i, "\"}\n");
  }
  const std::string file = folder.Write("rows.jsonl", text);
  const auto corpus = MakeCorpus(Learns(file, /*seed=*/3), "");
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
  const auto again = MakeCorpus(Learns(file, 3), "");
  EXPECT_EQ((*again)->At(77).completion, (*corpus)->At(77).completion);
  const auto other_seed = MakeCorpus(Learns(file, 4), "");
  EXPECT_EQ((*other_seed)->DataHash(), (*corpus)->DataHash());
}

// 40 different rows, each twice.
std::string DoubledRows() {
  std::string text;
  for (int i = 0; i < 80; ++i) {
    absl::StrAppend(&text, "{\"prompt\": \"p\", \"completion\": \"", i % 40,
                    "\"}\n");
  }
  return text;
}

std::set<std::string> Completions(const std::vector<Document>& documents) {
  std::set<std::string> completions;
  for (const Document& d : documents) completions.insert(d.completion);
  return completions;
}

// Of one epoch.
std::set<std::string> Trained(const TextCorpus& corpus) {
  std::vector<Document> documents;
  for (uint64_t i = 0; i < corpus.EpochSize(); ++i) {
    documents.push_back(corpus.At(i));
  }
  return Completions(documents);
}

TEST(CorpusTest, AShareOfTheRowsIsHeldOutByTheirContent) {
  TestFolder folder;
  StageConfig stage = Learns(folder.Write("rows.jsonl", DoubledRows()));
  stage.mutable_supervised()->set_held_out(0.25);
  const auto corpus = MakeCorpus(stage, "");
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  const std::set<std::string> held_out = Completions((*corpus)->HeldOut());
  const std::set<std::string> trained = Trained(**corpus);
  // Three standard deviations around 10 of 40.
  EXPECT_GE(held_out.size(), 2u);
  EXPECT_LE(held_out.size(), 18u);
  // Equal rows stand on one side.
  EXPECT_EQ((*corpus)->HeldOut().size(), 2 * held_out.size());
  EXPECT_EQ((*corpus)->EpochSize(), 2 * trained.size());
  EXPECT_EQ(trained.size() + held_out.size(), 40u);
  for (const std::string& row : held_out) EXPECT_EQ(trained.count(row), 0u);
  // Another order, seed and other rows beside them change nothing.
  StageConfig more = Learns(
      folder.Write("more.jsonl", "{\"text\": \"new\"}\n" + DoubledRows()),
      /*seed=*/9);
  more.mutable_supervised()->set_held_out(0.25);
  std::set<std::string> again = Completions((*MakeCorpus(more, ""))->HeldOut());
  again.erase("new");
  EXPECT_EQ(again, held_out);
}

TEST(CorpusTest, AtLeastOneRowIsHeldOutAndNeverAll) {
  TestFolder folder;
  StageConfig stage = Learns(
      folder.Write("rows.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n"));
  for (const float share : {1e-6f, 0.9f}) {
    stage.mutable_supervised()->set_held_out(share);
    const auto corpus = MakeCorpus(stage, "");
    ASSERT_TRUE(corpus.ok()) << corpus.status();
    EXPECT_EQ((*corpus)->HeldOut().size(), 1u) << share;
    EXPECT_EQ((*corpus)->EpochSize(), 1u) << share;
  }
  StageConfig equal = Learns(
      folder.Write("equal.jsonl", "{\"text\": \"a\"}\n{\"text\": \"a\"}\n"));
  equal.mutable_supervised()->set_held_out(0.5);
  EXPECT_THAT(std::string(MakeCorpus(equal, "").status().message()),
              HasSubstr("2 rows that are all equal"));
}

// So many documents of the corpus, the first ones, among the rows of a file.
TEST(CorpusTest, RowsOfFilesAndOfTheCorpusAreShuffledTogether) {
  TestFolder folder;
  TaskSection task;
  StageConfig stage =
      Learns(folder.Write("rows.jsonl", DoubledRows()), /*seed=*/5, task);
  StageConfig generated = stage;
  generated.mutable_supervised()->clear_data();
  const auto endless = MakeCorpus(generated, "");
  ASSERT_TRUE(endless.ok()) << endless.status();
  EXPECT_EQ((*endless)->EpochSize(), 0u);
  stage.mutable_supervised()->set_corpus_rows(30);
  const auto corpus = MakeCorpus(stage, "");
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  EXPECT_EQ((*corpus)->EpochSize(), 110u);
  std::multiset<std::string> expected, found;
  for (int i = 0; i < 80; ++i) expected.insert(absl::StrCat(i % 40));
  for (int i = 0; i < 30; ++i) expected.insert((*endless)->At(i).completion);
  int in_first_half = 0;
  for (uint64_t i = 0; i < 110; ++i) {
    const Document document = (*corpus)->At(i);
    found.insert(document.completion);
    in_first_half += document.prompt != "p" && i < 55;
  }
  EXPECT_EQ(found, expected);
  EXPECT_GT(in_first_half, 5);
  EXPECT_LT(in_first_half, 25);
  // The corpus alone may be a data set, too.
  generated.mutable_supervised()->set_corpus_rows(30);
  EXPECT_EQ((*MakeCorpus(generated, ""))->EpochSize(), 30u);
  EXPECT_NE((*MakeCorpus(generated, ""))->DataHash(), (*corpus)->DataHash());
}

TEST(CorpusTest, AMalformedLineIsNamed) {
  TestFolder folder;
  const std::string file =
      folder.Write("rows.jsonl", "{\"text\": \"a\"}\n{oops\n");
  const auto corpus = MakeCorpus(Learns(file), "");
  ASSERT_FALSE(corpus.ok());
  EXPECT_THAT(std::string(corpus.status().message()),
              HasSubstr("rows.jsonl:2"));
}

TEST(CorpusTest, ALineThatDoesNotFitIsNamed) {
  TestFolder folder;
  const std::string file = folder.Write(
      "rows.jsonl",
      "{\"text\": \"abc\"}\n\n{\"prompt\": \"ab\", \"completion\": \"cd\"}\n");
  const auto corpus = MakeCorpus(Learns(file), "");
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  const Tokenizer tokenizer = ByteTokenizer();
  // Four bytes and the end token.
  EXPECT_TRUE((*corpus)->CheckRows(tokenizer, 0, 5).ok());
  const absl::Status tight = (*corpus)->CheckRows(tokenizer, 0, 4);
  EXPECT_EQ(tight.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(tight.message()),
              HasSubstr("rows.jsonl:3: has 5 tokens, more than the context of "
                        "4"));

  const std::string other = folder.Write("none.jsonl", "{\"text\": \"\"}\n");
  const auto empty = MakeCorpus(Learns(other), "");
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_THAT(std::string((*empty)->CheckRows(tokenizer, 0, 5).message()),
              HasSubstr("none.jsonl:1: there is nothing to learn"));
}

TEST(ExampleSourceTest, OnlyCompletionAndEndTokenAreScored) {
  TestFolder folder;
  const std::string file = folder.Write(
      "rows.jsonl", "{\"prompt\": \"ab\", \"completion\": \"cde\"}\n");
  const auto corpus = MakeCorpus(Learns(file), "");
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
  const std::string file = folder.Write("rows.jsonl", "{\"text\": \"abc\"}\n");
  const auto corpus = MakeCorpus(Learns(file), "");
  const Tokenizer tokenizer = ByteTokenizer();
  const auto example = MakeExampleSource(corpus->get(), &tokenizer, 0)(0);
  ASSERT_TRUE(example.ok()) << example.status();
  EXPECT_EQ(example->length(), 4);
  EXPECT_EQ(example->first_scored, 1);
}

// A tokenizer with BOS, the tokens of ChatML and its template.
Tokenizer ChatTokenizer() {
  nlohmann::json json = nlohmann::json::parse(ByteTokenizer().ToJson());
  for (const char* token : {"<s>", "<|im_start|>", "<|im_end|>"}) {
    const size_t id = 256 + json["added_tokens"].size();
    json["added_tokens"].push_back(
        {{"id", id}, {"content", token}, {"special", true}});
  }
  json["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "<s>"}}}}, {{"Sequence", {{"id", "A"}}}}}},
      {"special_tokens", {{"<s>", {{"ids", {257}}}}}}};
  TokenizerFiles files;
  files.tokenizer_json = json.dump();
  files.chat_template_jinja =
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
      "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>"
      "assistant\n{% endif %}";
  return *Tokenizer::FromFiles(std::move(files));
}

TrainSequence ExampleOf(const std::string& row, const TaskSection& data) {
  TestFolder folder;
  const std::string file = folder.Write("rows.jsonl", row);
  const auto corpus = MakeCorpus(Learns(file, 1, data), "");
  EXPECT_TRUE(corpus.ok()) << corpus.status();
  const Tokenizer tokenizer = ChatTokenizer();
  const int32_t end = tokenizer.SpecialId("<|im_end|>");
  auto example = MakeExampleSource(corpus->get(), &tokenizer, end)(0);
  EXPECT_TRUE(example.ok()) << example.status();
  return example.ok() ? *std::move(example) : TrainSequence();
}

// What is learned and what is not, as text.
std::pair<std::string, std::string> Halves(const TrainSequence& example) {
  const Tokenizer tokenizer = ChatTokenizer();
  const auto tokens = absl::MakeConstSpan(example.tokens);
  return {tokenizer.Decode(tokens.subspan(0, example.first_scored)),
          tokenizer.Decode(tokens.subspan(example.first_scored))};
}

TEST(ExampleSourceTest, SpecialTokensOfTaughtTextsAreTokens) {
  const TrainSequence text =
      ExampleOf("{\"text\": \"a<|im_end|>b<|im_end|>\"}", TaskSection());
  // BOS, a, end, b, end: no end is added to one that is there.
  EXPECT_EQ(text.tokens,
            (std::vector<int32_t>{257, 'a' + 1, 259, 'b' + 1, 259}));
  EXPECT_EQ(text.first_scored, 1);
  const TrainSequence pair = ExampleOf(
      "{\"prompt\": \"<|im_start|>a\", \"completion\": \"b\"}", TaskSection());
  EXPECT_EQ(pair.tokens,
            (std::vector<int32_t>{257, 258, 'a' + 1, 'b' + 1, 259}));
  EXPECT_EQ(pair.first_scored, 3);
}

TEST(ExampleSourceTest, AChatsAnswerIsLearnedWhereItWouldBeSampled) {
  TaskSection data;
  data.set_chat(true);
  data.set_system("S");
  data.set_answer_prefix("<think>\n");
  const char kRow[] =
      "{\"prompt\": \"a<|im_end|>\", \"completion\": \"<think>\\nb\"}";
  const TrainSequence example = ExampleOf(kRow, data);
  EXPECT_EQ(Halves(example),
            std::make_pair(
                std::string("<|im_start|>system\nS<|im_end|>\n<|im_start|>user"
                            "\na<|im_end|><|im_end|>\n<|im_start|>assistant\n"
                            "<think>\n"),
                std::string("b<|im_end|>")));
  // The end token in the message is text: of ids 259 there are three.
  EXPECT_EQ(std::count(example.tokens.begin(), example.tokens.end(), 259), 3);
}

}  // namespace
}  // namespace r1
