// Plugins in processes of their own: what they may do, and what it costs.
#include "reward/plugin/process_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "reward/core/scorer.h"
#include "tests/base/time_enough.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kWayward[] = R1_WAYWARD_PLUGIN;

PluginSpec Library(const std::string& path) {
  return {"mine", PluginCarrier::kLibrary, path};
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

// Results of these completions in one batch; groups are "a" and "b" in turn if
// there are any.
std::vector<RuleResult> ScoreTexts(const RewardRule& rule,
                                   const std::vector<std::string>& texts,
                                   const RuleContext& context = {},
                                   bool has_groups = false) {
  std::vector<RewardItem> items;
  for (size_t i = 0; i < texts.size(); ++i) {
    items.push_back(MakeItem(texts[i], "{}", absl::StrCat("s", i)));
    if (has_groups) items.back().set_group(i % 2 == 0 ? "a" : "b");
  }
  std::vector<const RewardItem*> views;
  for (const RewardItem& item : items) views.push_back(&item);
  return rule.Judge(views, context);
}

RuleContext WithLimit(absl::Duration item_limit) {
  RuleContext context;
  context.item_limit = item_limit;
  return context;
}

class ScriptTest : public ::testing::Test {
 protected:
  // A plugin of these lines of Python; `say` writes an object as a line.
  PluginSpec Script(const std::string& body) {
    static int count = 0;
    const std::string path = absl::StrCat(::testing::TempDir(), "script-",
                                          ::getpid(), "-", ++count, ".py");
    const std::string text = absl::StrCat(
        "import json, sys, os, time\n"
        "def say(x): print(json.dumps(x), flush=True)\n"
        "def read():\n"
        "  line = sys.stdin.readline()\n"
        "  if not line: sys.exit(0)\n"
        "  return json.loads(line)\n"
        "hello = read()\n",
        body);
    EXPECT_TRUE(WriteFileAtomic(path, text).ok());
    return {"script", PluginCarrier::kCommand, "python3 " + path};
  }
};

TEST(ProcessRuleTest, LibraryScoresAndDescribesItself) {
  const auto rule = MakeOrDie(Library(kWayward));
  EXPECT_EQ(rule->range().lowest, 0);
  EXPECT_EQ(rule->range().highest, 1);
  EXPECT_FALSE(rule->compares_samples());
  EXPECT_TRUE(rule->description().is_deterministic);
  const auto files = ReadPluginFiles(Library(kWayward));
  ASSERT_TRUE(files.ok());
  const std::string hash = PluginHash(*files);
  EXPECT_EQ(rule->description().version, "1.0+" + hash);
  const auto results =
      ScoreTexts(*rule, {"", "12345", std::string(200, 'x'), "abstain", "error",
                         "throw", "throw int", "high", "nan"});
  EXPECT_EQ(results[0].value, 0);
  EXPECT_EQ(results[1].value, 0.005);
  EXPECT_EQ(results[2].value, 0.2);
  EXPECT_EQ(results[2].kind, REWARD_SCORE);
  EXPECT_EQ(results[2].version, "1.0+" + hash);
  EXPECT_EQ(results[3].kind, REWARD_ABSTAIN);
  EXPECT_EQ(results[3].detail, "no reference");
  EXPECT_EQ(results[4].kind, REWARD_ERROR);
  EXPECT_EQ(results[5].detail, "threw: as asked");
  EXPECT_EQ(results[5].kind, REWARD_ERROR);
  EXPECT_EQ(results[6].detail, "threw");
  EXPECT_EQ(results[7].value, 1.5);  // the scorer refuses it
  EXPECT_EQ(results[8].kind, REWARD_ERROR);
  EXPECT_THAT(results[8].detail, HasSubstr("expected a number or null"));
}

TEST(ProcessRuleTest, AllFieldsAndOptionsArrive) {
  const auto rule = MakeOrDie(Library(kWayward), {{"note", "a \"b\"\n\x01ü"}});
  RewardItem item = MakeItem("echo", R"({"answer":"72"})");
  item.set_prompt(std::string("p\0q", 3));
  item.set_group("g7");
  item.set_completion_tokens(12);
  item.set_is_truncated(true);
  RuleContext context;
  context.max_new_tokens = 34;
  context.step = 5;
  const RuleResult result = ScoreOne(*rule, item, context);
  EXPECT_EQ(result.detail, std::string("p\0q", 3) +
                               "|{\"answer\":\"72\"}|g7|12|1|34|5|a \"b\"\n"
                               "\x01ü");
}

TEST(ProcessRuleTest, WhatIsPrintedIsNoResult) {
  const auto rule = MakeOrDie(Library(kWayward));
  const auto results = ScoreTexts(*rule, {"print"});
  EXPECT_EQ(results[0].value, 0.005);
}

TEST(ProcessRuleTest, LargeTextsPass) {
  const auto rule = MakeOrDie(Library(kWayward), {{"scale", "0.00001"}});
  std::string nul = "a";
  nul += '\0';
  const auto results =
      ScoreTexts(*rule, {std::string(10'000'000, 'x'), nul, "ü€"});
  EXPECT_DOUBLE_EQ(results[0].value, 0.1);
  EXPECT_DOUBLE_EQ(results[1].value, 2e-8);
  EXPECT_DOUBLE_EQ(results[2].value, 5e-8);
}

// The oracle of a score is the text's length.
TEST(ProcessRuleTest, ACrashCostsItsSampleAlone) {
  const auto rule = MakeOrDie(Library(kWayward));
  std::vector<std::string> texts;
  for (int i = 0; i < 400; ++i) {
    texts.push_back(i % 100 == 37 ? (i == 37 ? "exit" : "crash")
                                  : std::string(i, 'y'));
  }
  const auto results = ScoreTexts(*rule, texts);
  for (int i = 0; i < 400; ++i) {
    if (i % 100 == 37) {
      EXPECT_EQ(results[i].kind, REWARD_ERROR) << i;
      EXPECT_THAT(results[i].detail,
                  HasSubstr(i == 37 ? "exited with status 0" : "signal 6"));
    } else {
      EXPECT_EQ(results[i].kind, REWARD_SCORE) << results[i].detail;
      EXPECT_EQ(results[i].value, i / 1000.0);
    }
  }
}

TEST(ProcessRuleTest, AHangCostsItsSampleAlone) {
  const auto rule = MakeOrDie(Library(kWayward));
  EXPECT_TRUE(WithTimeEnough([&](absl::Duration limit) {
    const auto results =
        ScoreTexts(*rule, {"aa", "hang", "bbb", "hang", "c"}, WithLimit(limit));
    EXPECT_EQ(results[1].kind, REWARD_TIMEOUT);
    EXPECT_THAT(results[1].detail,
                HasSubstr(absl::StrCat("answered nothing for ",
                                       absl::FormatDuration(limit))));
    EXPECT_EQ(results[3].kind, REWARD_TIMEOUT);
    return results[0].value == 0.002 && results[2].value == 0.003 &&
           results[4].value == 0.001;
  }));
}

TEST(ProcessRuleTest, TheBatchEndsAtItsDeadline) {
  const auto rule = MakeOrDie(Library(kWayward));
  RuleContext context = WithLimit(absl::Hours(1));
  context.deadline = absl::Now() + absl::Milliseconds(200);
  const auto results = ScoreTexts(*rule, {"hang", "hang"}, context);
  EXPECT_EQ(results[0].kind, REWARD_TIMEOUT);
  EXPECT_EQ(results[1].kind, REWARD_TIMEOUT);
}

TEST(ProcessRuleTest, ManyThreadsShareTheProcess) {
  const auto rule = MakeOrDie(Library(kWayward));
  std::vector<std::thread> threads;
  std::vector<std::vector<RuleResult>> results(8);
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      std::vector<std::string> texts;
      for (int i = 0; i < 50; ++i) texts.emplace_back(10 * t + i, 'z');
      if (t == 3) texts[20] = "crash";
      results[t] = ScoreTexts(*rule, texts);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < 8; ++t) {
    for (int i = 0; i < 50; ++i) {
      if (t == 3 && i == 20) {
        EXPECT_EQ(results[t][i].kind, REWARD_ERROR);
      } else {
        EXPECT_EQ(results[t][i].value, (10 * t + i) / 1000.0);
      }
    }
  }
}

TEST(ProcessRuleTest, GroupsAreJudgedWhole) {
  const auto rule = MakeOrDie(Library(R1_GROUP_PLUGIN));
  EXPECT_TRUE(rule->compares_samples());
  // "a": 1 and 3 bytes; "b": 2 and 6.
  auto results = ScoreTexts(*rule, {"x", "xx", "xxx", "xxxxxx"}, {}, true);
  EXPECT_EQ(results[0].value, 0.25);
  EXPECT_EQ(results[1].value, 0.25);
  EXPECT_EQ(results[2].value, 0.75);
  EXPECT_EQ(results[3].value, 0.75);
  EXPECT_EQ(results[3].detail, "2");
  results = ScoreTexts(*rule, {"x", "crash", "xxx", "xxxxxx"}, {}, true);
  EXPECT_EQ(results[0].value, 0.25);
  EXPECT_EQ(results[1].kind, REWARD_ERROR);
  EXPECT_EQ(results[3].kind, REWARD_ERROR);
}

TEST(ProcessRuleTest, WhatCannotBeLoadedSaysWhy) {
  EXPECT_THAT(WhyNot(Library(R1_OLD_PLUGIN)),
              AllOf(HasSubstr("INVALID_ARGUMENT: plugin mine ("),
                    HasSubstr("built for version 999 of the plugin ABI, "
                              "expected 1")));
  EXPECT_THAT(WhyNot(Library("/nowhere.so")), HasSubstr("/nowhere.so"));
  EXPECT_THAT(WhyNot(Library(kWayward), {{"sclae", "2"}}),
              HasSubstr("unknown option \"sclae\""));
  EXPECT_THAT(WhyNot(Library(kWayward), {{"scale", "two"}}),
              HasSubstr("option \"scale\": expected a number, got \"two\""));
  const std::string text = absl::StrCat(::testing::TempDir(), "text.so");
  ASSERT_TRUE(WriteFileAtomic(text, "no library").ok());
  EXPECT_THAT(WhyNot(Library(text)), HasSubstr("plugin mine"));
  EXPECT_THAT(
      WhyNot({"mine", PluginCarrier::kCommand, "no-such-program --x"}),
      AllOf(HasSubstr("exited with status 127 before it said what it is"),
            HasSubstr("no-such-program")));
}

TEST(ProcessRuleTest, AChangedFileIsLoadedBetweenSteps) {
  const std::string path =
      absl::StrCat(::testing::TempDir(), "reload-", ::getpid(), ".so");
  const auto install = [&](const std::string& from) {
    const auto bytes = ReadFile(from);
    ASSERT_TRUE(bytes.ok());
    ASSERT_TRUE(WriteFileAtomic(path, *bytes).ok());
  };
  install(kWayward);
  const auto rule = MakeOrDie(Library(path));
  RuleContext context;
  context.step = 1;
  EXPECT_THAT(ScoreTexts(*rule, {"a"}, context)[0].version, StartsWith("1.0+"));
  install(R1_WAYWARD_PLUGIN_2);
  // Not within a step, nor after a crash in it.
  EXPECT_THAT(ScoreTexts(*rule, {"crash", "a"}, context)[1].version,
              StartsWith("1.0+"));
  context.step = 2;
  EXPECT_THAT(ScoreTexts(*rule, {"a"}, context)[0].version, StartsWith("2.0+"));
  ASSERT_TRUE(WriteFileAtomic(path, "no library").ok());
  context.step = 3;
  EXPECT_THAT(ScoreTexts(*rule, {"a"}, context)[0].version, StartsWith("2.0+"));
}

TEST_F(ScriptTest, AnswersInAnyOrder) {
  const auto rule = MakeOrDie(
      Script("say({'version': 's1', 'range': [-1, 1], 'deterministic': True})\n"
             "while True:\n"
             "  a, b = read(), read()\n"
             "  say({'id': b['id'], 'score': len(b['completion']) / 10})\n"
             "  say({'id': a['id'], 'score': -len(a['completion']) / 10})\n"));
  EXPECT_EQ(rule->range().lowest, -1);
  const auto results = ScoreTexts(*rule, {"a", "bb", "ccc", "dddd"});
  EXPECT_EQ(results[0].value, -0.1);
  EXPECT_EQ(results[1].value, 0.2);
  EXPECT_EQ(results[2].value, -0.3);
  EXPECT_EQ(results[3].value, 0.4);
}

TEST_F(ScriptTest, LiesCostTheirSampleAlone) {
  const auto rule = MakeOrDie(Script(
      "print('starting', flush=True)\n"
      "say({'level': 'info', 'message': 'loading', 'id': '1'})\n"
      "say({'range': [0, 0.9]})\n"
      "while True:\n"
      "  x = read()\n"
      "  c = x['completion']\n"
      "  if c == 'twice': say({'id': x['id'], 'score': 0.5})\n"
      "  if c == 'unknown': say({'id': '12345678', 'score': 1})\n"
      "  if c == 'noise':\n"
      "    print('thinking ...')\n"
      "    print()\n"
      "    say({'level': 'info', 'message': 'judging', 'score': 1})\n"
      "    say({'record': {'id': x['id'], 'score': 1}})\n"
      "    print({'loss': 0.5})\n"
      "    print('{not JSON')\n"
      "  if c == 'text': say({'id': x['id'], 'score': 'high'})\n"
      "  elif c == 'nan': print('{\"id\": \"%s\", \"score\": NaN}' % x['id'],"
      " flush=True)\n"
      "  elif c == 'odd': say({'id': x['id'], 'kind': 'great', 'score': 1})\n"
      "  elif c == 'missing': say({'id': x['id']})\n"
      "  elif c == 'null': say({'id': x['id'], 'score': None})\n"
      "  elif c == 'deep': print('{\"id\": ' + '['*5000, flush=True)\n"
      "  else: say({'id': x['id'], 'score': 0.25})\n"));
  EXPECT_EQ(rule->range().highest, 0.9);
  const auto results =
      ScoreTexts(*rule, {"fine", "twice", "unknown", "noise", "text", "nan",
                         "odd", "missing", "null", "deep", "fine"});
  EXPECT_EQ(results[0].value, 0.25);
  EXPECT_EQ(results[1].value, 0.5);
  EXPECT_EQ(results[2].value, 0.25);
  EXPECT_EQ(results[3].value, 0.25);
  EXPECT_THAT(results[4].detail, HasSubstr("got \\\"high\\\""));
  EXPECT_THAT(results[5].detail, HasSubstr("wrote a bad line"));
  EXPECT_THAT(results[6].detail, HasSubstr("\"great\""));
  EXPECT_THAT(results[7].detail, HasSubstr("got nothing"));
  EXPECT_THAT(results[9].detail, HasSubstr("wrote a bad line"));
  for (int i : {4, 5, 6, 7, 9}) EXPECT_EQ(results[i].kind, REWARD_ERROR) << i;
  EXPECT_EQ(results[8].kind, REWARD_ABSTAIN);
  EXPECT_EQ(results[10].value, 0.25);
}

TEST_F(ScriptTest, OneThatCannotStartAgainIsAnError) {
  const std::string flag =
      absl::StrCat(::testing::TempDir(), "once-", ::getpid());
  const auto rule = MakeOrDie(Script(absl::StrCat(
      "if os.path.exists('", flag, "'): sys.exit('gone for good')\n", "open('",
      flag, "', 'w')\nsay({})\n", "read()\nos._exit(3)\n")));
  for (int i = 0; i < 2; ++i) {
    const auto results = ScoreTexts(*rule, {"a", "b"});
    EXPECT_EQ(results[0].kind, REWARD_ERROR);
    EXPECT_THAT(results[1].detail, AllOf(HasSubstr("cannot be started again"),
                                         HasSubstr("gone for good")));
  }
}

// Whether a process runs; an orphan that was killed is gone once its new parent
// has waited for it.
bool IsRunning(int pid) {
  const auto stat = ReadFile(absl::StrCat("/proc/", pid, "/stat"));
  return stat.ok() && stat->find(") Z") == std::string::npos;
}

void ExpectEnd(const std::vector<int>& pids) {
  const absl::Time limit = absl::Now() + absl::Minutes(4);
  for (const int pid : pids) {
    while (IsRunning(pid) && absl::Now() < limit) {
      absl::SleepFor(absl::Milliseconds(5));
    }
    EXPECT_FALSE(IsRunning(pid)) << pid;
  }
}

// A plugin that never looks at its input: itself, a child, and one of another
// session whose parent has ended, which has one more.
constexpr char kFamily[] =
    "import subprocess, signal\n"
    "child = subprocess.Popen(['sleep', '1000'])\n"
    "daemon = subprocess.Popen(['sh', '-c',\n"
    "    'sleep 1000 & echo $! $$; exec sleep 1000'],\n"
    "    stdout=subprocess.PIPE, start_new_session=True)\n"
    "pids = daemon.stdout.readline().decode().split()\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n";

std::vector<int> ReadPids(const std::string& path) {
  std::vector<int> pids;
  const auto text = ReadFile(path);
  EXPECT_TRUE(text.ok()) << text.status();
  for (const auto word : absl::StrSplit(text.value_or(""), ' ')) {
    pids.emplace_back();
    EXPECT_TRUE(absl::SimpleAtoi(word, &pids.back())) << word;
  }
  return pids;
}

TEST_F(ScriptTest, NothingIsLeftRunning) {
  const std::string path =
      absl::StrCat(::testing::TempDir(), "pids-", ::getpid());
  for (const char* end : {"time.sleep(1000)\n", "os._exit(3)\n",
                          "os.kill(os.getpid(), signal.SIGKILL)\n"}) {
    {
      const auto rule = MakeOrDie(Script(absl::StrCat(
          kFamily, "open('", path,
          "', 'w').write(' '.join(map(str, [os.getpid(), child.pid] + "
          "pids)))\n",
          "say({})\n", end)));
    }
    const std::vector<int> pids = ReadPids(path);
    EXPECT_EQ(pids.size(), 4u);
    ExpectEnd(pids);
  }
}

// Of a program that is killed while its plugin hangs.
TEST_F(ScriptTest, NothingOutlivesTheProgram) {
  const std::string path =
      absl::StrCat(::testing::TempDir(), "orphans-", ::getpid());
  const PluginSpec spec = Script(absl::StrCat(
      kFamily, "open('", path,
      "', 'w').write(' '.join(map(str, [os.getpid(), child.pid] + pids)))\n",
      "say({})\n", "time.sleep(1000)\n"));
  const pid_t program = ::fork();
  if (program == 0) {
    const auto rule = ProcessRule::Create(spec, {});
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(program, &status, 0), program);
  EXPECT_TRUE(WIFSIGNALED(status));
  const std::vector<int> pids = ReadPids(path);
  EXPECT_EQ(pids.size(), 4u);
  ExpectEnd(pids);
}

TEST_F(ScriptTest, OptionsArriveAndAreRefused) {
  const PluginSpec spec = Script(
      "if 'bad' in hello['options']: say({'error': 'no such option: bad'})\n"
      "else:\n"
      "  say({'version': hello['options']['x']})\n"
      "  while True: say({'id': read()['id'], 'score': 1})\n");
  EXPECT_THAT(MakeOrDie(spec, {{"x", "7"}})->description().version,
              StartsWith("7+"));
  EXPECT_THAT(
      WhyNot(spec, {{"bad", "1"}}),
      AllOf(HasSubstr("plugin script"), HasSubstr("no such option: bad")));
}

// The scorer composes plugins and checks their range.
TEST(PluginScorerTest, APluginIsARuleLikeOthers) {
  RewardRegistry registry;
  ASSERT_TRUE(
      registry
          .Register("mine",
                    [](const RuleOptions& options)
                        -> absl::StatusOr<std::unique_ptr<const RewardRule>> {
                      return ProcessRule::Create(Library(kWayward), options);
                    })
          .ok());
  ASSERT_TRUE(
      registry.Register("half", ConstantRule(RuleResult::Score(0.5))).ok());
  const auto scorer = Scorer::Create(
      registry, {{MakeSpec("mine", 2), MakeSpec("half", 1)}}, {});
  ASSERT_TRUE(scorer.ok()) << scorer.status();
  const RewardResult good =
      scorer->Score(MakeItem(std::string(100, 'a')), absl::InfiniteFuture());
  EXPECT_EQ(good.kind(), REWARD_SCORE);
  EXPECT_EQ(good.total(), 2 * 0.1 + 0.5);
  ASSERT_EQ(good.versions().size(), 1);
  EXPECT_THAT(good.versions().at("mine"), StartsWith("1.0+"));
  const RewardResult high =
      scorer->Score(MakeItem("high"), absl::InfiniteFuture());
  EXPECT_EQ(high.kind(), REWARD_ERROR);
  EXPECT_THAT(high.versions().at("mine"), StartsWith("1.0+"));
  EXPECT_THAT(high.detail(), HasSubstr("mine: gave 1.5, outside its range"));
}

}  // namespace
}  // namespace r1
