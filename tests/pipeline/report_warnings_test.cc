#include "pipeline/report/report_warnings.h"

#include <cmath>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace r1 {
namespace {

using ::testing::IsEmpty;

// Ten steps of a stage: those of the first and of the last fifth, others 0 to
// show that they are not looked at.
struct TenSteps {
  const char* metric;
  double first[2], last[2];
};

std::vector<std::string> WarningsOf(const std::vector<TenSteps>& metrics,
                                    int num_steps = 10) {
  StageConfig rl, sft;
  rl.set_name("zero");
  rl.mutable_rl();
  sft.set_name("base");
  sft.mutable_supervised();
  std::vector<MetricsRow> rows;
  for (const char* stage : {"base", "zero"}) {
    for (int step = 1; step <= num_steps; ++step) {
      MetricsRow& row = rows.emplace_back();
      row.stage = stage;
      row.step = step;
      for (const TenSteps& m : metrics) {
        const int to_end = num_steps - step;
        row.metrics.emplace_back(m.metric, step <= 2    ? m.first[step - 1]
                                           : to_end < 2 ? m.last[1 - to_end]
                                                        : 0);
      }
    }
  }
  std::vector<std::string> texts;
  for (const ReportWarning& warning : FindWarnings({sft, rl}, rows)) {
    EXPECT_EQ(warning.stage, "zero");  // the other kind does not sample
    texts.push_back(warning.text);
  }
  return texts;
}

TEST(ReportWarningsTest, RewardThatRisesWhileAccuracyFalls) {
  EXPECT_EQ(WarningsOf({{"reward/mean", {1.0, 1.1}, {1.5, 1.6}},
                        {"accuracy", {0.40, 0.42}, {0.30, 0.32}}}),
            std::vector<std::string>{
                "The mean reward rises from 1.050 (steps 1–2) to 1.550 (steps "
                "9–10) while accuracy falls from 41.0 % (steps 1–2) to 31.0 % "
                "(steps 9–10): the reward may be earned without right answers "
                "(reward hacking)."});
  // Either alone is none.
  EXPECT_THAT(WarningsOf({{"reward/mean", {1.0, 1.1}, {1.5, 1.6}},
                          {"accuracy", {0.40, 0.42}, {0.50, 0.52}}}),
              IsEmpty());
  EXPECT_THAT(WarningsOf({{"reward/mean", {1.0, 1.1}, {0.5, 0.6}},
                          {"accuracy", {0.40, 0.42}, {0.30, 0.32}}}),
              IsEmpty());
}

TEST(ReportWarningsTest, LanguageThatIsLost) {
  EXPECT_EQ(
      WarningsOf({{"reward/rule/language", {0.9, 0.92}, {0.7, 0.72}}}),
      std::vector<std::string>{
          "The share of the question's language falls from 91.0 % (steps 1–2) "
          "to 71.0 % (steps 9–10): answers mix languages."});
  EXPECT_THAT(WarningsOf({{"reward/rule/language", {0.7, 0.72}, {0.9, 0.92}}}),
              IsEmpty());
}

// Means of two steps s apart have standard errors of s / 2 each, their
// difference one of s / sqrt 2: a fall counts from 1.41 s on.
TEST(ReportWarningsTest, NoiseIsNoChange) {
  EXPECT_THAT(WarningsOf({{"reward/rule/language", {0.8, 0.9}, {0.67, 0.77}}}),
              IsEmpty());  // by 0.13 of 0.141
  EXPECT_EQ(
      WarningsOf({{"reward/rule/language", {0.8, 0.9}, {0.65, 0.75}}}).size(),
      1u);  // by 0.15
  // And never 0.02 or less, however steady.
  EXPECT_THAT(
      WarningsOf({{"reward/rule/language", {0.9, 0.9}, {0.885, 0.885}}}),
      IsEmpty());
}

TEST(ReportWarningsTest, AnswersThatAreCutOff) {
  EXPECT_EQ(WarningsOf({{"truncated_share", {0.01, 0.01}, {0.10, 0.12}}}),
            std::vector<std::string>{
                "The share of truncated answers rises from 1.0 % (steps 1–2) "
                "to 11.0 % (steps 9–10): rollout.max_new_tokens cuts them "
                "off."});
  EXPECT_EQ(WarningsOf({{"truncated_share", {0.30, 0.30}, {0.25, 0.25}}}),
            std::vector<std::string>{
                "Many answers are truncated, 25.0 % (steps 9–10): "
                "rollout.max_new_tokens cuts them off."});
  // A rise that stays small.
  EXPECT_THAT(WarningsOf({{"truncated_share", {0.0, 0.0}, {0.04, 0.04}}}),
              IsEmpty());
}

// A trend takes ten steps; a state does not.
TEST(ReportWarningsTest, AShortStageHasNoTrend) {
  EXPECT_THAT(WarningsOf({{"reward/rule/language", {0.9, 0.9}, {0.1, 0.1}}}, 9),
              IsEmpty());
  EXPECT_EQ(
      WarningsOf({{"truncated_share", {0.5, 0.5}, {0.5, 0.5}}}, 4),
      std::vector<std::string>{"Many answers are truncated, 50.0 % (step 4): "
                               "rollout.max_new_tokens cuts them off."});
}

TEST(ReportWarningsTest, NothingRecordedIsNothingToSay) {
  EXPECT_THAT(WarningsOf({}), IsEmpty());
  EXPECT_THAT(WarningsOf({{"reward/rule/language",
                           {std::nan(""), std::nan("")},
                           {std::nan(""), std::nan("")}}}),
              IsEmpty());
}

}  // namespace
}  // namespace r1
