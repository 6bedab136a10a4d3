// The rule in reward servers: scores have the same bits in this process, in an
// embedded service and over TCP.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "judge/model_rule.h"
#include "reward/core/scorer.h"
#include "reward/service/client.h"
#include "reward/service/server.h"
#include "tests/judge/judge_testing.h"
#include "tests/model/file_test_util.h"

namespace r1 {
namespace {

class ServedJudge : public testing::Test {
 protected:
  ServedJudge() {
    EXPECT_TRUE(WriteModelFolder(folder_.path(), TinyJudge(),
                                 RandomParams(TinyJudge()), *ByteTokenizer())
                    .ok());
    RewardRuleSpec spec;
    spec.set_weight(1);
    (*spec.mutable_option())["path"] = folder_.path();
    spec.set_name("helpful");
    rules_.push_back(spec);
    spec.set_name("safety");
    (*spec.mutable_option())["part"] = "WHOLE";
    rules_.push_back(spec);
    for (int i = 0; i < 90; ++i) {
      RewardItem item;
      item.set_id(absl::StrCat(i));
      item.set_prompt("Say it.");
      item.set_completion(
          absl::StrCat("<think>hm</think>", std::string(i, 'a' + i % 26)));
      items_.push_back(item);
    }
  }
  static RewardRegistry Registry() {
    RewardRegistry registry;
    const RuleFactory factory = MakesModelRule(2);
    for (const char* name : {"helpful", "safety"}) {
      EXPECT_TRUE(
          registry.RegisterPlugin(name, factory, kModelRuleCarrier).ok());
    }
    return registry;
  }
  // Of every item, by id, as a client gets them, a few at a time.
  std::map<std::string, double> Totals(const RewardEndpoint& endpoint) {
    RewardClientOptions options;
    options.rules = rules_;
    options.max_batch_items = 7;
    options.call_timeout = absl::Minutes(5);
    RewardClient client({endpoint}, options);
    for (const RewardItem& item : items_) client.Submit(item);
    std::map<std::string, double> totals;
    for (size_t i = 0; i < items_.size(); ++i) {
      const auto result = client.Next(absl::Now() + absl::Minutes(5));
      EXPECT_TRUE(result.ok()) << result.status();
      if (!result.ok()) break;
      EXPECT_EQ(result->kind(), REWARD_SCORE) << result->detail();
      totals[result->id()] = result->total();
    }
    return totals;
  }

  TemporaryFolder folder_;
  std::vector<RewardRuleSpec> rules_;
  std::vector<RewardItem> items_;
};

TEST_F(ServedJudge, ScoresAreEqualEverywhere) {
  const auto scorer = Scorer::Create(Registry(), rules_, {});
  ASSERT_TRUE(scorer.ok()) << scorer.status();
  std::map<std::string, double> expected;
  for (const RewardItem& item : items_) {
    const RewardResult result = scorer->Score(item, absl::InfiniteFuture());
    ASSERT_EQ(result.kind(), REWARD_SCORE) << result.detail();
    expected[item.id()] = result.total();
  }
  EmbeddedRewardService embedded(Registry(), {});
  EXPECT_EQ(Totals({"", embedded.channel()}), expected);
  const auto server = RewardServer::Start("127.0.0.1:0", Registry(), {});
  ASSERT_TRUE(server.ok()) << server.status();
  const auto endpoints = MakeRewardEndpoints({(*server)->address()});
  ASSERT_TRUE(endpoints.ok()) << endpoints.status();
  EXPECT_EQ(Totals((*endpoints)[0]), expected);
}

}  // namespace
}  // namespace r1
