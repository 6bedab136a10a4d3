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
#include "pipeline/report/report_assets.h"
#include "pipeline/report/report_data.h"
#include "pipeline/store/run_store.h"
#include "proto/recipe.h"
#include "tests/pipeline/test_folder.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What a model might write to break out of a page or a terminal.
constexpr char kHostile[] =
    "</script><script>alert(1)</script><!-- \x1b[31m \u202e <img src=x "
    "onerror=alert(2)> {{DATA}} {{JS}} \xff";

class ReportTest : public ::testing::Test {
 protected:
  ReportTest() {
    folder_.Write("config.textproto", "task { } stage { rl { } }");
    store_ = std::move(*RunStore::Open(folder_.path() + "/run.db"));
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
    const auto reader = RunReader::Open(folder_.path());
    const auto data = MakeReportData(*reader, nullptr, summary);
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
  ASSERT_EQ(data["charts"].size(), 1u);  // a curve without values is left out
  EXPECT_EQ(data["charts"][0]["x"], nlohmann::json({1, 2, 3}));
  EXPECT_EQ(data["charts"][0]["series"][0]["y"],
            nlohmann::json({0.25, 0.5, 0.75}));
  EXPECT_EQ(data["tiles"][0]["value"], "50.0 %");
  EXPECT_EQ(data["tiles"][0]["more"], "before: 25.0 %");
  EXPECT_EQ(data["tiles"][1]["value"], "math");
  EXPECT_EQ(data["tiles"][1]["more"], "errors 0 before, 2 after");
  ASSERT_EQ(data["steps"].size(), 3u);
  const auto& group = data["steps"][2]["groups"][0];
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

TEST_F(ReportTest, HeldOutLossesArePointsOverTheCurve) {
  ASSERT_TRUE(store_->EnterStage("sft").ok());
  ASSERT_TRUE(store_->RecordMetrics(0, {{"held_out_loss", 5}}).ok());
  ASSERT_TRUE(store_->RecordMetrics(1, {{"loss", 4}}).ok());
  ASSERT_TRUE(
      store_->RecordMetrics(2, {{"loss", 3}, {"held_out_loss", 3.5}}).ok());
  for (const auto& chart : Data()["charts"]) {
    if (chart["title"] != "sft: loss, nats") continue;
    EXPECT_EQ(chart["x"], nlohmann::json({0, 1, 2}));
    EXPECT_EQ(chart["series"][0]["y"], nlohmann::json({nullptr, 4, 3}));
    EXPECT_EQ(chart["points"], nlohmann::json({{0, 5}, {2, 3.5}}));
    return;
  }
  ADD_FAILURE() << "there is no such chart";
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
  const auto data = Data();
  EXPECT_LE(data["steps"].size(), 30u);
  EXPECT_EQ(data["steps"].front()["step"], 1);
  EXPECT_EQ(data["steps"].back()["step"], 60);
  for (const auto& step : data["steps"]) {
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
  const auto reader = RunReader::Open(folder_.path());
  const auto data =
      nlohmann::json::parse(*MakeReportData(*reader, &tokenizer, ""));
  EXPECT_EQ(data["steps"][0]["groups"][0]["samples"][0]["pieces"],
            nlohmann::json::parse(R"([["a",0],["b",6],["é",9]])"));
}

}  // namespace
}  // namespace r1
