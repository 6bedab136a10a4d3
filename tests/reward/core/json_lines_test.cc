#include "reward/core/json_lines.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

TEST(JsonLinesTest, ReadsAnItem) {
  const auto line = ParseItemLine(
      R"({"id": "a\"b", "completion": "x\ny", "reference": {"nums": [1, 2]},)"
      R"( "prompt": "p", "completion_tokens": 7, "is_truncated": true,)"
      R"( "group": "g", "more": 1})");
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->id, R"("a\"b")");
  EXPECT_EQ(line->item.completion(), "x\ny");
  EXPECT_EQ(line->item.reference(), R"({"nums": [1, 2]})");
  EXPECT_EQ(line->item.prompt(), "p");
  EXPECT_EQ(line->item.completion_tokens(), 7);
  EXPECT_TRUE(line->item.is_truncated());
  EXPECT_EQ(line->item.group(), "g");
}

TEST(JsonLinesTest, AReferenceThatIsNoObjectIsTheAnswer) {
  const auto reference = [](const std::string& json) {
    const auto line = ParseItemLine(
        R"({"id": 3, "completion": "", "reference": )" + json + "}");
    EXPECT_TRUE(line.ok()) << line.status();
    EXPECT_EQ(line->id, "3");
    return line->item.reference();
  };
  EXPECT_EQ(reference(R"("\\frac12")"), R"({"answer":"\\frac12"})");
  EXPECT_EQ(reference("72"), R"({"answer":72})");
  EXPECT_EQ(reference("null"), "{}");
  EXPECT_EQ(reference(R"({"answer": "B"})"), R"({"answer": "B"})");
}

TEST(JsonLinesTest, AReferencePassesThroughAsItIsSpelled) {
  for (const std::string json :
       {"18446744073709551616", "-9223372036854775809", "0.00002", "1e22",
        "1.50", "123456789.123456789", "[1e-7, {\"b\": 1.0, \"a\": 2}]"}) {
    const auto line = ParseItemLine(absl::StrCat(
        R"({"id": 1, "completion": "", "reference": )", json, "}"));
    ASSERT_TRUE(line.ok()) << line.status();
    EXPECT_EQ(line->item.reference(), absl::StrCat("{\"answer\":", json, "}"));
    const std::string object =
        absl::StrCat("{\"z\" : ", json, ", \"reference\": 1}");
    const auto whole = ParseItemLine(absl::StrCat(
        R"({"reference": )", object, R"( , "id": 1, "completion": ""})"));
    ASSERT_TRUE(whole.ok()) << whole.status();
    EXPECT_EQ(whole->item.reference(), object);
  }
}

TEST(JsonLinesTest, SaysWhichFieldIsWrong) {
  const auto problem = [](const std::string& line) {
    const absl::Status status = ParseItemLine(line).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << line;
    return std::string(status.message());
  };
  EXPECT_EQ(problem("{\"id\": 1"),
            "expected a JSON object {\"id\", \"completion\", \"reference\"}, "
            "got \"{\\\"id\\\": 1\"");
  EXPECT_THAT(problem("[1]"), HasSubstr("expected a JSON object"));
  EXPECT_THAT(problem("{\"id\": \"\xFF\"}"), HasSubstr("expected a JSON"));
  EXPECT_EQ(problem("{}"),
            "\"id\": expected a string or an integer, got nothing");
  EXPECT_EQ(problem(R"({"id": 1.5, "completion": ""})"),
            "\"id\": expected a string or an integer, got 1.5");
  EXPECT_EQ(problem(R"({"id": 1})"),
            "\"completion\": expected a string, got nothing");
  EXPECT_EQ(problem(R"({"id": 1, "completion": ["a"]})"),
            "\"completion\": expected a string, got [\\\"a\\\"]");
  EXPECT_THAT(
      problem(R"({"id": 1, "completion": "", "completion_tokens": -1})"),
      HasSubstr("\"completion_tokens\": expected an integer from 0"));
  EXPECT_THAT(problem(R"({"id": 1, "completion": "", "is_truncated": 1})"),
              HasSubstr("\"is_truncated\": expected true or false, got 1"));
  const std::string deep(1000000, '[');
  EXPECT_LT(problem(deep).size(), 200u);
}

// Depth is memory on the stack to a recursive printer.
TEST(JsonLinesTest, DeepNestingIsRefusedNotACrash) {
  const auto parse = [](int depth) {
    return ParseItemLine(
        absl::StrCat(R"({"id": 1, "completion": "", "reference": )",
                     std::string(depth, '['), std::string(depth, ']'), "}"));
  };
  EXPECT_TRUE(parse(50).ok());
  const absl::Status status = parse(1000000).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nested deeper than"));
  EXPECT_LT(status.message().size(), 300u);
}

TEST(JsonLinesTest, WritesAResult) {
  RewardResult result;
  result.set_kind(REWARD_SCORE);
  result.set_total(0.5);
  result.set_raw_total(0.5);
  RewardComponent* component = result.add_components();
  component->set_name("format");
  component->set_value(0.5);
  result.set_detail("say \"why\"");
  EXPECT_EQ(ResultLine("\"a\"", result),
            R"({"id":"a","kind":"score","total":0.5,"components":)"
            R"({"format":0.5},"detail":"say \"why\""})");
  result.set_raw_total(2);
  EXPECT_THAT(ResultLine("7", result),
              HasSubstr(R"("total":0.5,"raw_total":2.0,)"));
  result.set_kind(REWARD_ABSTAIN);
  EXPECT_THAT(ResultLine("null", result),
              HasSubstr(R"({"id":null,"kind":"abstain","total":null,)"));
  (*result.mutable_versions())["judge"] = "v1";
  result.add_not_applicable("math");
  (*result.mutable_metrics())["judge/words"] = 3;
  (*result.mutable_metrics())["judge/lines"] = 1;
  (*result.mutable_extracted())["judge"] = "42";
  EXPECT_THAT(
      ResultLine("7", result),
      HasSubstr(R"("versions":{"judge":"v1"},"not_applicable":["math"],)"
                R"("metrics":{"judge/lines":1.0,"judge/words":3.0},)"
                R"("extracted":{"judge":"42"}})"));
}

TEST(JsonLinesTest, KindsHaveNames) {
  EXPECT_STREQ(RewardKindName(REWARD_SCORE), "score");
  EXPECT_STREQ(RewardKindName(REWARD_NOT_APPLICABLE), "not_applicable");
  EXPECT_STREQ(RewardKindName(REWARD_UNSPECIFIED), "unspecified");
}

}  // namespace
}  // namespace r1
