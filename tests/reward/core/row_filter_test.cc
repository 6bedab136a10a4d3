#include "reward/core/row_filter.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

std::string Mismatch(const char* filter, const char* reference) {
  const auto parsed = RowFilter::Parse(filter);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed->Mismatch(reference);
}

TEST(RowFilterTest, EveryFieldHasAnAllowedValue) {
  const char* const one = R"({"data_source": "gsm8k"})";
  EXPECT_EQ(Mismatch(one, R"({"answer": "72", "data_source":"gsm8k"})"), "");
  EXPECT_EQ(Mismatch(one, R"({"answer": "72"})"),
            "the row has no \"data_source\"");
  EXPECT_EQ(Mismatch(one, R"({"data_source": "math"})"),
            "the row's \"data_source\" is \"\\\"math\\\"\"");
  // Letters and escapes of one text are equal, other spellings are not.
  EXPECT_EQ(Mismatch(one, R"({"data_source": "\u0067sm8k"})"), "");
  EXPECT_NE(Mismatch(one, R"({"data_source": "GSM8K"})"), "");
  EXPECT_NE(Mismatch(one, R"({"data_source": "gsm8k "})"), "");

  const char* const both = R"({"data_source": ["gsm8k", "math"], "level": 3})";
  EXPECT_EQ(Mismatch(both, R"({"data_source": "math", "level": 3.0})"), "");
  EXPECT_NE(Mismatch(both, R"({"data_source": "math", "level": "3"})"), "");
  EXPECT_NE(Mismatch(both, R"({"data_source": "math"})"), "");
  EXPECT_NE(Mismatch(both, R"({"data_source": "mbpp", "level": 3})"), "");

  EXPECT_EQ(Mismatch(R"({"hard": true})", R"({"hard": true})"), "");
  EXPECT_NE(Mismatch(R"({"hard": true})", R"({"hard": 1})"), "");
  EXPECT_EQ(RowFilter().Mismatch("anything"), "");
}

TEST(RowFilterTest, OddReferencesDoNotPass) {
  const char* const filter = R"({"a": 1})";
  for (const char* reference :
       {"", "{}", "[]", "null", "{\"a\":", "{\"a\":[1]}", "{\"a\":{\"a\":1}}",
        "{\"a\":null}", "{\"b\":{\"a\":1}}", "\xFF"}) {
    EXPECT_NE(Mismatch(filter, reference), "") << reference;
  }
}

TEST(RowFilterTest, BadFiltersAreRefusedWithAnExample) {
  for (const char* filter :
       {"", "gsm8k", "[]", "{}", R"({"a": null})", R"({"a": []})",
        R"({"a": [[1]]})", R"({"a": {"b": 1}})", R"({"a": 1)"}) {
    const absl::Status status = RowFilter::Parse(filter).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << filter;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(R"(e.g. {"data_source": "gsm8k"})"));
  }
}

}  // namespace
}  // namespace r1
