#include "reward/core/options.h"

#include <string>

#include "gtest/gtest.h"

namespace r1 {
namespace {

// One option of every type, with defaults.
struct Values {
  int n = 3;
  double share = 0.5;
  bool is_strict = true;
  std::string text = "default";
  int unit = 1;
};

absl::Status Read(const RuleOptions& options, Values* values) {
  OptionReader read(options);
  read.Int("n", 1, 64, &values->n);
  read.Number("share", 0, 1, &values->share);
  read.Bool("strict", &values->is_strict);
  read.Text("text", &values->text);
  read.Choice("unit", {"words", "characters"}, &values->unit);
  return read.Finish();
}

std::string Message(const RuleOptions& options) {
  Values values;
  const absl::Status status = Read(options, &values);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(OptionReaderTest, ReadsEveryTypeAndKeepsDefaults) {
  Values values;
  ASSERT_TRUE(Read({{"n", "64"},
                    {"share", "0.25"},
                    {"strict", "false"},
                    {"text", ""},
                    {"unit", "words"}},
                   &values)
                  .ok());
  EXPECT_EQ(values.n, 64);
  EXPECT_EQ(values.share, 0.25);
  EXPECT_FALSE(values.is_strict);
  EXPECT_EQ(values.text, "");
  EXPECT_EQ(values.unit, 0);
  Values defaults;
  ASSERT_TRUE(Read({}, &defaults).ok());
  EXPECT_EQ(defaults.n, 3);
  EXPECT_EQ(defaults.share, 0.5);
  EXPECT_TRUE(defaults.is_strict);
  EXPECT_EQ(defaults.text, "default");
  EXPECT_EQ(defaults.unit, 1);
}

TEST(OptionReaderTest, SaysWhatIsWrong) {
  EXPECT_EQ(Message({{"n", "0"}}),
            "option \"n\": expected an integer from 1 to 64, got \"0\"");
  EXPECT_EQ(Message({{"n", "3.5"}}),
            "option \"n\": expected an integer from 1 to 64, got \"3.5\"");
  EXPECT_EQ(Message({{"n", "99999999999"}}),
            "option \"n\": expected an integer from 1 to 64, got "
            "\"99999999999\"");
  EXPECT_EQ(Message({{"share", "nan"}}),
            "option \"share\": expected a number from 0 to 1, got \"nan\"");
  EXPECT_EQ(Message({{"share", "1.01"}}),
            "option \"share\": expected a number from 0 to 1, got \"1.01\"");
  EXPECT_EQ(Message({{"strict", "yes"}}),
            "option \"strict\": expected one of true, false, got \"yes\"");
  EXPECT_EQ(Message({{"unit", "word"}}),
            "option \"unit\": expected one of words, characters, got \"word\"");
  EXPECT_EQ(
      Message({{"shrae", "1"}}),
      "unknown option \"shrae\"; known: n, share, strict, text, unit, and "
      "for every rule clip_high, clip_low, combine, for, gate, when; did you "
      "mean \"share\"?");
  EXPECT_LT(Message({{std::string(5000000, 'x'), "1"}}).size(), 300u);
}

}  // namespace
}  // namespace r1
