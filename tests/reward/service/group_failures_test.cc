// Every way in which a result can fail, among samples that are compared.
#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/service/channel.h"
#include "reward/service/client.h"
#include "reward/service/server.h"
#include "tests/reward/reward_testing.h"
#include "tests/reward/service/grpc_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

constexpr int kGroupSize = 3;

// Bounds nothing but a hang.
absl::Time Soon() { return absl::Now() + absl::Minutes(4); }

// A completion is its fate, then its length: "score 7".
RuleResult Fate(const RewardItem& item, const RuleContext&) {
  const std::string& text = item.completion();
  if (absl::StrContains(text, "abstain")) return RuleResult::Abstain("cannot");
  if (absl::StrContains(text, "error")) return RuleResult::Error("broken");
  if (absl::StrContains(text, "timeout")) return RuleResult::Timeout("late");
  if (absl::StrContains(text, "other")) return RuleResult::NotApplicable("no");
  if (absl::StrContains(text, "throw")) throw 7;
  return RuleResult::Score(1);
}

// 1 for the longest samples among those that "fate" scores, 0 for others.
class LongestRule : public RewardRule {
 public:
  std::vector<RuleResult> Judge(absl::Span<const RewardItem* const> items,
                                const RuleContext&) const override {
    int longest = 0;
    for (const RewardItem* item : items) {
      longest = std::max(longest, item->completion_tokens());
    }
    std::vector<RuleResult> results;
    for (const RewardItem* item : items) {
      results.push_back(
          RuleResult::Score(item->completion_tokens() == longest));
    }
    return results;
  }
  RuleGrain grain() const override { return RuleGrain::kGroup; }
  std::string needs() const override { return "fate"; }
};

RewardRegistry Rules() {
  RewardRegistry registry;
  EXPECT_TRUE(registry.Register("fate", MakeRule(Fate)).ok());
  EXPECT_TRUE(registry.Register("longest", MakesRule<LongestRule>()).ok());
  return registry;
}

// Samples p/0 to p/2 of prompt p; later ones are longer.
std::vector<RewardItem> Group(int p, const std::vector<std::string>& fates) {
  std::vector<RewardItem> items;
  for (int s = 0; s < kGroupSize; ++s) {
    RewardItem item = MakeItem(fates[s], "{}", absl::StrCat(p, "/", s));
    item.set_group(absl::StrCat(p));
    item.set_completion_tokens(s + 1);
    items.push_back(std::move(item));
  }
  return items;
}

RewardClientOptions Options() {
  RewardClientOptions options;
  options.rules = {MakeSpec("fate", 1), MakeSpec("longest", 10)};
  options.call_timeout = absl::Hours(1);
  options.max_batch_items = 2 * kGroupSize;
  options.retry.first_retry = absl::Milliseconds(1);
  options.retry.max_retry = absl::Milliseconds(10);
  return options;
}

// All results; fails the test if a sample has none or two.
std::map<std::string, RewardResult> TakeAll(RewardClient* client, int count) {
  std::map<std::string, RewardResult> results;
  for (int i = 0; i < count; ++i) {
    const auto result = client->Next(Soon());
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) break;
    EXPECT_TRUE(results.emplace(result->id(), *result).second) << result->id();
  }
  EXPECT_EQ(client->num_outstanding(), 0);
  return results;
}

// How many servers there are on ports; 0: one in this process.
class GroupFailuresTest : public ::testing::TestWithParam<int> {
 protected:
  std::vector<RewardEndpoint> Serve() {
    RewardServiceOptions options;
    options.threads = 2;
    if (GetParam() == 0) {
      embedded_ = std::make_unique<EmbeddedRewardService>(Rules(), options);
      return {{"", embedded_->channel()}};
    }
    std::vector<std::string> addresses;
    for (int i = 0; i < GetParam(); ++i) {
      servers_.push_back(*RewardServer::Start("127.0.0.1:0", Rules(), options));
      addresses.push_back(servers_.back()->address());
    }
    return *MakeRewardEndpoints(addresses);
  }

 private:
  std::unique_ptr<EmbeddedRewardService> embedded_;
  std::vector<std::unique_ptr<RewardServer>> servers_;
};

TEST_P(GroupFailuresTest, EachKindCostsItsSampleAndNoOther) {
  const std::map<std::string, RewardKind> kinds = {
      {"score", REWARD_SCORE},     {"abstain", REWARD_ABSTAIN},
      {"error", REWARD_ERROR},     {"throw", REWARD_ERROR},
      {"timeout", REWARD_TIMEOUT}, {"other", REWARD_ABSTAIN}};
  RewardClient client(Serve(), Options());
  // Every pair of kinds, at the first two places, then at the last two.
  std::vector<std::vector<std::string>> fates;
  for (const auto& [a, kind_a] : kinds) {
    for (const auto& [b, kind_b] : kinds) {
      fates.push_back({a, b, "score"});
      fates.push_back({"score", a, b});
    }
  }
  for (size_t p = 0; p < fates.size(); ++p) {
    client.SubmitTogether(Group(static_cast<int>(p), fates[p]));
  }
  const auto results =
      TakeAll(&client, static_cast<int>(fates.size()) * kGroupSize);
  for (size_t p = 0; p < fates.size(); ++p) {
    int longest = -1;
    for (int s = 0; s < kGroupSize; ++s) {
      if (fates[p][s] == "score") longest = s;
    }
    for (int s = 0; s < kGroupSize; ++s) {
      const RewardResult& result = results.at(absl::StrCat(p, "/", s));
      EXPECT_EQ(result.kind(), kinds.at(fates[p][s])) << result.detail();
      if (result.kind() == REWARD_SCORE) {
        EXPECT_EQ(result.total(), s == longest ? 11 : 1) << result.id();
      }
      EXPECT_EQ(result.not_applicable_size() > 0, fates[p][s] == "other");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, GroupFailuresTest, ::testing::Values(0, 1, 2),
                         [](const auto& info) {
                           return info.param == 0
                                      ? std::string("Embedded")
                                      : absl::StrCat(info.param, "OnPorts");
                         });

// Prompt 1's sample 1 is the one that things happen to.
constexpr char kVictim[] = "1/1";

bool HasVictim(const ScoreRequest& request) {
  for (const RewardItem& item : request.items()) {
    if (item.id() == kVictim) return true;
  }
  return false;
}

// Scores four groups on servers that answer like `serve`, one of which may be
// away, and expects kinds for the victim and the rest of its group.
void ExpectKinds(const FakeRewardServer::ScoreFunction& serve,
                 RewardKind victim, RewardKind its_group) {
  for (const int num_servers : {1, 2}) {
    FakeRewardServer first(serve), second(serve);
    std::vector<std::string> addresses = {first.address()};
    if (num_servers == 2) addresses.push_back(second.address());
    RewardClient client(*MakeRewardEndpoints(addresses), Options());
    for (int p = 0; p < 4; ++p) {
      client.SubmitTogether(Group(p, {"a", "b", "c"}));
    }
    for (const auto& [id, result] : TakeAll(&client, 4 * kGroupSize)) {
      const RewardKind expected = id == kVictim                ? victim
                                  : absl::StartsWith(id, "1/") ? its_group
                                                               : REWARD_SCORE;
      EXPECT_EQ(result.kind(), expected) << id << ": " << result.detail();
    }
  }
}

TEST(GroupFailuresOfServersTest, ACallThatFailsCostsTheGroup) {
  ExpectKinds(
      [](grpc::ServerContext*, const ScoreRequest& request, ScoreReply* reply) {
        if (HasVictim(request)) {
          return grpc::Status(grpc::StatusCode::INTERNAL, "broke");
        }
        return ScoreHalf(request, reply);
      },
      REWARD_ERROR, REWARD_ERROR);
}

TEST(GroupFailuresOfServersTest, AReplyThatIsTooShortCostsWhatIsMissing) {
  ExpectKinds(
      [](grpc::ServerContext*, const ScoreRequest& request, ScoreReply* reply) {
        const grpc::Status status = ScoreHalf(request, reply);
        for (int i = reply->results_size() - 1; i >= 0; --i) {
          if (reply->results(i).id() == kVictim) {
            reply->mutable_results()->DeleteSubrange(i, 1);
          }
        }
        return status;
      },
      REWARD_ERROR, REWARD_SCORE);
}

TEST(GroupFailuresOfServersTest, AnEmptyReplyCostsItsSamples) {
  ExpectKinds(
      [](grpc::ServerContext*, const ScoreRequest& request, ScoreReply* reply) {
        if (HasVictim(request) && request.items_size() == kGroupSize) {
          return grpc::Status::OK;
        }
        // Of a batch with others: the group is narrowed down first.
        if (HasVictim(request)) {
          return grpc::Status(grpc::StatusCode::INTERNAL, "broke");
        }
        return ScoreHalf(request, reply);
      },
      REWARD_ERROR, REWARD_ERROR);
}

TEST(GroupFailuresOfServersTest, ATimeoutThatStaysIsOne) {
  ExpectKinds(
      [](grpc::ServerContext*, const ScoreRequest& request, ScoreReply* reply) {
        const grpc::Status status = ScoreHalf(request, reply);
        for (RewardResult& result : *reply->mutable_results()) {
          if (result.id() == kVictim) result.set_kind(REWARD_TIMEOUT);
        }
        return status;
      },
      REWARD_TIMEOUT, REWARD_SCORE);
}

TEST(GroupFailuresOfServersTest, AServerThatIsLostOnceCostsNothing) {
  std::atomic<int> calls = 0;
  ExpectKinds(
      [&](grpc::ServerContext*, const ScoreRequest& request,
          ScoreReply* reply) {
        if (request.items_size() > 0 && calls++ % 3 == 0) {
          return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone");
        }
        return ScoreHalf(request, reply);
      },
      REWARD_SCORE, REWARD_SCORE);
}

TEST(GroupFailuresOfServersTest, AServerThatStaysAwayEndsItForAll) {
  RewardClientOptions options = Options();
  options.retry.max_outage = absl::Milliseconds(50);
  RewardClient client(
      *MakeRewardEndpoints(std::vector<std::string>{"127.0.0.1:1"}), options);
  client.SubmitTogether(Group(1, {"a", "b", "c"}));
  const absl::Status status = client.Next(Soon()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace r1
