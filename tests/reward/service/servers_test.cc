// Several servers behind one client.
#include "reward/service/servers.h"

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "reward/service/channel.h"
#include "reward/service/client.h"
#include "reward/service/server.h"
#include "reward/service/server_check.h"
#include "tests/reward/reward_testing.h"
#include "tests/reward/service/grpc_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

// Bounds nothing but a hang.
absl::Time Soon() { return absl::Now() + absl::Minutes(4); }

const grpc::Status kGone(grpc::StatusCode::UNAVAILABLE, "gone");

RewardRetryOptions QuickRetries() {
  RewardRetryOptions options;
  options.first_retry = absl::Milliseconds(1);
  options.max_retry = absl::Milliseconds(10);
  return options;
}

RewardClientOptions Options() {
  RewardClientOptions options;
  options.rules = {MakeSpec("format", 1)};
  options.call_timeout = absl::Hours(1);
  options.retry = QuickRetries();
  options.max_batch_items = 4;
  return options;
}

std::map<std::string, RewardResult> ScoreMany(int n, RewardClient* client) {
  for (int i = 0; i < n; ++i) {
    client->Submit(MakeItem("text", "{}", absl::StrCat("s", i)));
  }
  std::map<std::string, RewardResult> results;
  for (int i = 0; i < n; ++i) {
    const auto result = client->Next(Soon());
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) break;
    EXPECT_TRUE(results.emplace(result->id(), *result).second) << result->id();
  }
  return results;
}

TEST(RewardServersTest, TheLeastBusyIsChosenAndOrderDecidesTies) {
  RewardServers servers({"a", "b", "c"}, QuickRetries());
  const absl::Time now = absl::Now();
  std::vector<int> chosen;
  for (int i = 0; i < 6; ++i) {
    chosen.push_back(servers.ForSamples(2, now));
    servers.Begin(chosen.back());
  }
  EXPECT_EQ(chosen, (std::vector<int>{0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(servers.ForSamples(2, now), -1);
  servers.End(1);
  EXPECT_EQ(servers.ForSamples(2, now), 1);
}

TEST(RewardServersTest, AnAwayServerIsProbedOnlyAndPausesAlone) {
  LogCapture log;
  RewardServers servers({"a", "b"}, QuickRetries());
  ASSERT_TRUE(servers.NoteAway(0, kGone).ok());
  const absl::Time now = absl::Now();
  EXPECT_EQ(servers.ForSamples(4, now), 1);
  EXPECT_EQ(servers.ForProbe(servers.pause_end(0) - absl::Nanoseconds(1)), -1);
  EXPECT_EQ(servers.ForProbe(servers.pause_end(0)), 0);
  EXPECT_EQ(servers.NextPauseEnd(servers.pause_end(0) - absl::Nanoseconds(1)),
            servers.pause_end(0));
  servers.Begin(0);  // one probe at a time
  EXPECT_EQ(servers.ForProbe(absl::InfiniteFuture()), -1);
  servers.End(0);
  servers.NoteAnswer(0);
  EXPECT_EQ(servers.ForProbe(absl::InfiniteFuture()), -1);
  EXPECT_EQ(servers.ForSamples(4, now), 0);
  EXPECT_EQ(log.CountLines("reward server a does not answer, retry 1 in "), 1);
  EXPECT_EQ(log.CountLines("the others go on: UNAVAILABLE: gone"), 1);
  EXPECT_EQ(log.CountLines("reward server a answers again"), 1);
}

TEST(RewardServersTest, AnOutageCountsOnlyWhileNobodyAnswers) {
  LogCapture log;
  RewardRetryOptions options = QuickRetries();
  options.max_outage = absl::Milliseconds(200);
  RewardServers servers({"a", "b"}, options);
  const auto is_over = [&](absl::Time end) { return absl::Now() >= end; };
  // The first server stays away for longer than that; nothing says that the
  // second does not answer.
  const absl::Time end = absl::Now() + 2 * options.max_outage;
  while (!is_over(end)) {
    ASSERT_TRUE(servers.NoteAway(0, kGone).ok());
  }
  absl::Status status;
  const absl::Time start = absl::Now();
  while (status.ok()) {
    status = servers.NoteAway(0, kGone);
    if (status.ok()) status = servers.NoteAway(1, kGone);
  }
  EXPECT_GE(absl::Now() - start, options.max_outage);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr("none of the reward servers a, b has answered for 200ms"));
}

TEST(RewardServersTest, ABusyServerPausesAndIsNotAway) {
  LogCapture log;
  RewardRetryOptions options;
  options.first_retry = options.max_retry = absl::Hours(1);
  RewardServers servers({"a", "b"}, options);
  servers.NoteBusy(0, BusyStatus(3));
  EXPECT_FALSE(servers.is_away(0));
  EXPECT_EQ(servers.ForSamples(4, absl::Now()), 1);
  EXPECT_EQ(servers.ForSamples(4, servers.pause_end(0)), 0);
  EXPECT_EQ(log.CountLines("reward server a is busy, trying again in"), 1);
  EXPECT_EQ(log.CountLines("does not answer"), 0);
}

TEST(RewardPoolOfServersTest, AllServersAreUsed) {
  Gate gate;
  std::atomic<int> counts[2] = {0, 0};
  const auto score = [&](int s) {
    return [&, s](grpc::ServerContext*, const ScoreRequest& request,
                  ScoreReply* reply) {
      counts[s] += request.items_size();
      gate.Pass();
      return ScoreHalf(request, reply);
    };
  };
  FakeRewardServer first(score(0)), second(score(1));
  RewardClient client(*MakeRewardEndpoints({first.address(), second.address()}),
                      Options());
  for (int i = 0; i < 100; ++i) {
    client.Submit(MakeItem("text", "{}", absl::StrCat("s", i)));
  }
  gate.AwaitArrivals(8);  // four calls on each
  gate.Open();
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(client.Next(Soon()).ok());
  EXPECT_GE(counts[0], 4);
  EXPECT_GE(counts[1], 4);
  EXPECT_EQ(counts[0] + counts[1], 100);
}

// The second server is never there. It costs nothing but a few probes.
TEST(RewardPoolOfServersTest, SamplesOfAnAbsentServerGoToTheOthersAtOnce) {
  FakeRewardServer good(
      [](grpc::ServerContext*, const ScoreRequest& request, ScoreReply* reply) {
        return ScoreHalf(request, reply);
      });
  LogCapture log;
  RewardClientOptions options = Options();
  // Were samples to wait for it, the test would end with this outage.
  options.retry.first_retry = options.retry.max_retry = absl::Hours(1);
  RewardClient client(*MakeRewardEndpoints({"127.0.0.1:1", good.address()}),
                      options);
  const auto results = ScoreMany(500, &client);
  EXPECT_EQ(results.size(), 500u);
  for (const auto& [id, result] : results) {
    EXPECT_EQ(result.kind(), REWARD_SCORE) << id;
  }
  EXPECT_EQ(client.num_retries(), 1);
  EXPECT_EQ(log.CountLines("reward server 127.0.0.1:1 does not answer"), 1);
}

TEST(RewardPoolOfServersTest, AServerThatComesBackIsUsedAgain) {
  std::atomic<bool> is_there = false;
  std::atomic<int> num_items = 0;
  FakeRewardServer good(
      [&](grpc::ServerContext*, const ScoreRequest& request,
          ScoreReply* reply) { return ScoreHalf(request, reply); });
  FakeRewardServer flaky([&](grpc::ServerContext*, const ScoreRequest& request,
                             ScoreReply* reply) {
    if (!is_there) return kGone;
    num_items += request.items_size();
    return ScoreHalf(request, reply);
  });
  LogCapture log;
  RewardClient client(*MakeRewardEndpoints({flaky.address(), good.address()}),
                      Options());
  EXPECT_EQ(ScoreMany(100, &client).size(), 100u);
  EXPECT_EQ(num_items, 0);
  is_there = true;
  const absl::Time deadline = Soon();
  while (num_items == 0 && absl::Now() < deadline) {
    EXPECT_EQ(ScoreMany(20, &client).size(), 20u);
  }
  EXPECT_GT(num_items, 0);
  EXPECT_EQ(log.CountLines(absl::StrCat("reward server ", flaky.address(),
                                        " answers again")),
            1);
}

TEST(RewardPoolOfServersTest, GivesUpWhenAllAreAway) {
  RewardClientOptions options = Options();
  options.retry.max_outage = absl::Milliseconds(300);
  LogCapture log;
  RewardClient client(*MakeRewardEndpoints({"127.0.0.1:1", "127.0.0.1:2"}),
                      options);
  client.Submit(MakeItem("text"));
  const absl::Status status = client.Next(Soon()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("none of the reward servers 127.0.0.1:1, 127.0.0.1:2 "
                        "has answered for 300ms"));
}

TEST(RewardPoolOfServersTest, ABusyServersSamplesGoElsewhere) {
  std::atomic<int> num_busy = 0;
  FakeRewardServer busy(
      [&](grpc::ServerContext*, const ScoreRequest&, ScoreReply*) {
        ++num_busy;
        return BusyStatus(64);
      });
  FakeRewardServer good(
      [](grpc::ServerContext*, const ScoreRequest& request, ScoreReply* reply) {
        return ScoreHalf(request, reply);
      });
  LogCapture log;
  RewardClient client(*MakeRewardEndpoints({busy.address(), good.address()}),
                      Options());
  EXPECT_EQ(ScoreMany(200, &client).size(), 200u);
  EXPECT_GE(num_busy, 1);
  EXPECT_EQ(log.CountLines("does not answer"), 0);
}

// A server that comes back as another program must not score a sample.
TEST(RewardPoolOfServersTest, AnotherBuildEndsTheRun) {
  std::atomic<bool> is_replaced = false;
  FakeRewardServer server([&](grpc::ServerContext*, const ScoreRequest& request,
                              ScoreReply* reply) {
    reply->set_build_id(is_replaced ? "new" : "old");
    return ScoreHalf(request, reply);
  });
  RewardClientOptions options = Options();
  options.build_id = "old";
  RewardClient client(*MakeRewardEndpoints({server.address()}), options);
  EXPECT_EQ(ScoreMany(10, &client).size(), 10u);
  is_replaced = true;
  client.Submit(MakeItem("text"));
  const absl::Status status = client.Next(Soon()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("reward server ", server.address(),
                                     " is now build new, but was build old")));
}

TEST(CheckRewardServersTest, AllMustTakeTheRulesAndBeOneBuild) {
  const auto start = [](const std::string& build, bool has_rule) {
    RewardServiceOptions options;
    options.build_id = build;
    RewardRegistry registry = BuiltinRewardRules();
    if (has_rule) {
      EXPECT_TRUE(
          registry.Register("mine", ConstantRule(RuleResult::Score(1))).ok());
    }
    return *RewardServer::Start("127.0.0.1:0", std::move(registry), options);
  };
  const auto a = start("one", true), b = start("one", true);
  const auto other = start("two", true), poor = start("one", false);
  const auto check = [&](const std::vector<std::string>& addresses) {
    return CheckRewardServers(*MakeRewardEndpoints(addresses),
                              {{MakeSpec("mine", 1)}}, 0, Soon());
  };
  const auto good = check({a->address(), b->address()});
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->build_id, "one");
  EXPECT_FALSE(good->compares_samples);
  const absl::Status differ = check({a->address(), other->address()}).status();
  EXPECT_EQ(differ.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(differ.message()),
              HasSubstr(absl::StrCat("the reward servers ", a->address(),
                                     " and ", other->address(),
                                     " are different programs (builds one and "
                                     "two)")));
  const absl::Status unknown = check({a->address(), poor->address()}).status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(unknown.message()),
              HasSubstr(absl::StrCat("reward server ", poor->address(),
                                     ": unknown reward rule \"mine\"")));
}

// A connection that breaks during the question, as of a server that is
// restarted then, is no answer.
TEST(CheckRewardServersTest, AsksAgainUntilTheDeadline) {
  std::atomic<int> num_calls = 0;
  FakeRewardServer server(
      [&](grpc::ServerContext*, const ScoreRequest&, ScoreReply*) {
        return num_calls++ < 3 ? kGone : grpc::Status::OK;
      });
  const RewardEndpoint endpoint = (*MakeRewardEndpoints({server.address()}))[0];
  EXPECT_TRUE(CheckRules(endpoint, {{MakeSpec("format", 1)}}, 0, Soon()).ok());
  EXPECT_EQ(num_calls, 4);
  num_calls = -1000000;
  EXPECT_EQ(CheckRules(endpoint, {{MakeSpec("format", 1)}}, 0,
                       absl::Now() + absl::Milliseconds(200))
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace r1
