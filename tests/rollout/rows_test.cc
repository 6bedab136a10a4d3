// What a file of rows is, and what of a row its rewards are given.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "rollout/tasks/jsonl.h"
#include "rollout/tasks/row_file.h"
#include "rollout/tasks/row_reference.h"

namespace r1 {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Reference(const std::string& row,
                      const std::string& answer_field = "answer",
                      AnswerForm form = AS_IS) {
  TaskSection config;
  config.set_kind(QUESTION_ANSWER);
  config.set_answer_field(answer_field);
  config.set_answer_form(form);
  const auto rows = ParseProblems(config, row, "f");
  return rows.ok() ? rows->at(0).reference
                   : std::string(rows.status().message());
}

TEST(RowReference, NumbersKeepTheirSpelling) {
  for (const std::string number :
       {"18446744073709551616", "12345678901234567890123",
        "-9223372036854775809", "0.00002", "1e-07", "1e22", "1E+22", "1.50",
        "123456789.123456789", "-0.0", "100000000000000000000", "7"}) {
    EXPECT_EQ(Reference(absl::StrCat("{\"question\":\"q\",\"answer\":", number,
                                     ",\"x\":[", number, "]}")),
              absl::StrCat("{\"answer\":", number, ",\"x\":[", number, "]}"));
  }
}

TEST(RowReference, AllFieldsButTheQuestionAreThereInTheirOrder) {
  EXPECT_EQ(
      Reference(R"({"z": 1, "question": "q", "stdin_tests": [["1\n", "2\n"]],)"
                R"( "language":"cpp", "checker": {"source": "int main(){}"},)"
                R"( "answer": {"b": 1.0, "a": null}, "id": "r"})"),
      R"({"z":1,"stdin_tests":[["1\n", "2\n"]],"language":"cpp",)"
      R"("checker":{"source": "int main(){}"},"answer":{"b": 1.0, "a": null},)"
      R"("id":"r"})");
  // verl's.
  EXPECT_EQ(Reference(R"({"data_source":"math","question":"q","reward_model":)"
                      R"({"style":"rule","ground_truth":"7"},"extra_info":)"
                      R"({"split":"train","index":0}})"),
            R"({"data_source":"math","reward_model":{"style":"rule",)"
            R"("ground_truth":"7"},"extra_info":{"split":"train","index":0}})");
  EXPECT_EQ(Reference(R"({"question":"q"})"), "{}");
  EXPECT_EQ(Reference(R"({"question":"q","answer":["7","8"]})"),
            R"({"answer":["7","8"]})");
}

TEST(RowReference, AnAnswerOfAnotherNameIsThereUnderBoth) {
  EXPECT_EQ(
      Reference(R"({"question":"q","solution":0.50,"level":3})", "solution"),
      R"({"solution":0.50,"level":3,"answer":0.50})");
  EXPECT_EQ(Reference(R"({"answer":"worked","question":"q","gold":7})", "gold"),
            R"({"answer":7,"gold":7})");
  EXPECT_EQ(Reference(R"({"question":"q","rm":{"gt":{"c":1e-7}}})", "rm.gt.c"),
            R"({"rm":{"gt":{"c":1e-7}},"answer":1e-7})");
  EXPECT_EQ(Reference(R"({"question":"q","rm.x":2,"rm":{"x":3}})", "rm.x"),
            R"({"rm.x":2,"rm":{"x":3},"answer":2})");
  // Code beside questions with an answer: its rules say what is missing.
  EXPECT_EQ(Reference(R"({"question":"q","test":"assert f"})", "gold"),
            R"({"test":"assert f"})");
  EXPECT_THAT(Reference(R"({"question":"q","answer":"7"})", "gold"),
              HasSubstr("f:1: task.answer_field: no field \"gold\" to be the "
                        "answer, only: answer"));
}

TEST(RowReference, CountdownRowsKeepTheirOtherFields) {
  const auto rows = ParseProblems(
      TaskSection(),
      " {\"nums\": [1, 2], \"target\": 3, \"ground_truth\": {\"numbers\": "
      "[1, 2], \"target\": 3}, \"p\": 1e-7} \r\n",
      "f");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->at(0).reference,
            "{\"nums\": [1, 2], \"target\": 3, \"ground_truth\": {\"numbers\": "
            "[1, 2], \"target\": 3}, \"p\": 1e-7}");
}

TEST(AnswerForm, ReadsWhatFollowsTheLastHashes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"Mira picks 3+4=<<3+4=7>>7 baskets.\n#### 42", "42"},
      {"#### 1,234", "1,234"},
      {"#### 7\n#### -8 ", "-8"},
      {"####\t3/4\n", "3/4"},
  };
  for (const auto& [text, answer] : cases) {
    const auto found = AnswerInForm(AFTER_HASHES, text);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(*found, answer);
  }
  EXPECT_EQ(Reference("{\"question\":\"q\",\"answer\":\"so\\n#### \\\"7\\\"\"}",
                      "answer", AFTER_HASHES),
            "{\"answer\":\"\\\"7\\\"\"}");
}

TEST(AnswerForm, ReadsTheLastBox) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"So we get $x=\\boxed{7}$.", "7"},
      {"\\boxed{1} and \\boxed{\\frac{1}{2}}", "\\frac{1}{2}"},
      {"\\boxed{\\{1, 2\\}}", "\\{1, 2\\}"},
      {"\\boxed 7$", "7"},
      {"\\boxed\\pi.", "\\pi"},
      {"\\boxed \xC3\xA9t\xC3\xA9", "\xC3\xA9"},
      {"\\fbox{ B }.", "B"},
      {"\\boxed{\\left\\{x\\right.}", "\\left\\{x\\right."},
  };
  for (const auto& [text, answer] : cases) {
    const auto found = AnswerInForm(BOXED, text);
    ASSERT_TRUE(found.ok()) << text << ": " << found.status();
    EXPECT_EQ(*found, answer);
  }
}

TEST(AnswerForm, ATextWithoutItIsNamedWithItsLine) {
  EXPECT_THAT(
      Reference("{\"question\":\"q\",\"answer\":\"just 7\"}", "answer",
                AFTER_HASHES),
      AllOf(HasSubstr("f:1: task.answer_form: field \"answer\": AFTER_HASHES"),
            HasSubstr("got \"just 7\"")));
  for (const char* text : {"", "7", "\\boxed{}", "\\boxed{7", "\\boxed",
                           "\\boxed{ }", "boxed{7}"}) {
    EXPECT_FALSE(AnswerInForm(BOXED, text).ok()) << text;
  }
  for (const char* text : {"", "7", "####", "#### \n", "### 7"}) {
    EXPECT_FALSE(AnswerInForm(AFTER_HASHES, text).ok()) << text;
  }
  EXPECT_THAT(
      Reference("{\"question\":\"q\",\"answer\":7}", "answer", BOXED),
      HasSubstr("task.answer_form BOXED: field \"answer\": expected a string, "
                "got number"));
  EXPECT_THAT(
      Reference("{\"question\":\"q\",\"x\":7}", "answer", BOXED),
      HasSubstr("task.answer_form BOXED: no field \"answer\", only: x"));
}

TEST(RowFile, AnotherKindOfFileIsNamedWithItsConversion) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {std::string("PAR1\x15\x04", 6),
       "a Parquet file: convert it by python3 "
       "r1_data.py d/x > rows.jsonl"},
      {"ARROW1", "an Arrow file: convert it by python3 r1_data.py"},
      {std::string("\xFF\xFF\xFF\xFF\x10\0\0\0", 8), "an Arrow stream"},
      {"\x1F\x8B\x08", "a gzip archive: convert it by zcat d/x > rows.jsonl"},
      {"PK\x03\x04", "a zip archive: convert it by unzip -p d/x"},
      {"\x28\xB5\x2F\xFD", "a zstd archive: convert it by zstdcat"},
      {"BZh91AY", "a bzip2 archive"},
      {"\xFD\x37zXZ", "an xz archive"},
      {std::string("\xFF\xFE{\0", 4), "text in UTF-16: convert it by iconv"},
      {std::string("\xFE\xFF\0{", 4), "text in UTF-16"},
      {std::string("{\0\"\0", 4), "text in UTF-16"},
      {std::string("\0{\0\"", 4), "text in UTF-16"},
      {std::string("\xFF\xFE\0\0{\0\0\0", 8), "text in UTF-32"},
      {"[{\"question\": 1}]", "a JSON array: convert it by python3 r1_data.py"},
      {"\xEF\xBB\xBF\n [", "a JSON array"},
      {"{\n  \"question\": 1", "a JSON document over several lines"},
      {"question,answer\n1+1,2\n",
       "what looks like CSV: convert it by python3"},
      {"question\tanswer\n", "what looks like tab-separated values"},
      {"version https://git-lfs.github.com/spec/v1", "git lfs pull"},
      {"<!DOCTYPE html>", "a web page"},
      {std::string("SQLite format 3\0", 16), "an SQLite database"},
      {"\x80\x04\x95", "a Python pickle"},
  };
  for (const auto& [head, message] : cases) {
    const absl::Status status = CheckIsJsonLines(head, "d/x");
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_THAT(
        std::string(status.message()),
        AllOf(HasSubstr("d/x: expected JSON Lines"), HasSubstr(message)));
  }
  for (const char* text : {"", "{}", "{\"a\": \"x,y\"}\n", "\xEF\xBB\xBF{}",
                           "\n\n {\"a\": 1}\r\n", "plain words"}) {
    EXPECT_TRUE(CheckIsJsonLines(text, "d/x").ok()) << text;
  }
}

TEST(RowFile, AFolderIsNoFileOfRows) {
  const absl::Status folder = ReadRowFile(testing::TempDir()).status();
  EXPECT_THAT(std::string(folder.message()),
              HasSubstr("got a folder: convert it by python3 r1_data.py"));
  EXPECT_EQ(ReadRowFile("/absent.jsonl").status().code(),
            absl::StatusCode::kNotFound);
  const std::string path =
      absl::StrCat(testing::TempDir(), "/rows_", ::getpid());
  ASSERT_TRUE(WriteFileAtomic(path, "{\"a\":1}\n").ok());
  EXPECT_EQ(*ReadRowFile(path), "{\"a\":1}\n");
}

}  // namespace
}  // namespace r1
