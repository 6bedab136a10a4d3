#include "pipeline/screen/progress.h"

#include <cmath>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace r1 {
namespace {

using Format = ShownMetric::Format;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(FormatMetricTest, NumbersAsPeopleReadThem) {
  EXPECT_EQ(FormatMetric(Format::kPercent, 0.4712), "47.1 %");
  EXPECT_EQ(FormatMetric(Format::kCount, 1234567.4), "1,234,567");
  EXPECT_EQ(FormatMetric(Format::kCount, -1000), "-1,000");
  EXPECT_EQ(FormatMetric(Format::kCount, 999), "999");
  EXPECT_EQ(FormatMetric(Format::kScientific, 0), "0");
  EXPECT_EQ(FormatMetric(Format::kScientific, 3.14e-5), "3.1e-05");
  EXPECT_EQ(FormatMetric(Format::kNumber, 1.5), "1.500");
  EXPECT_EQ(FormatMetric(Format::kNumber, 123.456), "123.5");
  EXPECT_EQ(FormatMetric(Format::kNumber, 0.00012), "1.20e-04");
}

TEST(FormatMetricTest, WhatIsNoNumberSaysSo) {
  EXPECT_EQ(FormatMetric(Format::kPercent, std::nan("")), "-");
  EXPECT_EQ(FormatMetric(Format::kCount, INFINITY), "inf");
  EXPECT_EQ(FormatMetric(Format::kNumber, -INFINITY), "-inf");
}

TEST(FormatMetricTest, EvaluationsHaveSharesLengthsAndCounts) {
  EXPECT_EQ(FormatEvalMetric("pass@1", 0.695), "69.5 %");
  EXPECT_EQ(FormatEvalMetric("mean_length", 81.1758), "81.2");
  EXPECT_EQ(FormatEvalMetric("problems", 1280), "1,280");
  EXPECT_EQ(FormatEvalMetric("abstained", 0), "0");
  EXPECT_EQ(FormatEvalMetric("unjudged", 3), "3");
  EXPECT_EQ(FormatEvalMetric("reward/rule/repetition", -0.5), "-0.500");
}

TEST(FormatSpanTest, RoundsToSeconds) {
  EXPECT_EQ(FormatSpan(absl::Seconds(59.4)), "0:59");
  EXPECT_EQ(FormatSpan(absl::Seconds(61)), "1:01");
  EXPECT_EQ(FormatSpan(absl::Seconds(3723)), "1:02:03");
  EXPECT_EQ(FormatSpan(absl::Seconds(-1)), "0:00");
}

TEST(EtaTest, NeedsTwoSteps) {
  EtaEstimator eta;
  EtaEstimator::Estimate estimate;
  EXPECT_FALSE(eta.Remaining(10, &estimate));
  eta.AddStep(absl::Seconds(2));
  EXPECT_FALSE(eta.Remaining(10, &estimate));
  eta.AddStep(absl::Seconds(2));
  ASSERT_TRUE(eta.Remaining(10, &estimate));
  EXPECT_EQ(estimate.median, absl::Seconds(20));
  EXPECT_EQ(estimate.p90, absl::Seconds(20));  // no spread seen
}

TEST(EtaTest, SpreadWidensTheEstimate) {
  EtaEstimator eta;
  for (int i = 0; i < 4; ++i) eta.AddStep(absl::Seconds(i % 2 == 0 ? 1 : 3));
  EtaEstimator::Estimate estimate;
  ASSERT_TRUE(eta.Remaining(9, &estimate));
  EXPECT_NEAR(absl::ToDoubleSeconds(estimate.median), 18, 1e-9);
  // s = sqrt(4/3), n = 4, r = 9: 18 + 1.2816 s sqrt(9 + 81 / 4).
  EXPECT_NEAR(absl::ToDoubleSeconds(estimate.p90),
              18 + 1.2816 * std::sqrt(4.0 / 3) * std::sqrt(9 + 81.0 / 4), 1e-6);
}

TEST(EtaTest, OldStepsAreForgotten) {
  EtaEstimator eta;
  for (int i = 0; i < 100; ++i) eta.AddStep(absl::Seconds(100));
  for (int i = 0; i < 50; ++i) eta.AddStep(absl::Seconds(1));
  EtaEstimator::Estimate estimate;
  ASSERT_TRUE(eta.Remaining(10, &estimate));
  EXPECT_EQ(estimate.median, absl::Seconds(10));
}

// Of a run whose second stage runs.
std::vector<StageStatus> ThreeStages(std::optional<absl::Duration> second,
                                     std::optional<absl::Duration> third) {
  using State = StageStatus::State;
  return {{"base", "supervised", State::kDone, absl::Seconds(100)},
          {"zero", "rl", State::kRunning, second},
          {"cold", "sample", State::kWaiting, third}};
}

TEST(LeftOfRunTest, AddsWhatIsNotDone) {
  const auto stages = ThreeStages(absl::Seconds(60), absl::Seconds(20));
  // What runs is known better by its own steps than by other stages.
  EXPECT_EQ(LeftOfRun(stages, absl::Seconds(35)).ToString(), "0:55");
  EXPECT_EQ(LeftOfRun(stages, std::nullopt).ToString(), "more than 0:20");
}

TEST(LeftOfRunTest, UnknownStagesMakeItABound) {
  const auto stages = ThreeStages(std::nullopt, std::nullopt);
  EXPECT_EQ(LeftOfRun(stages, absl::Seconds(35)).ToString(), "more than 0:35");
  EXPECT_EQ(LeftOfRun(stages, std::nullopt).ToString(), "");
  EXPECT_EQ(LeftOfRun({}, std::nullopt).ToString(), "0:00");
}

// What `act` prints, by lines; the clock stands still but for what it does.
std::vector<std::string> LinesOf(const std::function<void(Progress*)>& act,
                                 absl::Time* now = nullptr) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* stream = ::open_memstream(&text, &size);
  absl::Time still = absl::UnixEpoch();
  if (now == nullptr) now = &still;
  act(MakePlainProgress(stream, [now] { return *now; }).get());
  std::fclose(stream);
  std::vector<std::string> lines =
      absl::StrSplit(std::string(text, size), '\n', absl::SkipEmpty());
  std::free(text);
  return lines;
}

TEST(PlainProgressTest, SaysWhichStageOfTheRunBegins) {
  EXPECT_THAT(
      LinesOf([](Progress* progress) {
        progress->Stages(ThreeStages(std::nullopt, std::nullopt));
        progress->Stages(ThreeStages(absl::Seconds(60), std::nullopt));
        progress->Stages({{"only", "rl", StageStatus::State::kRunning, {}}});
      }),
      ElementsAre("stage 2 of 3: zero (rl)",
                  "stage 2 of 3: zero (rl), left of the run more than 1:00"));
}

TEST(PlainProgressTest, OneLineASecondAndOneForTheLastStep) {
  absl::Time now = absl::UnixEpoch();
  const auto act = [&](Progress* progress) {
    progress->Describe("1 k parameters");
    progress->StartStage("rl", 0, 4);
    progress->Activity("generating", 1, 2);
    progress->Step(1, {{"reward/mean", 0.5},
                       {"accuracy", 0.25},
                       {"reward/errors", 2},
                       {"reward/abstains", 0},
                       {"reward/not_applicable", 7}});
    now += absl::Milliseconds(999);
    progress->Step(2, {{"reward/mean", 0.75}});  // within a second: no line
    now += absl::Milliseconds(1);
    progress->Step(3, {{"reward/mean", 0.875}});
    progress->Step(4, {{"reward/mean", 1}, {"unknown", 3}});  // the last
    progress->Eval(2, {{"pass@1", 0.125}});
  };
  EXPECT_THAT(LinesOf(act, &now),
              ElementsAre("model: 1 k parameters", "rl: 4 steps",
                          "rl 1/4  reward 0.500  accuracy 25.0 %  errors 2  "
                          "n/a 7",
                          StartsWith("rl 3/4  reward 0.875"),
                          StartsWith("rl 4/4  reward 1.000"),
                          "eval at step 2  pass@1 0.125"));
}

// It hides no line of the first step, and says nothing of how long steps take.
TEST(PlainProgressTest, WhatIsMeasuredBeforeTheFirstStepHasALine) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* stream = ::open_memstream(&text, &size);
  {
    const auto progress = MakePlainProgress(stream);
    progress->StartStage("sft", 0, 9);
    progress->Step(0, {{"held_out_loss", 5}});
    progress->Step(1, {{"loss", 4}, {"held_out_loss", 4.5}});
  }
  std::fclose(stream);
  const std::vector<std::string> lines =
      absl::StrSplit(std::string(text, size), '\n');
  std::free(text);
  EXPECT_THAT(lines, ElementsAre("sft: 9 steps", "sft 0/9  held_out 5.000",
                                 "sft 1/9  loss 4.000  held_out 4.500", ""));
}

}  // namespace
}  // namespace r1
