#include "base/json_members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace r1 {
namespace {

std::string ValueOf(absl::string_view text, absl::string_view name) {
  const auto value = JsonMemberValue(text, name);
  return value.has_value() ? std::string(*value) : "nothing";
}

TEST(JsonMembers, ValuesKeepTheirSpelling) {
  constexpr char kText[] =
      R"( {"a" : 1.50, "b":18446744073709551616 , "c":[1, {"x":"}"}],)"
      R"("d":"say \"hi\", {you}","e":{ "z":0.00002, "y":[] },"f":-1E+22,)"
      R"("g":null,"":"empty"} )";
  EXPECT_EQ(ValueOf(kText, "a"), "1.50");
  EXPECT_EQ(ValueOf(kText, "b"), "18446744073709551616");
  EXPECT_EQ(ValueOf(kText, "c"), R"([1, {"x":"}"}])");
  EXPECT_EQ(ValueOf(kText, "d"), R"("say \"hi\", {you}")");
  EXPECT_EQ(ValueOf(kText, "e"), R"({ "z":0.00002, "y":[] })");
  EXPECT_EQ(ValueOf(kText, "f"), "-1E+22");
  EXPECT_EQ(ValueOf(kText, "g"), "null");
  EXPECT_EQ(ValueOf(kText, ""), R"("empty")");
  EXPECT_EQ(ValueOf(kText, "x"), "nothing");
}

TEST(JsonMembers, NamesAreUnescaped) {
  EXPECT_EQ(ValueOf(R"({"a\u0062\u00e9\ud83d\ude00\n\/\"": 7})",
                    "ab\xC3\xA9\xF0\x9F\x98\x80\n/\""),
            "7");
}

TEST(JsonMembers, WritesTheObjectThatItRead) {
  constexpr char kText[] = R"({"z":1e22,"a":{"k": [1,2]},"\u0061":"x"})";
  EXPECT_EQ(JsonObject(*JsonMembers(kText)), kText);
  EXPECT_EQ(JsonObject(*JsonMembers(" { } ")), "{}");
  EXPECT_EQ(ValueOf(kText, "a"), "\"x\"") << "the last of two counts";
  EXPECT_EQ(JsonMemberNames(*JsonMembers(R"({"b":1,"a":2})")), "b, a");
  EXPECT_EQ(JsonMemberNames({}), "none");
}

TEST(JsonMembers, WhatIsNoObjectHasNone) {
  for (const char* text :
       {"", "7", "[1]", "{", "{\"a\"", "{\"a\":", "{\"a\":}", "{\"a\":1",
        "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "{\"a\":1}x", "{\"a\":\"x}",
        "{\"a\":1]}", "\"{}\"", "{\"a\\", "{\"a\":\"\\", "{\"\\u12\":1",
        "{\"a\":,\"b\":1}"}) {
    EXPECT_FALSE(JsonMembers(text).has_value()) << text;
  }
  // Cut anywhere, nothing is read beyond the end.
  const std::string text = R"({"a\u00e9":{"b":["\"",1.5]},"c":true})";
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(JsonMembers(text.substr(0, size)).has_value()) << size;
  }
  EXPECT_TRUE(JsonMembers(text).has_value());
  EXPECT_EQ(JsonMembers(R"({"\u12":1})")->size(), 1u);
}

}  // namespace
}  // namespace r1
