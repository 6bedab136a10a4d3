#include "pipeline/report/report.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "pipeline/folder/run_folder.h"
#include "pipeline/folder/stage_folder.h"
#include "pipeline/report/report_assets.h"
#include "pipeline/report/report_data.h"
#include "pipeline/report/report_samples.h"
#include "pipeline/store/run_store.h"
#include "proto/recipe.h"
#include "rollout/prompt_source.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

// What a model might write to break out of a page or a terminal.
constexpr char kHostile[] =
    "</script><script>alert(1)</script><!-- \x1b[31m \u202e <img src=x "
    "onerror=alert(2)> {{DATA}} {{JS}} \xff";

class ReportTest : public ::testing::Test {
 protected:
  ReportTest() {
    store_ = std::move(*RunStore::Open(folder_.path() + "/run.db"));
    Begin("task { } stage { rl { } }", {"rl"});
  }
  // The run of a recipe of which these stages have begun; what is recorded from
  // now on is of the last.
  void Begin(const std::string& recipe, const std::vector<std::string>& begun) {
    folder_.Write("config.textproto", recipe);
    for (const std::string& stage : begun) {
      ASSERT_TRUE(MakeDirectories(StagePath(folder_.path(), stage)).ok());
      folder_.Write(absl::StrCat("stages/", stage, "/stage.json"), "{}");
      ASSERT_TRUE(store_->EnterStage(stage).ok());
    }
  }
  void AddSample(int64_t step, uint64_t prompt_id, uint32_t index,
                 const std::string& text) {
    Prompt prompt;
    prompt.set_id(prompt_id);
    prompt.set_source(absl::StrCat("p", prompt_id));
    prompt.set_question(kHostile);
    prompt.set_reference("{\"target\":1}");
    Trajectory trajectory;
    trajectory.set_prompt_id(prompt_id);
    trajectory.set_sample_index(index);
    trajectory.add_tokens(1);
    trajectory.add_logprobs(-1);
    trajectory.set_finish_reason(FINISH_LENGTH);
    ASSERT_TRUE(store_->RecordTrajectory(step, prompt, trajectory, text).ok());
    RewardResult reward;
    reward.set_kind(REWARD_SCORE);
    reward.set_total(0.5);
    reward.set_detail(kHostile);
    RewardComponent* component = reward.add_components();
    component->set_name("format");
    component->set_value(1);
    ASSERT_TRUE(store_->RecordReward(step, prompt_id, index, reward).ok());
    ASSERT_TRUE(store_->RecordAdvantage(step, prompt_id, index, -0.7).ok());
  }
  nlohmann::json Data(const std::string& summary = "") {
    EXPECT_TRUE(store_->Flush().ok());
    const auto data = MakeReportData(
        folder_.path(), ResolveStages(*ReadRecipe(folder_.path())), summary);
    EXPECT_TRUE(data.ok()) << data.status();
    return nlohmann::json::parse(*data);
  }
  std::string Page() {
    EXPECT_TRUE(store_->Flush().ok());
    const absl::Status status = WriteReport(folder_.path(), "");
    EXPECT_TRUE(status.ok()) << status;
    return *ReadFile(folder_.path() + "/report.html");
  }

  TestFolder folder_;
  std::unique_ptr<RunStore> store_;
};

TEST_F(ReportTest, HostileTextStaysText) {
  AddSample(1, 1, 0, kHostile);
  ASSERT_TRUE(store_->RecordEvent(1, kHostile, kHostile).ok());
  EvalSample sample;
  sample.question = sample.reference = sample.completion = kHostile;
  ASSERT_TRUE(store_->RecordEval(0, {{"pass@1", 0}}, {sample}).ok());
  ASSERT_TRUE(store_->RecordEval(1, {{"pass@1", 1}}, {sample}).ok());
  const std::string page = Page();
  // Two scripts: the data and the page's own.
  size_t scripts = 0;
  for (size_t at = 0; (at = page.find("<script", at)) != std::string::npos;
       ++at) {
    ++scripts;
  }
  EXPECT_EQ(scripts, 2u);
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
  EXPECT_THAT(page, Not(HasSubstr("\x1b")));
  EXPECT_THAT(page, Not(HasSubstr("\u202e")));
  // It is there, made visible; marks of the template in it mean nothing.
  EXPECT_THAT(page, HasSubstr("\\\\u{202e}"));
  EXPECT_THAT(page, HasSubstr("\xEF\xBF\xBD"));
  EXPECT_THAT(page, HasSubstr("{{DATA}} {{JS}}"));
}

TEST_F(ReportTest, NothingIsFetchedAndOnlyItsOwnScriptRuns) {
  const std::string page = Page();
  const auto hash = [](const char* content) {
    return absl::Base64Escape(absl::HexStringToBytes(Sha256Hex(content)));
  };
  EXPECT_THAT(page, HasSubstr(absl::StrCat(
                        "content=\"default-src 'none'; style-src 'sha256-",
                        hash(kPageCss), "'; script-src 'sha256-", hash(kPageJs),
                        "'; base-uri 'none'; form-action "
                        "'none'\"")));
  EXPECT_THAT(page, HasSubstr(absl::StrCat("<script>", kPageJs, "</script>")));
  EXPECT_THAT(page, HasSubstr(absl::StrCat("<style>", kPageCss, "</style>")));
  for (const char* mark : {"http:", "https:", "//cdn", "url(", "@import"}) {
    std::string rest = page;
    // The name space of SVG is a name, not an address.
    const std::string name = "http://www.w3.org/2000/svg";
    rest.replace(rest.find(name), name.size(), "");
    EXPECT_THAT(rest, Not(HasSubstr(mark)));
  }
}

TEST_F(ReportTest, ShowsMetricsSamplesAndOutcome) {
  for (int step = 1; step <= 3; ++step) {
    ASSERT_TRUE(store_
                    ->RecordMetrics(step, {{"reward/mean", 0.25 * step},
                                           {"kl", std::nan("")}})
                    .ok());
    AddSample(step, step, 0, "a");
    AddSample(step, step, 1, "b");
  }
  const auto data =
      Data(R"({"base_pass1":0.25,"final_pass1":0.5,"wall_seconds":61,)"
           R"("rl_steps":3,"checkpoint_sha256":"0123456789abcdef",)"
           R"("eval_judge":"math","base_errors":0,"final_errors":2})");
  ASSERT_EQ(data["stages"].size(), 1u);
  const auto& stage = data["stages"][0];
  EXPECT_EQ(stage["name"], "rl");
  // A curve without values is left out.
  ASSERT_EQ(stage["charts"].size(), 1u);
  EXPECT_EQ(stage["charts"][0]["x"], nlohmann::json({1, 2, 3}));
  EXPECT_EQ(stage["charts"][0]["series"][0]["y"],
            nlohmann::json({0.25, 0.5, 0.75}));
  EXPECT_EQ(data["tiles"][0]["value"], "50.0 %");
  EXPECT_EQ(data["tiles"][0]["more"], "before: 25.0 %");
  EXPECT_EQ(data["tiles"][1]["value"], "math");
  EXPECT_EQ(data["tiles"][1]["more"], "errors 0 before, 2 after");
  EXPECT_FALSE(data.contains("graph"));  // of one stage
  ASSERT_EQ(stage["steps"].size(), 3u);
  const auto& group = stage["steps"][2]["groups"][0];
  EXPECT_EQ(group["source"], "p3");
  ASSERT_EQ(group["samples"].size(), 2u);
  const auto& sample = group["samples"][1];
  EXPECT_EQ(sample["index"], 1);
  EXPECT_EQ(sample["reward"], 0.5);
  EXPECT_EQ(sample["advantage"], -0.7);
  EXPECT_EQ(sample["finish"], "length");
  EXPECT_EQ(sample["components"][0], nlohmann::json({"format", 1.0}));
  EXPECT_EQ(sample["pieces"][0][0], "b");
}

TEST_F(ReportTest, WhatIsLeftOutIsCounted) {
  Metrics metrics = {{"reward/mean", 1}};
  for (int rule = 10; rule < 45; ++rule) {
    metrics.emplace_back(absl::StrCat("reward/rule/r", rule), 0.5);
  }
  ASSERT_TRUE(store_->RecordMetrics(1, metrics).ok());
  for (int i = 0; i < 307; ++i) {
    ASSERT_TRUE(store_->RecordEvent(-1, "kind", absl::StrCat(i)).ok());
  }
  const nlohmann::json data = Data();
  EXPECT_EQ(data["stages"][0]["charts"].size(), 1u + 32u);
  EXPECT_EQ(data["stages"][0]["charts_left_out"], 3);
  ASSERT_EQ(data["events"].size(), 300u);
  EXPECT_EQ(data["events"][0]["message"], "7");
  EXPECT_EQ(data["events_left_out"], 7);
}

TEST_F(ReportTest, HeldOutLossesArePointsOverTheCurve) {
  Begin("task { } stage { name: 'sft' supervised { } }", {"sft"});
  ASSERT_TRUE(store_->RecordMetrics(0, {{"held_out_loss", 5}}).ok());
  ASSERT_TRUE(store_->RecordMetrics(1, {{"loss", 4}}).ok());
  ASSERT_TRUE(
      store_->RecordMetrics(2, {{"loss", 3}, {"held_out_loss", 3.5}}).ok());
  const nlohmann::json data = Data();
  ASSERT_EQ(data["stages"][0]["charts"].size(), 1u);
  const auto& chart = data["stages"][0]["charts"][0];
  EXPECT_EQ(chart["x"], nlohmann::json({0, 1, 2}));
  EXPECT_EQ(chart["series"][0]["y"], nlohmann::json({nullptr, 4, 3}));
  EXPECT_EQ(chart["points"], nlohmann::json({{0, 5}, {2, 3.5}}));
}

TEST_F(ReportTest, ALongRunStaysSmall) {
  const std::string text(3000, 'x');
  for (int step = 1; step <= 60; ++step) {
    for (int prompt = 0; prompt < 4; ++prompt) {
      for (int i = 0; i < 8; ++i) AddSample(step, step * 10 + prompt, i, text);
    }
  }
  const std::string page = Page();  // of 5.8 MB of samples
  EXPECT_LT(page.size(), 3u << 20);
  const auto steps = Data()["stages"][0]["steps"];
  EXPECT_LE(steps.size(), 30u);
  EXPECT_EQ(steps.front()["step"], 1);
  EXPECT_EQ(steps.back()["step"], 60);
  for (const auto& step : steps) {
    EXPECT_GE(step["groups"].size(), 1u);
    EXPECT_EQ(step["groups"][0]["samples"].size(), 8u);  // groups stay whole
  }
}

TEST_F(ReportTest, AnEmptyRunHasAPage) {
  EXPECT_THAT(Page(), HasSubstr("not finished"));
}

TEST(ReportPageTest, AFolderThatIsNoRunIsRefused) {
  TestFolder folder;
  EXPECT_TRUE(absl::IsNotFound(WriteReport(folder.path(), "")));
}

// Tokens are shaded by how unlikely they were; a character of several tokens
// is one piece.
TEST_F(ReportTest, TokensAreShaded) {
  const Tokenizer tokenizer = *TrainTokenizer({"abc"}, 257, true);
  Prompt prompt;
  prompt.set_id(1);
  Trajectory trajectory;
  trajectory.set_prompt_id(1);
  const std::vector<int32_t> tokens = *tokenizer.Encode("abé");  // 4 bytes
  const std::vector<float> logprobs = {-0.01f, -3.0f, -0.1f, -9.0f};
  for (int i = 0; i < 4; ++i) {
    trajectory.add_tokens(tokens[i]);
    trajectory.add_logprobs(logprobs[i]);
  }
  ASSERT_TRUE(store_->RecordTrajectory(1, prompt, trajectory, "abé").ok());
  ASSERT_TRUE(store_->Flush().ok());
  const auto reader = RunReader::Open(folder_.path(), "rl");
  ReportJson section;
  ASSERT_TRUE(
      AddReportSamples(*reader, &tokenizer, nullptr, 1 << 20, &section).ok());
  EXPECT_EQ(section["steps"][0]["groups"][0]["samples"][0]["pieces"],
            nlohmann::json::parse(R"([["a",0],["b",6],["é",9]])"));
}

// A base, what was learned and sampled from it, a judge, and the policy that it
// judges.
constexpr char kGraph[] = R"(
  task { }
  stage { name: "base" supervised { steps: 1 } }
  stage { name: "zero" rl { } }
  stage {
    name: "cold" from: "zero"
    sample { keep { rule: "format" } }
  }
  stage { name: "sft" from: "base" supervised { data: "cold" steps: 1 } }
  stage { name: "judge" from: "sft" reward_model { } }
  stage {
    name: "last" from: "sft" rl { }
    reward {
      rule { name: "format" }
      rule { name: "model" option { key: "stage" value: "judge" } }
    }
  })";

TEST_F(ReportTest, TheGraphOfStages) {
  Begin(kGraph, {"base", "zero"});
  folder_.Write("stages/base/stage.json", R"({"output_sha256":"ab"})");
  const auto graph = Data()["graph"];
  std::vector<std::string> nodes, edges;
  for (const auto& node : graph["nodes"]) {
    nodes.push_back(absl::StrCat(
        node["name"].get<std::string>(), " ", node["kind"].get<std::string>(),
        " ", node["state"].get<std::string>(), " ", node["layer"].get<int>()));
  }
  EXPECT_THAT(nodes,
              ElementsAre("base supervised done 0", "zero rl begun 1",
                          "cold sample waiting 2", "sft supervised waiting 3",
                          "judge reward_model waiting 4", "last rl waiting 5"));
  // By kind, and from which layer to which.
  for (const auto& edge : graph["edges"]) {
    const auto& path = edge["path"];
    for (size_t i = 1; i < path.size(); ++i) {
      EXPECT_EQ(path[i][0].get<int>(), path[i - 1][0].get<int>() + 1);
    }
    edges.push_back(absl::StrCat(edge["kind"].get<std::string>(), " ",
                                 path.front()[0].get<int>(), "-",
                                 path.back()[0].get<int>()));
  }
  EXPECT_THAT(edges, UnorderedElementsAre("from 0-1", "from 1-2", "from 0-3",
                                          "data 2-3", "from 3-4", "from 3-5",
                                          "judge 4-5"));
  EXPECT_EQ(graph["layers"], 6);
}

// No lane of an edge runs through a node: a node takes a height of 1.
TEST_F(ReportTest, EdgesPassBesideTheNodesOfALayer) {
  Begin(kGraph, {});
  const auto graph = Data()["graph"];
  int lanes = 0;
  for (const auto& edge : graph["edges"]) {
    const auto& path = edge["path"];
    for (size_t i = 1; i + 1 < path.size(); ++i, ++lanes) {
      for (const auto& node : graph["nodes"]) {
        if (node["layer"] != path[i][0]) continue;
        EXPECT_GE(
            std::abs(node["row"].get<double>() - path[i][1].get<double>()),
            0.5);
      }
      EXPECT_GE(path[i][1].get<double>(), 0);
      EXPECT_LE(path[i][1].get<double>(), graph["rows"].get<double>());
    }
  }
  EXPECT_EQ(lanes, 3);  // base to sft passes two layers, sft to last one
}

TEST_F(ReportTest, ASectionForEachStageThatHasBegun) {
  Begin(kGraph, {"base", "zero"});
  AddSample(1, 1, 0, "a");
  const auto stages = Data()["stages"];
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(stages[0]["name"], "base");
  EXPECT_FALSE(stages[0].contains("steps"));  // it has no samples
  EXPECT_EQ(stages[0]["facts"][0], nlohmann::json({"from", "model"}));
  EXPECT_EQ(stages[1]["kind"], "rl");
  EXPECT_EQ(stages[1]["steps"].size(), 1u);
  EXPECT_FALSE(stages[1].contains("evals"));
  EXPECT_FALSE(stages[1].contains("answers"));
}

TEST_F(ReportTest, EvaluationsAndAnswersBeforeAndAfter) {
  EvalSample wrong, right;
  wrong.question = right.question = "q";
  wrong.completion = "no";
  wrong.is_correct = false;
  right.completion = "yes";
  right.is_correct = true;
  EvalSample second = right;  // only the first answer is shown
  second.sample_index = 1;
  const auto eval = [](double pass1, double errors) {
    return Metrics{{"pass@1", pass1}, {"mean_length", 12}, {"errors", errors}};
  };
  ASSERT_TRUE(store_->RecordEval(0, eval(0.25, 0), {wrong, second}).ok());
  ASSERT_TRUE(store_->RecordEval(5, eval(0.5, 0), {right, second}).ok());
  auto stage = Data()["stages"][0];
  EXPECT_EQ(stage["evals"], nlohmann::json::parse(
                                R"({"steps":[0,5],
                                    "rows":[["pass@1","25.0 %","50.0 %"],
                                            ["mean length","12.0","12.0"]]})"));
  ASSERT_EQ(stage["answers"].size(), 1u);
  EXPECT_EQ(stage["answers"][0]["question"], "q");
  const auto& answers = stage["answers"][0]["answers"];
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0]["by"], "step 0");
  EXPECT_EQ(answers[0]["correct"], false);
  EXPECT_EQ(answers[1]["text"], "yes");
  EXPECT_EQ(answers[1]["correct"], true);
  // A fault is named where there is one.
  ASSERT_TRUE(store_->RecordEval(6, eval(0.5, 3), {right}).ok());
  stage = Data()["stages"][0];
  EXPECT_EQ(stage["evals"]["rows"][2],
            nlohmann::json({"errors", "0", "0", "3"}));
}

TEST_F(ReportTest, AComparisonOfStages) {
  Begin(R"(
    task { name: "cd" }
    task { name: "sums" kind: SUMS }
    stage { name: "base" supervised { steps: 1 } }
    stage { name: "zero" rl { } }
    stage { name: "table" compare { stage: "base" stage: "zero" } })",
        {"base", "zero", "table"});
  // Nine problems of the first task, three of the second.
  constexpr uint64_t kIdsOfATask = uint64_t{1} << 32;
  const auto answers = [](const std::string& by, bool is_correct) {
    std::vector<EvalSample> samples;
    for (uint64_t i = 0; i < 12; ++i) {
      EvalSample& sample = samples.emplace_back();
      sample.prompt_id = kFirstHeldOutId + (i < 9 ? i : kIdsOfATask + i);
      sample.question = absl::StrCat("question ", i);
      sample.completion = absl::StrCat(by, " ", i);
      sample.is_correct = is_correct;
    }
    return samples;
  };
  ASSERT_TRUE(store_
                  ->RecordEval(1,
                               {{"cd/pass@1", 0.25},
                                {"cd/reward/metric/mixed", 0.125},
                                {"cd/mean_length", 40},
                                {"sums/pass@1", 0.5}},
                               answers("base", false))
                  .ok());
  ASSERT_TRUE(store_
                  ->RecordEval(2,
                               {{"cd/pass@1", 0.75},
                                {"cd/reward/metric/mixed", 0.5},
                                {"cd/mean_length", 80},
                                {"sums/pass@1", 0.5}},
                               answers("zero", true))
                  .ok());
  const auto data = Data();
  ASSERT_EQ(data["comparisons"].size(), 1u);
  EXPECT_EQ(data["comparisons"][0]["table"], nlohmann::json::parse(R"({
      "columns": ["cd", "sums", "mixed", "mean length"],
      "rows": [{"stage": "base",
                "values": ["25.0 %", "50.0 %", "0.125", "40.0"],
                "best": [false, false, false, false]},
               {"stage": "zero",
                "values": ["75.0 %", "50.0 %", "0.500", "80.0"],
                "best": [true, false, false, false]}]})"));
  const auto& problems = data["comparisons"][0]["problems"];
  ASSERT_EQ(problems.size(), 9u);  // six of the first task, all of the second
  EXPECT_EQ(problems[5]["task"], "cd");
  EXPECT_EQ(problems[6]["task"], "sums");
  EXPECT_EQ(problems[6]["question"], "question 9");
  ASSERT_EQ(problems[6]["answers"].size(), 2u);
  EXPECT_EQ(problems[6]["answers"][0]["by"], "base");
  EXPECT_EQ(problems[6]["answers"][0]["text"], "base 9");
  EXPECT_EQ(problems[6]["answers"][1]["by"], "zero");
  EXPECT_EQ(problems[6]["answers"][1]["correct"], true);
  // Its section says only what it is; it is drawn after those it compares.
  EXPECT_FALSE(data["stages"][2].contains("evals"));
  EXPECT_EQ(data["stages"][2]["facts"][0],
            nlohmann::json({"compares", "base, zero"}));
  EXPECT_EQ(data["graph"]["nodes"][2]["layer"], 2);
  EXPECT_EQ(data["graph"]["edges"].size(), 1u);
}

TEST_F(ReportTest, WhatWasKeptAndWhatWasDropped) {
  Begin(kGraph, {"cold"});
  // AddSample's samples are truncated; these end and earn 1 and 0 of "format".
  AddSample(1, 1, 0, "cut");
  for (uint32_t i = 1; i < 6; ++i) {
    Prompt prompt;
    prompt.set_id(1);
    Trajectory trajectory;
    trajectory.set_prompt_id(1);
    trajectory.set_sample_index(i);
    trajectory.set_finish_reason(FINISH_END_TOKEN);
    ASSERT_TRUE(store_->RecordTrajectory(1, prompt, trajectory, "t").ok());
    RewardResult reward;
    reward.set_kind(REWARD_SCORE);
    RewardComponent* component = reward.add_components();
    component->set_name("format");
    component->set_value(i == 1 ? 1 : 0);
    ASSERT_TRUE(store_->RecordReward(1, 1, i, reward).ok());
  }
  EXPECT_FALSE(Data()["stages"][0].contains("kept"));  // it has not counted yet
  ASSERT_TRUE(store_
                  ->RecordMetrics(1, {{"kept/samples", 1},
                                      {"kept/share", 1.0 / 6},
                                      {"dropped/truncated", 1},
                                      {"dropped/format", 4}})
                  .ok());
  const auto stage = Data()["stages"][0];
  EXPECT_EQ(stage["kept"]["drawn"], 6);
  EXPECT_EQ(stage["kept"]["kept"], 1);
  EXPECT_EQ(stage["kept"]["dropped"],
            nlohmann::json::parse(R"([["format",4.0],["truncated",1.0]])"));
  std::vector<std::string> fates;
  for (const auto& example : stage["kept"]["examples"]) {
    fates.push_back(absl::StrCat(example["sample"]["fate"].get<std::string>(),
                                 " ", example["sample"]["index"].get<int>()));
  }
  // At most two of a reason.
  EXPECT_THAT(fates,
              ElementsAre("kept 1", "format 2", "format 3", "truncated 0"));
  EXPECT_EQ(stage["steps"][0]["groups"][0]["samples"][5]["fate"], "format");
}

}  // namespace
}  // namespace r1
