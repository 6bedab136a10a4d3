#include "pipeline/screen/live_screen.h"

#include <cmath>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/screen/escape.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A run in the middle of its RL stage.
ScreenState ExampleState() {
  ScreenState state;
  state.run_name = "runs/quickstart-1";
  state.description = "0.94 M parameters";
  state.stage = "rl";
  state.step = 57;
  state.total_steps = 300;
  state.elapsed = absl::Seconds(72);
  state.has_eta = true;
  state.eta = {absl::Seconds(298), absl::Seconds(320)};
  state.activity = "generating samples";
  state.activity_done = 312;
  state.activity_total = 512;
  for (const ShownMetric& shown : ShownMetrics()) {
    for (int i = 0; i < 100; ++i) {
      state.history[shown.name].push_back(shown.is_fault ? 0 : 0.01 * i);
    }
  }
  state.evals = {{0, {{"pass@1", 0.281}}}, {50, {{"pass@1", 0.412}}}};
  WorkerStatus worker;
  worker.name = "local/1";
  worker.samples_in_flight = 64;
  worker.samples_finished = 1234;
  state.workers = {worker};
  state.log = {"12:00:01 a worker joined", "12:00:02 warning: a retry"};
  return state;
}

// The text without SGR sequences.
std::string WithoutColor(absl::string_view line) {
  std::string text;
  while (!line.empty()) {
    if (absl::StartsWith(line, "\x1b[")) {
      line.remove_prefix(line.find('m') + 1);
    } else {
      text += line[0];
      line.remove_prefix(1);
    }
  }
  return text;
}

TEST(LiveScreenTest, ShowsWhatAPersonAsksFor) {
  const std::string screen =
      absl::StrJoin(RenderScreen(ExampleState(), {100, 40}, false), "\n");
  for (const char* part : {"runs/quickstart-1",
                           "0.94 M parameters",
                           "step 57/300",
                           "19 %",
                           "1:12",
                           "left 4:58–5:20",
                           "generating samples 312/512",
                           "reward",
                           "accuracy",
                           "format",
                           "length",
                           "KL",
                           "entropy",
                           "clip fraction",
                           "mismatch",
                           "generate tok/s",
                           "train tok/s",
                           "99.0 %",
                           "step 0 28.1 %",
                           "step 50 41.2 %",
                           "local/1   64 in flight, 1234 samples",
                           "warning: a retry",
                           "Ctrl-C"}) {
    EXPECT_THAT(screen, HasSubstr(part));
  }
}

TEST(LiveScreenTest, WhatCouldNotBeScoredIsShownWhereThereIsAny) {
  ScreenState state = ExampleState();
  const auto screen = [&] {
    return absl::StrJoin(RenderScreen(state, {100, 40}, false), "\n");
  };
  EXPECT_THAT(screen(), Not(HasSubstr("abstentions")));
  state.history["reward/abstains"] = {0, 3, 0};
  EXPECT_THAT(screen(), HasSubstr("abstentions"));
  EXPECT_THAT(screen(), Not(HasSubstr("not applicable")));
}

TEST(LiveScreenTest, FitsEverySizeOfTerminal) {
  ScreenState state = ExampleState();
  state.run_name = std::string(300, 'x');
  state.log.assign(100, std::string(500, 'y'));
  state.workers.assign(50, state.workers[0]);
  for (const int columns : {1, 10, 40, 80, 81, 200}) {
    for (const int rows : {1, 5, 24, 60}) {
      for (const bool use_color : {false, true}) {
        const std::vector<std::string> lines =
            RenderScreen(state, {columns, rows}, use_color);
        EXPECT_LE(lines.size(), rows) << columns << "x" << rows;
        for (const std::string& line : lines) {
          EXPECT_LE(DisplayWidth(WithoutColor(line)), columns) << line;
        }
      }
    }
  }
}

// A run of stages s0 ..., of which `running` runs.
ScreenState StateOfStages(int count, int running) {
  ScreenState state = ExampleState();
  for (int i = 0; i < count; ++i) {
    StageStatus& stage = state.stages.emplace_back();
    stage.name = absl::StrCat("s", i);
    stage.state = i < running    ? StageStatus::State::kDone
                  : i == running ? StageStatus::State::kRunning
                                 : StageStatus::State::kWaiting;
  }
  state.left_of_run = {absl::Seconds(754), /*is_more=*/true};
  return state;
}

TEST(LiveScreenTest, AllStagesOfTheRun) {
  EXPECT_EQ(RenderScreen(StateOfStages(3, 1), {80, 24}, false)[1],
            " ✓ s0  ▶ s1  · s2   left of the run more than 12:34 ");
  // Of thirteen none is left out on the usual terminal.
  ScreenState r1 = StateOfStages(13, 4);
  const char* const names[] = {
      "base", "zero",    "cold",   "dev1", "dev2",    "reject", "general",
      "dev3", "helpful", "safety", "r1",   "answers", "student"};
  for (int i = 0; i < 13; ++i) r1.stages[i].name = names[i];
  const auto lines = RenderScreen(r1, {80, 24}, false);
  EXPECT_THAT(lines[1], StartsWith(" ✓ base  ✓ zero  ✓ cold  ✓ dev1  ▶ dev2  "
                                   "· reject  · general  · dev3 "));
  EXPECT_EQ(lines[2],
            " · safety  · r1  · answers  · student   left of the run more than "
            "12:34 ");
  EXPECT_THAT(lines[3], HasSubstr("step 57/300"));
  // A run of one stage has no such row.
  EXPECT_THAT(RenderScreen(StateOfStages(1, 0), {80, 24}, false)[1],
              HasSubstr("step 57/300"));
}

TEST(LiveScreenTest, StagesWithoutRoomAreCounted) {
  const auto lines = RenderScreen(StateOfStages(40, 20), {40, 24}, false);
  EXPECT_THAT(lines[1], StartsWith(" ✓ 20 done  ▶ s20  · s21 "));
  EXPECT_THAT(lines[2], HasSubstr(" more "));
  EXPECT_THAT(lines[3], HasSubstr("step 57/300"));
  for (const int columns : {1, 10, 40, 80, 200}) {
    for (const std::string& line :
         RenderScreen(StateOfStages(40, 20), {columns, 24}, true)) {
      EXPECT_LE(DisplayWidth(WithoutColor(line)), columns) << line;
    }
  }
}

// On the usual 80 x 24 the metrics make way for what says why nothing moves.
TEST(LiveScreenTest, AShortTerminalKeepsTheLatestMessages) {
  ScreenState state = ExampleState();
  state.workers.push_back(state.workers[0]);
  state.workers[1].name = "local/2";
  for (const int rows : {16, 24}) {
    const std::string screen =
        absl::StrJoin(RenderScreen(state, {80, rows}, false), "\n");
    for (const char* part : {"a worker joined", "warning: a retry", "reward",
                             "accuracy", "step 50 41.2 %", "Ctrl-C"}) {
      EXPECT_THAT(screen, HasSubstr(part)) << rows;
    }
    EXPECT_THAT(screen, Not(HasSubstr("gradient norm"))) << rows;
  }
  const std::string usual =
      absl::StrJoin(RenderScreen(state, {80, 24}, false), "\n");
  EXPECT_THAT(usual, HasSubstr("train tok/s"));
  EXPECT_THAT(usual, HasSubstr("local/2"));
}

TEST(LiveScreenTest, WorkersWithoutARowAreCounted) {
  ScreenState state = ExampleState();
  state.workers.assign(50, state.workers[0]);
  const auto lines = RenderScreen(state, {80, 24}, false);
  int shown = 0;
  for (const std::string& line : lines) shown += line.find("local/1") == 8;
  EXPECT_GT(shown, 0);
  EXPECT_THAT(absl::StrJoin(lines, "\n"),
              HasSubstr(absl::StrCat("and ", 50 - shown, " more")));
}

TEST(LiveScreenTest, ColorAddsNothingButSequences) {
  const ScreenState state = ExampleState();
  const auto plain = RenderScreen(state, {90, 30}, false);
  const auto colored = RenderScreen(state, {90, 30}, true);
  ASSERT_EQ(plain.size(), colored.size());
  for (size_t i = 0; i < plain.size(); ++i) {
    EXPECT_THAT(plain[i], Not(HasSubstr("\x1b")));
    EXPECT_EQ(WithoutColor(colored[i]), plain[i]);
  }
}

TEST(LiveScreenTest, HostileTextCannotMoveTheCursor) {
  ScreenState state = ExampleState();
  state.run_name = "\x1b[2Jevil\u202e";
  state.activity = "a\rb\n";
  state.workers[0].name = "\x1b]0;title\x07";
  state.log = {
      "\x9b"
      "31m"};
  for (const std::string& line : RenderScreen(state, {120, 40}, false)) {
    for (const char c : line) {
      EXPECT_GE(static_cast<unsigned char>(c), 0x20) << line;
    }
    EXPECT_THAT(line, Not(HasSubstr("\u202e")));
  }
}

TEST(LiveScreenTest, AnEmptyStateRenders) {
  const auto lines = RenderScreen(ScreenState(), {80, 24}, true);
  EXPECT_EQ(lines.size(), 24u);
}

TEST(LiveScreenTest, SaysThatItIsStopping) {
  ScreenState state = ExampleState();
  state.is_stopping = true;
  EXPECT_THAT(RenderScreen(state, {80, 24}, false).back(),
              HasSubstr("stopping after this step"));
}

TEST(LiveScreenTest, ASilentWorkerIsNamed) {
  ScreenState state = ExampleState();
  state.workers[0].since_last_heard = absl::Seconds(12);
  EXPECT_THAT(absl::StrJoin(RenderScreen(state, {100, 40}, false), "\n"),
              HasSubstr("silent for 0:12"));
}

TEST(SparklineTest, ScalesFromLowestToHighest) {
  EXPECT_EQ(Sparkline({0, 1, 2, 3, 4, 5, 6, 7}, 8), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(Sparkline({0, 1, 2, 3}, 2), "▁█");  // the last two
  EXPECT_EQ(Sparkline({5, 5}, 4), "▁▁");
  EXPECT_EQ(Sparkline({0, std::nan(""), 1}, 4), "▁ █");
  EXPECT_EQ(Sparkline({}, 4), "");
  EXPECT_EQ(Sparkline({1}, 0), "");
}

}  // namespace
}  // namespace r1
