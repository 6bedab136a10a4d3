// Which rules a service keeps, and how often it makes them.
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "reward/service/server.h"
#include "reward/service/server_check.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

// Bounds nothing but a hang.
absl::Time Soon() { return absl::Now() + absl::Minutes(4); }

// Says until when it is asked for its version.
class AskedRule : public FunctionRule {
 public:
  explicit AskedRule(absl::Time* asked_until)
      : FunctionRule([](const RewardItem&, const RuleContext&) {
          return RuleResult::Score(1);
        }),
        asked_until_(asked_until) {}
  std::string version(const RuleContext& context) const override {
    *asked_until_ = context.deadline;
    return "v1";
  }

 private:
  absl::Time* const asked_until_;
};

class RuleSetsTest : public ::testing::Test {
 protected:
  RuleSetsTest() {
    RewardRegistry registry;
    // Its option tells sets apart; "bad" cannot be made.
    const RuleFactory factory = [this](const RuleOptions& options)
        -> absl::StatusOr<std::unique_ptr<const RewardRule>> {
      const std::string n = options.contains("n") ? options.at("n") : "";
      {
        absl::MutexLock lock(&mutex_);
        ++made_[n];
      }
      if (n == "wait" || n == "bad") gate_.Pass();
      if (n == "bad") return absl::InvalidArgumentError("bad n");
      return std::make_unique<const AskedRule>(&asked_until_);
    };
    EXPECT_TRUE(registry.Register("counted", factory).ok());
    service_ = std::make_unique<EmbeddedRewardService>(std::move(registry),
                                                       RewardServiceOptions());
  }

  absl::Status Ask(const std::string& n, int64_t from_step = 0,
                   int max_new_tokens = 0) {
    RewardRuleSpec rule = MakeSpec("counted", 1);
    rule.set_from_step(from_step);
    (*rule.mutable_option())["n"] = n;
    return CheckRules({"", service_->channel()}, {rule}, max_new_tokens, Soon())
        .status();
  }
  int NumMade(const std::string& n) {
    absl::MutexLock lock(&mutex_);
    return made_[n];
  }

  Gate gate_;
  absl::Mutex mutex_;
  std::map<std::string, int> made_;
  absl::Time asked_until_ = absl::InfiniteFuture();
  std::unique_ptr<EmbeddedRewardService> service_;
};

TEST_F(RuleSetsTest, ASetIsMadeOnceHoweverManyAskForIt) {
  for (const char* n : {"wait", "bad"}) {
    gate_.Close();
    const int arrived = gate_.num_arrived();
    std::vector<std::thread> threads;
    std::vector<absl::Status> statuses(4);
    for (absl::Status& status : statuses) {
      threads.emplace_back([&, this] { status = Ask(n); });
    }
    gate_.AwaitArrivals(arrived + 1);
    gate_.Open();
    for (std::thread& thread : threads) thread.join();
    for (const absl::Status& status : statuses) {
      EXPECT_EQ(status.ok(), std::string(n) == "wait") << status;
    }
  }
  EXPECT_EQ(NumMade("wait"), 1);
  // What cannot be made is not kept.
  const int bad = NumMade("bad");
  EXPECT_FALSE(Ask("bad").ok());
  EXPECT_EQ(NumMade("bad"), bad + 1);
}

TEST_F(RuleSetsTest, TheLeastRecentlyUsedGoFirst) {
  constexpr int kKept = 16;
  for (int n = 0; n < kKept; ++n) EXPECT_TRUE(Ask(absl::StrCat(n)).ok());
  EXPECT_TRUE(Ask("0").ok());     // used again
  EXPECT_TRUE(Ask("more").ok());  // in place of 1
  EXPECT_TRUE(Ask("0").ok());
  EXPECT_EQ(NumMade("0"), 1);
  for (int n = 2; n < kKept; ++n) EXPECT_TRUE(Ask(absl::StrCat(n)).ok());
  EXPECT_EQ(NumMade("2"), 1);
  EXPECT_EQ(NumMade("15"), 1);
  EXPECT_TRUE(Ask("1").ok());
  EXPECT_EQ(NumMade("1"), 2);
}

// Plugins are not started again where answers may grow longer.
TEST_F(RuleSetsTest, OneSetServesAllLengthsButNotAllSchedules) {
  EXPECT_TRUE(Ask("1").ok());
  EXPECT_TRUE(Ask("1", 0, /*max_new_tokens=*/9).ok());
  EXPECT_EQ(NumMade("1"), 1);
  EXPECT_TRUE(Ask("1", /*from_step=*/3).ok());
  EXPECT_EQ(NumMade("1"), 2);
}

TEST_F(RuleSetsTest, OptionsAreBounded) {
  EXPECT_TRUE(Ask(std::string(60000, 'x')).ok());
  const absl::Status status = Ask(std::string(70000, 'x'));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("at most 65536 are taken"),
            absl::string_view::npos);
}

TEST_F(RuleSetsTest, DescribeWaitsForNoRuleWithoutEnd) {
  EXPECT_TRUE(Ask("1").ok());
  const auto reply = DescribeRewardServer({"", service_->channel()}, Soon());
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->rules(0).version(), "v1");
  EXPECT_LT(asked_until_, absl::Now() + absl::Seconds(3));
}

}  // namespace
}  // namespace r1
