// Functions in Python behind r1_reward.py, through the process that r1 starts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reward/plugin/process_rule.h"
#include "tests/base/time_enough.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr char kRewards[] = R1_SOURCE_DIR "/tests/reward/plugin/";
constexpr char kPython[] = R1_SOURCE_DIR "/reward/plugin/python";

// `arguments`: the function, then options of the adapter.
PluginSpec Function(const std::string& arguments) {
  return {"python", PluginCarrier::kCommand,
          absl::StrCat("python3 ", kPython, "/r1_reward.py ", kRewards,
                       "python_rewards.py ", arguments)};
}

PluginSpec Served(const std::string& way) {
  return {"served", PluginCarrier::kCommand,
          absl::StrCat("PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=", kPython,
                       " python3 ", kRewards, "served_reward.py ", way)};
}

std::unique_ptr<const ProcessRule> MakeOrDie(const PluginSpec& spec,
                                             const RuleOptions& options = {}) {
  auto rule = ProcessRule::Create(spec, options);
  EXPECT_TRUE(rule.ok()) << rule.status();
  return rule.ok() ? *std::move(rule) : nullptr;
}

std::string WhyNot(const PluginSpec& spec, const RuleOptions& options = {}) {
  return ProcessRule::Create(spec, options).status().ToString();
}

std::vector<RuleResult> ScoreItems(const RewardRule& rule,
                                   const std::vector<RewardItem>& items,
                                   const RuleContext& context = {}) {
  std::vector<const RewardItem*> views;
  for (const RewardItem& item : items) views.push_back(&item);
  return rule.Judge(views, context);
}

std::vector<RuleResult> ScoreTexts(const RewardRule& rule,
                                   const std::vector<std::string>& texts,
                                   const std::string& reference = "{}") {
  std::vector<RewardItem> items;
  for (const std::string& text : texts) {
    items.push_back(MakeItem(text, reference));
    items.back().set_prompt("Why?");
  }
  return ScoreItems(rule, items);
}

void ExpectScore(const RuleResult& result, double score) {
  EXPECT_EQ(result.kind, REWARD_SCORE) << result.detail;
  EXPECT_EQ(result.value, score);
}

void ExpectError(const RuleResult& result, const std::string& detail) {
  EXPECT_EQ(result.kind, REWARD_ERROR) << result.value;
  EXPECT_THAT(result.detail, HasSubstr(detail));
}

TEST(TrlTest, ColumnsAndOptionsArrive) {
  const auto rule = MakeOrDie(
      Function("trl"), {{"words", "1"}, {"strict", "true"}, {"note", "ü"}});
  EXPECT_THAT(rule->description().version, StartsWith("7+"));
  EXPECT_FALSE(rule->compares_samples());
  EXPECT_FALSE(rule->description().is_deterministic);
  const std::string reference = R"({"answer": "four", "level": 3})";
  const auto results = ScoreTexts(
      *rule, {"four", "five", "strict", "note", "prompt", "columns", "read"},
      reference);
  ExpectScore(results[0], 0.25);
  ExpectScore(results[1], 0);
  ExpectScore(results[2], 1);
  EXPECT_EQ(results[3].detail, "ü");
  ExpectScore(results[4], 4);
  // What it names is no column of the rest; TRL's own are among them.
  EXPECT_EQ(results[5].detail, "level log_extra log_metric trainer_state");
  ExpectScore(results[6], 0);  // standard input is not its own
}

TEST(TrlTest, ColumnsHaveTheValuesOfTheRows) {
  const auto rule = MakeOrDie(Function("columns"));
  const auto results = ScoreItems(
      *rule,
      {MakeItem("x", R"({"answer": 18446744073709551616, "level": 1.50,)"
                     R"( "extra_info": {"b": 1e22, "a": [0.00002, null]}})"),
       MakeItem("x", R"({"level": -9223372036854775809, "answer": "7",)"
                     "\n"
                     R"( "extra_info": {}, "difficulty": "hard"})"),
       MakeItem("x", R"({"answer": null, "level": true, "extra_info": 0})")});
  EXPECT_EQ(results[0].detail,
            "18446744073709551616 1.5 {'b': 1e+22, 'a': [2e-05, None]} 'none'");
  EXPECT_EQ(results[1].detail, "'7' -9223372036854775809 {} ['hard']");
  EXPECT_EQ(results[2].detail, "None True 0 'none'");
}

// Never None in its place, and no other sample pays for it.
TEST(TrlTest, ARowWithoutARequiredColumnIsAnErrorThatNamesIt) {
  const auto rule = MakeOrDie(Function("trl"));
  const std::string reference = R"({"answer": "four", "level": 3})";
  const auto mixed =
      ScoreItems(*rule, {MakeItem("four", reference), MakeItem("four", "{}"),
                         MakeItem("four", R"({"solution": "four", "id": 1})"),
                         MakeItem("four", reference)});
  ExpectScore(mixed[0], 1);
  ExpectError(mixed[1],
              "trl requires the column answer, the row has only: none");
  ExpectError(mixed[2],
              "trl requires the column answer, the row has only: solution, id");
  ExpectScore(mixed[3], 1);
  const auto groups = MakeOrDie(Function("columns --groups"));
  ExpectError(
      ScoreItems(*groups, {MakeItem("x", R"({"answer": 1})")})[0],
      "columns requires the column level, extra_info, the row has only: "
      "answer");
}

TEST(TrlTest, AReferenceThatIsNoObjectAbstains) {
  const auto rule = MakeOrDie(Function("size_of_call"));
  const std::string deep =
      "{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}";
  const auto results =
      ScoreItems(*rule, {MakeItem("x", "[1]"), MakeItem("x", deep),
                         MakeItem("x", ""), MakeItem("x", "{}")});
  EXPECT_EQ(results[0].kind, REWARD_ABSTAIN);
  EXPECT_THAT(results[0].detail, HasSubstr("expected a JSON object"));
  EXPECT_EQ(results[1].kind, REWARD_ABSTAIN);
  EXPECT_EQ(results[2].kind, REWARD_SCORE);
  EXPECT_EQ(results[3].kind, REWARD_SCORE);
}

TEST(TrlTest, AFailureCostsItsSampleAlone) {
  const auto rule = MakeOrDie(Function("trl --range 0 1"));
  EXPECT_EQ(rule->range().lowest, 0);
  EXPECT_EQ(rule->range().highest, 1);
  const auto results = ScoreTexts(*rule,
                                  {"ab", "raise", "none", "nan", "huge", "text",
                                   "few", "exit", "crash", "abcd"},
                                  R"({"answer": "abcd"})");
  ExpectScore(results[0], 0);
  ExpectError(results[1],
              "ValueError: no such thing: ? (python_rewards.py:21)");
  EXPECT_EQ(results[2].kind, REWARD_NOT_APPLICABLE);
  ExpectError(results[3], "expected a finite number, got nan");
  ExpectError(results[4], "OverflowError");
  ExpectError(results[5], "expected a number or None, got 'high'");
  ExpectError(results[6],
              "WrongCount: expected a list of 2 numbers, one a completion, got "
              "1: [1.0]");
  ExpectError(results[7], "exited with status 3");
  ExpectError(results[8], "the plugin e");  // by a signal, or a shell's 134
  ExpectScore(results[9], 1);
}

TEST(TrlTest, AHangIsATimeoutOfItsSample) {
  const auto rule = MakeOrDie(Function("trl"));
  EXPECT_TRUE(WithTimeEnough([&](absl::Duration limit) {
    RuleContext context;
    context.item_limit = limit;
    const auto results = ScoreItems(*rule,
                                    {MakeItem("ab", R"({"answer": "ab"})"),
                                     MakeItem("hang", R"({"answer": "ab"})")},
                                    context);
    EXPECT_EQ(results[1].kind, REWARD_TIMEOUT);
    return results[0].kind == REWARD_SCORE && results[0].value == 2;
  }));
}

TEST(TrlTest, BatchesHaveABound) {
  const auto rule = MakeOrDie(Function("size_of_call --batch 4"));
  for (const RuleResult& result :
       ScoreTexts(*rule, std::vector<std::string>(50, "x"))) {
    EXPECT_EQ(result.kind, REWARD_SCORE);
    EXPECT_GE(result.value, 1);
    EXPECT_LE(result.value, 4);
  }
}

TEST(TrlTest, CoroutinesAreAwaited) {
  const auto rule = MakeOrDie(Function("waits_for_all"));
  const auto results = ScoreTexts(*rule, {"a", "bb"});
  ExpectScore(results[0], 0.01);
  ExpectScore(results[1], 0.02);
}

TEST(TrlTest, TheStepArrives) {
  const auto rule = MakeOrDie(Function("step"));
  RuleContext context;
  context.step = 12;
  ExpectScore(ScoreItems(*rule, {MakeItem("a")}, context)[0], 12);
}

TEST(TrlTest, ConversationsAreListsOfMessages) {
  const auto rule = MakeOrDie(Function("chat --chat"));
  // "user" + "Why?" and "assistant" + "because".
  ExpectScore(ScoreTexts(*rule, {"because"})[0], 4 + 4 + 9 + 7);
}

TEST(TrlTest, GroupsArriveWhole) {
  const auto rule = MakeOrDie(Function("share --groups --batch 2"));
  EXPECT_TRUE(rule->compares_samples());
  std::vector<RewardItem> items;
  for (const char* text : {"a", "bb", "ccccc", "raise", "f", "g"}) {
    items.push_back(MakeItem(text));
    items.back().set_group(items.size() <= 3 ? "1" : "2");
  }
  const auto results = ScoreItems(*rule, items);
  ExpectScore(results[0], 0.125);
  ExpectScore(results[1], 0.25);
  ExpectScore(results[2], 0.625);
  for (int i : {3, 4, 5}) ExpectError(results[i], "in this group");
}

TEST(TrlTest, WhatIsNoListIsAnError) {
  const auto rule = MakeOrDie(Function("nothing"));
  ExpectError(ScoreTexts(*rule, {"a"})[0],
              "expected a list of 2 numbers, one a completion, got None");
}

// However many completions a call has, and how often it is called.
TEST(TrlTest, OneResultForAllCompletionsIsAnError) {
  const std::vector<std::pair<std::string, std::string>> ways = {
      {"list", "got 1: [1.0]"},
      {"slice", "got 1: [0.5]"},
      {"tuple", "got 1: [0.5]"},
      {"iterator", "got 1: [0.5]"},
      {"generator", "got 1: [0.5]"},
      {"best", "got 1: [3]"},
      {"more", "or more: [1.0, 1.0, 1.0"},
      {"endless", "or more: [1.0, 1.0, 1.0"},
      {"number", "got 0.5"},
      {"bool", "got True"},
      {"numpy", "NumpyScalar"},
      {"dict", "got {'abc': 1.0"},
      {"set", "got {0.5}"},
      {"none", "got None"},
      {"text", "got '1'"},
  };
  for (const auto& [way, got] : ways) {
    const auto rule = MakeOrDie(Function("wrong_count"));
    const std::string reference = absl::StrCat(R"({"way": ")", way, "\"}");
    for (const std::vector<std::string>& texts :
         {std::vector<std::string>{"abc"}, {"abc", "abc", "abc"}, {"abc"}}) {
      for (const RuleResult& result : ScoreTexts(*rule, texts, reference)) {
        ExpectError(result, got);
        ExpectError(result, "numbers, one a completion");
      }
    }
  }
  const auto rule = MakeOrDie(Function("inside_the_loop"));
  for (const RuleResult& result :
       ScoreTexts(*rule, {"it is 7", "it is 8"}, R"({"answer": "7"})")) {
    ExpectError(result, "one a completion, got 1: [");
  }
}

TEST(TrlTest, OneNumberACompletionMayComeInAnyForm) {
  for (const std::string way :
       {"tuple", "iterator", "generator", "map", "numpy"}) {
    const auto rule = MakeOrDie(Function("right_count"));
    const auto results = ScoreTexts(*rule, {"a", "bbb", "cc"},
                                    absl::StrCat(R"({"way": ")", way, "\"}"));
    ExpectScore(results[0], 0.1);
    ExpectScore(results[1], 0.3);
    ExpectScore(results[2], 0.2);
  }
  ExpectScore(ScoreTexts(*MakeOrDie(Function("right_count")), {"a"},
                         R"({"way": "bools"})")[0],
              1);
}

TEST(TrlTest, WhatIsCalledNeedBeNoFunction) {
  const std::string reference = R"({"answer": "7", "scale": 9})";
  ExpectScore(
      ScoreTexts(*MakeOrDie(Function("instance")), {"is 7"}, reference)[0], 1);
  ExpectScore(ScoreTexts(*MakeOrDie(Function("partial")), {"abc"},
                         R"({"answer": "7"})")[0],
              9);
}

// Without --chat, too, and where the function swallows its own failure.
TEST(TrlTest, FunctionsThatReadMessagesGetThem) {
  const std::string reference = R"({"answer": "7", "docs": {"content": "7"}})";
  for (const std::string function : {"messages", "swallows", "later",
                                     "messages --chat", "later --chat yes"}) {
    const auto results =
        ScoreTexts(*MakeOrDie(Function(function)), {"7", "8", "7"}, reference);
    ExpectScore(results[0], 1);
    ExpectScore(results[1], 0);
    ExpectScore(results[2], 1);
  }
  ExpectScore(ScoreTexts(*MakeOrDie(Function("either")), {"7"})[0], 2);
  ExpectScore(ScoreTexts(*MakeOrDie(Function("either --chat no")), {"7"})[0],
              1);
  const auto texts =
      ScoreTexts(*MakeOrDie(Function("texts")), {"is 7", "8"}, reference);
  ExpectScore(texts[0], 1);
  ExpectScore(texts[1], 0);
  ExpectError(ScoreTexts(*MakeOrDie(Function("messages --chat no")), {"7"},
                         reference)[0],
              "string indices must be integers");
}

TEST(TrlTest, WhatIsLoggedIsAMetric) {
  const auto results =
      ScoreTexts(*MakeOrDie(Function("logs")), {"a b", "skip it"});
  ExpectScore(results[0], 0.5);
  EXPECT_THAT(results[0].metrics,
              UnorderedElementsAre(Pair("length", 5), Pair("words", 2)));
  EXPECT_EQ(results[0].detail, "first: a");
  EXPECT_EQ(results[1].kind, REWARD_NOT_APPLICABLE);
  EXPECT_EQ(results[1].metrics.at("words"), 2);
  ExpectError(ScoreTexts(*MakeOrDie(Function("logs")), {"short", "b"})[0],
              "log_extra('few'): expected 2 values, got 1");
  const auto dicts = ScoreTexts(*MakeOrDie(Function("logs_by_kwargs")), {"a"});
  ExpectScore(dicts[0], 0.25);
  EXPECT_THAT(dicts[0].metrics,
              UnorderedElementsAre(Pair("calls", 1), Pair("acc", 1)));
  EXPECT_EQ(dicts[0].detail, "note: n");
}

TEST(TrlTest, AbstainIsForUnusableRows) {
  const auto rule = MakeOrDie(Function("abstains"));
  const RuleResult none = ScoreTexts(*rule, {"a"}, R"({"answer": ""})")[0];
  EXPECT_EQ(none.kind, REWARD_ABSTAIN);
  EXPECT_EQ(none.detail, "no answer to compare with");
  ExpectScore(ScoreTexts(*rule, {"a"}, R"({"answer": "7"})")[0], 1);
}

TEST(VerlTest, NumbersAndDictsAreScores) {
  const auto rule = MakeOrDie(Function("compute_score --data-source gsm8k"),
                              {{"low", "0.1"}});
  const auto results = ScoreTexts(
      *rule,
      {"72", "7", "dict", "raise", "no score", "source", "truth", "extra"},
      R"({"ground_truth": "72", "index": 5})");
  ExpectScore(results[0], 1);
  ExpectScore(results[1], 0.1);
  ExpectScore(results[2], 0.5);
  EXPECT_EQ(results[2].detail, "pred: x");
  EXPECT_THAT(results[2].metrics, UnorderedElementsAre(Pair("acc", 1)));
  EXPECT_EQ(results[2].extracted, "x");
  ExpectError(results[3], "KeyError: 'missing' (python_rewards.py:");
  ExpectError(results[4], "expected \"score\" in the dict, got only: acc");
  ExpectScore(results[5], 5);
  ExpectScore(results[6], 2);
  ExpectScore(results[7], 5);
}

TEST(VerlTest, TheTruthIsAFieldOrAllOfThem) {
  const auto rule = MakeOrDie(Function("compute_score"));
  ExpectScore(ScoreTexts(*rule, {"truth"}, R"({"answer": "abc"})")[0], 3);
  // All fields but data_source.
  const std::string all =
      R"({"nums": [1], "target": 1, "data_source": "countdown"})";
  const auto results = ScoreTexts(*rule, {"truth", "source"}, all);
  ExpectScore(results[0], 2);
  ExpectScore(results[1], 9);
  const std::string nested =
      R"({"extra_info": {"index": 8}, "answer": "", "reward_model": )"
      R"({"style": "rule", "ground_truth": "four"}})";
  const auto whole = ScoreTexts(*rule, {"extra", "truth"}, nested);
  ExpectScore(whole[0], 8);
  ExpectScore(whole[1], 4);
}

TEST(VerlTest, BatchesHavePluralNames) {
  const auto rule = MakeOrDie(Function("compute_batch"));
  std::vector<RewardItem> items;
  for (const char* source : {"gsm8k", "math"}) {
    items.push_back(MakeItem(
        "7", absl::StrCat(R"({"data_source": ")", source,
                          R"(", "reward_model": {"ground_truth": "7"}, )"
                          R"("extra_info": {"index": )",
                          items.size(), "}}")));
  }
  items.push_back(MakeItem("7", R"({"answer": "8", "index": 5})"));
  const auto results = ScoreItems(*rule, items);
  ExpectScore(results[0], 1);
  EXPECT_EQ(results[0].detail, "source: gsm8k, pred: 7");
  EXPECT_EQ(results[1].detail, "source: math, pred: 7");
  EXPECT_THAT(results[1].metrics, UnorderedElementsAre(Pair("index", 1)));
  EXPECT_EQ(results[1].extracted, "7");
  ExpectScore(results[2], 0);
  EXPECT_EQ(results[2].metrics.at("index"), 5);
  for (const RuleResult& result :
       ScoreTexts(*MakeOrDie(Function("compute_batch_once")), {"a", "b"})) {
    ExpectError(result, "expected a list of 2 numbers");
  }
  EXPECT_THAT(WhyNot(Function("compute_batch --style verl")),
              HasSubstr("it requires data_sources, solution_strs"));
}

TEST(VerlTest, NoneIsNotForThisSample) {
  const auto rule = MakeOrDie(Function("none_of_it"));
  const auto results = ScoreItems(
      *rule, {MakeItem("a", R"({"data_source": "chat", "answer": ""})"),
              MakeItem("a", R"({"data_source": "math", "answer": ""})")});
  EXPECT_EQ(results[0].kind, REWARD_NOT_APPLICABLE);
  ExpectScore(results[1], 1);
}

TEST(VerlTest, CoroutinesOfABatchRunTogether) {
  const auto rule = MakeOrDie(Function("meets"));
  RuleContext context;
  context.item_limit = absl::Minutes(4);
  const auto results = ScoreItems(
      *rule, {MakeItem("a"), MakeItem("raise"), MakeItem("b"), MakeItem("c")},
      context);
  ExpectScore(results[0], 1);
  ExpectError(results[1], "KeyError");
  ExpectScore(results[2], 1);
  ExpectScore(results[3], 1);
}

TEST(PythonAdapterTest, RefusalsSayWhy) {
  EXPECT_THAT(WhyNot(Function("trl"), {{"wrods", "3"}}),
              HasSubstr("unknown option \"wrods\": expected words, strict, "
                        "note"));
  EXPECT_THAT(WhyNot(Function("trl"), {{"words", "3.5"}}),
              HasSubstr("option \"words\": expected int, got \"3.5\""));
  EXPECT_THAT(WhyNot(Function("trl"), {{"strict", "yes"}}),
              HasSubstr("option \"strict\": expected bool, got \"yes\""));
  EXPECT_THAT(WhyNot(Function("trl"), {{"prompts", "x"}}),
              HasSubstr("unknown option \"prompts\""));
  EXPECT_THAT(WhyNot(Function("no_such")),
              AllOf(HasSubstr("no function \"no_such\""), HasSubstr("share")));
  EXPECT_THAT(WhyNot(Function("other")),
              HasSubstr("other(a, b): expected TRL's (prompts, completions"));
  EXPECT_THAT(WhyNot(Function("needs_tokens")),
              HasSubstr("needs completion_ids"));
  EXPECT_THAT(WhyNot(Function("compute_score --groups")),
              HasSubstr("verl's functions judge one sample"));
  EXPECT_THAT(WhyNot(Function("trl --style x")),
              HasSubstr("argument --style: invalid"));
  EXPECT_THAT(
      WhyNot({"python", PluginCarrier::kCommand,
              absl::StrCat("python3 ", kPython, "/r1_reward.py no.py f")}),
      HasSubstr("no.py: expected a file NAME.py"));
}

TEST(PythonAdapterTest, DefaultsOfOptionsAreSetOnTheCommand) {
  const PluginSpec spec = Function("trl --set words=8 --deterministic");
  const auto rule = MakeOrDie(spec);
  EXPECT_TRUE(rule->description().is_deterministic);
  const std::string reference = R"({"answer": "four"})";
  ExpectScore(ScoreTexts(*rule, {"four"}, reference)[0], 2);
  const auto configured = MakeOrDie(spec, {{"words", "2"}});
  ExpectScore(ScoreTexts(*configured, {"four"}, reference)[0], 0.5);
}

TEST(ServeTest, AFileServesItsFunction) {
  const auto rule = MakeOrDie(Served("score"), {{"scale", "2"}});
  EXPECT_THAT(rule->description().version, StartsWith("s+"));
  EXPECT_TRUE(rule->description().is_deterministic);
  EXPECT_EQ(rule->range().highest, 1);
  const auto results = ScoreTexts(
      *rule, {"12345", "none", "raise", "reference"}, R"({"answer": 0.75})");
  ExpectScore(results[0], 0.1);
  EXPECT_EQ(results[1].kind, REWARD_NOT_APPLICABLE);
  ExpectError(results[2], "RuntimeError: as asked (served_reward.py:11)");
  ExpectScore(results[3], 0.75);
  EXPECT_EQ(results[3].detail, "the reference");
  EXPECT_THAT(WhyNot(Served("score"), {{"item", "2"}}),
              HasSubstr("unknown option \"item\": expected scale"));
}

TEST(ServeTest, AFileComparesSamples) {
  const auto rule = MakeOrDie(Served("rank"));
  EXPECT_TRUE(rule->compares_samples());
  EXPECT_EQ(rule->range().highest, 64);
  std::vector<RewardItem> items;
  for (const char* text : {"ccc", "a", "bb"}) {
    items.push_back(MakeItem(text));
    items.back().set_group("g");
  }
  const auto results = ScoreItems(*rule, items);
  ExpectScore(results[0], 2);
  ExpectScore(results[1], 0);
  ExpectScore(results[2], 1);
}

}  // namespace
}  // namespace r1
