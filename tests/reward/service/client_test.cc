#include "reward/service/client.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/host_port.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "reward/service/channel.h"
#include "tests/base/time_enough.h"
#include "tests/reward/reward_testing.h"
#include "tests/reward/service/grpc_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

// Long enough for any machine; no test waits for it when all is well.
absl::Time Soon() { return absl::Now() + absl::Minutes(4); }

RewardClientOptions Options() {
  RewardClientOptions options;
  options.rules = {MakeSpec("format", 1)};
  options.call_timeout = absl::Hours(1);
  options.retry.first_retry = absl::Milliseconds(1);
  options.retry.max_retry = absl::Milliseconds(10);
  return options;
}

std::unique_ptr<RewardClient> Connect(const std::string& address,
                                      const RewardClientOptions& options) {
  return std::make_unique<RewardClient>(*MakeRewardEndpoints({address}),
                                        options);
}

void SubmitMany(int n, RewardClient* client) {
  for (int i = 0; i < n; ++i) {
    client->Submit(MakeItem("text", "{}", absl::StrCat("s", i)));
  }
}

// Takes n results; fails the test if one id comes twice.
std::map<std::string, RewardResult> TakeMany(int n, RewardClient* client) {
  std::map<std::string, RewardResult> results;
  for (int i = 0; i < n; ++i) {
    const auto result = client->Next(Soon());
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) break;
    EXPECT_TRUE(results.emplace(result->id(), *result).second) << result->id();
  }
  return results;
}

TEST(RewardClientTest, EverySampleComesBackOnce) {
  FakeRewardServer server(
      [](grpc::ServerContext*, const ScoreRequest& request, ScoreReply* reply) {
        return ScoreHalf(request, reply);
      });
  const auto client = Connect(server.address(), Options());
  SubmitMany(3000, client.get());
  const auto results = TakeMany(3000, client.get());
  EXPECT_EQ(results.size(), 3000u);
  for (const auto& [id, result] : results) {
    EXPECT_EQ(result.kind(), REWARD_SCORE);
    EXPECT_EQ(result.total(), 0.5);
  }
  EXPECT_EQ(client->num_outstanding(), 0);
  EXPECT_EQ(client->num_retries(), 0);
  const absl::Status none = client->Next(Soon()).status();
  EXPECT_EQ(none.code(), absl::StatusCode::kFailedPrecondition);
}

TEST(RewardClientTest, WaitingSamplesShareCallsAndEveryCallHasADeadline) {
  Gate gate;
  absl::Mutex mutex;
  std::multiset<int> sizes;
  std::atomic<int> num_without_deadline = 0;
  FakeRewardServer server([&](grpc::ServerContext* context,
                              const ScoreRequest& request, ScoreReply* reply) {
    // The header that carries the deadline rounds it up a little.
    if (absl::FromChrono(context->deadline()) >
        absl::Now() + 1.1 * Options().call_timeout) {
      ++num_without_deadline;
    }
    {
      absl::MutexLock lock(&mutex);
      sizes.insert(request.items_size());
    }
    gate.Pass();
    return ScoreHalf(request, reply);
  });
  RewardClientOptions options = Options();
  options.max_calls = 1;
  options.max_batch_items = 8;
  const auto client = Connect(server.address(), options);
  client->Submit(MakeItem("", "{}", "first"));
  gate.AwaitArrivals(1);
  SubmitMany(10, client.get());
  gate.Open();
  EXPECT_EQ(TakeMany(11, client.get()).size(), 11u);
  EXPECT_EQ(num_without_deadline, 0);
  absl::MutexLock lock(&mutex);
  EXPECT_EQ(sizes, (std::multiset<int>{1, 2, 8}));
}

TEST(RewardClientTest, BatchesAreBoundedInBytes) {
  std::atomic<int> num_calls = 0, num_items = 0;
  FakeRewardServer server([&](grpc::ServerContext*, const ScoreRequest& request,
                              ScoreReply* reply) {
    ++num_calls;
    num_items += request.items_size();
    EXPECT_TRUE(request.items_size() == 1 ||
                request.ByteSizeLong() < (2 << 20));
    return ScoreHalf(request, reply);
  });
  RewardClientOptions options = Options();
  options.max_batch_bytes = 1 << 20;
  const auto client = Connect(server.address(), options);
  for (int i = 0; i < 20; ++i) {
    client->Submit(
        MakeItem(std::string(300000, 'x'), "{}", absl::StrCat("s", i)));
  }
  client->Submit(MakeItem(std::string(5 << 20, 'x'), "{}", "large"));
  client->Submit(MakeItem(std::string(64 << 20, 'x'), "{}", "too large"));
  const auto results = TakeMany(22, client.get());
  EXPECT_EQ(results.at("large").kind(), REWARD_SCORE);
  EXPECT_EQ(results.at("too large").kind(), REWARD_ERROR);
  EXPECT_THAT(results.at("too large").detail(),
              HasSubstr("sample too large has 67"));
  EXPECT_EQ(num_items, 21);
}

TEST(RewardClientTest, ALyingServerCostsItsOwnSamples) {
  FakeRewardServer server(
      [](grpc::ServerContext*, const ScoreRequest& request, ScoreReply* reply) {
        ScoreHalf(request, reply);
        for (RewardResult& result : *reply->mutable_results()) {
          if (result.id() == "s1") result.set_total(std::nan(""));
          if (result.id() == "s2") result.set_id("nobody");
          if (result.id() == "s3") result.mutable_components()->Clear();
        }
        return grpc::Status::OK;
      });
  LogCapture log;
  RewardClientOptions options = Options();
  const auto client = Connect(server.address(), options);
  SubmitMany(5, client.get());
  const auto results = TakeMany(5, client.get());
  ASSERT_EQ(results.size(), 5u);
  const std::vector<RewardKind> expected = {
      REWARD_SCORE, REWARD_ERROR, REWARD_ERROR, REWARD_ERROR, REWARD_SCORE};
  for (int i = 0; i < 5; ++i) {
    const RewardResult& result = results.at(absl::StrCat("s", i));
    EXPECT_EQ(result.kind(), expected[i]) << i;
    if (expected[i] == REWARD_ERROR) {
      EXPECT_THAT(result.detail(),
                  HasSubstr(absl::StrCat("sample s", i, ": reward server ",
                                         server.address())));
    }
  }
  EXPECT_EQ(log.CountLines("1 results for ids that were not asked for"), 1);
}

TEST(RewardClientTest, ASampleThatBreaksCallsCostsItselfOnly) {
  std::atomic<int> num_calls = 0;
  FakeRewardServer server([&](grpc::ServerContext*, const ScoreRequest& request,
                              ScoreReply* reply) {
    ++num_calls;
    for (const RewardItem& item : request.items()) {
      if (item.completion() == "poison") {
        return grpc::Status(grpc::StatusCode::INTERNAL, "no\nway");
      }
    }
    return ScoreHalf(request, reply);
  });
  LogCapture log;
  const auto client = Connect(server.address(), Options());
  SubmitMany(20, client.get());
  client->Submit(MakeItem("poison", "{}", "bad"));
  const auto results = TakeMany(21, client.get());
  ASSERT_EQ(results.size(), 21u);
  for (const auto& [id, result] : results) {
    EXPECT_EQ(result.kind(), id == "bad" ? REWARD_ERROR : REWARD_SCORE) << id;
  }
  EXPECT_THAT(results.at("bad").detail(),
              HasSubstr("sample bad: reward server"));
  EXPECT_THAT(results.at("bad").detail(), HasSubstr("INTERNAL: no"));
  EXPECT_EQ(client->num_retries(), 0);
}

TEST(RewardClientTest, ASampleThatHangsIsATimeoutAndItselfOnly) {
  Gate gate;
  FakeRewardServer server([&](grpc::ServerContext*, const ScoreRequest& request,
                              ScoreReply* reply) {
    for (const RewardItem& item : request.items()) {
      if (item.completion() == "hang") gate.Pass();
    }
    return ScoreHalf(request, reply);
  });
  // Connected before the short deadlines start to count.
  const auto channel = *MakeRewardChannel(server.address());
  ASSERT_TRUE(channel->WaitForConnected(absl::ToChronoTime(Soon())));
  EXPECT_TRUE(WithTimeEnough([&](absl::Duration limit) {
    RewardClientOptions options = Options();
    options.call_timeout = limit;
    RewardClient client({{server.address(), channel}}, options);
    SubmitMany(5, &client);
    client.Submit(MakeItem("hang", "{}", "slow"));
    const auto results = TakeMany(6, &client);
    EXPECT_EQ(results.at("slow").kind(), REWARD_TIMEOUT);
    EXPECT_THAT(results.at("slow").detail(), HasSubstr("sample slow"));
    int num_scored = 0;
    for (const auto& [id, result] : results) {
      num_scored += result.kind() == REWARD_SCORE ? 1 : 0;
    }
    return num_scored == 5;
  }));
  gate.Open();
}

// The first sample uses up the call's time, as far as the server is concerned.
TEST(RewardClientTest, ATimeoutIsBelievedOnlyOfASampleSentAlone) {
  std::atomic<int> num_alone = 0;
  FakeRewardServer server([&](grpc::ServerContext*, const ScoreRequest& request,
                              ScoreReply* reply) {
    ScoreHalf(request, reply);
    const bool has_slow = request.items(0).completion() == "slow";
    for (RewardResult& result : *reply->mutable_results()) {
      if (!has_slow) continue;
      result.set_kind(REWARD_TIMEOUT);
      result.clear_components();
    }
    num_alone += has_slow && request.items_size() == 1;
    return grpc::Status::OK;
  });
  const auto client = Connect(server.address(), Options());
  client->Submit(MakeItem("slow", "{}", "slow"));
  SubmitMany(300, client.get());
  const auto results = TakeMany(301, client.get());
  ASSERT_EQ(results.size(), 301u);
  for (const auto& [id, result] : results) {
    EXPECT_EQ(result.kind(), id == "slow" ? REWARD_TIMEOUT : REWARD_SCORE)
        << id;
  }
  EXPECT_GE(num_alone, 1);
}

// Groups "g0", "g1", ... of `size` samples "g0/0", "g0/1", ...
void SubmitGroups(int count, int size, RewardClient* client) {
  for (int g = 0; g < count; ++g) {
    std::vector<RewardItem> items;
    for (int i = 0; i < size; ++i) {
      items.push_back(MakeItem("text", "{}", absl::StrCat("g", g, "/", i)));
      items.back().set_group(absl::StrCat("g", g));
    }
    client->SubmitTogether(std::move(items));
  }
}

// With samples that go together, a call holds more results than batches: sample
// 4 of the first group is the fifth result and there are but three groups; that
// of the last group is beyond any count of groups.
TEST(RewardClientTest, ATimeoutSendsItsWholeGroupAgainAndNoOther) {
  constexpr int kGroups = 3, kSize = 5;
  for (const char* slow : {"g0/0", "g0/2", "g0/4", "g1/0", "g2/4"}) {
    const std::string slow_group = std::string(slow).substr(0, 2);
    Gate gate;
    absl::Mutex mutex;
    std::map<std::string, std::multiset<int>> sizes;  // of calls, by group
    FakeRewardServer server([&](grpc::ServerContext*,
                                const ScoreRequest& request,
                                ScoreReply* reply) {
      if (request.items(0).id() == "first") gate.Pass();
      ScoreHalf(request, reply);
      absl::MutexLock lock(&mutex);
      std::map<std::string, int> count;
      for (const RewardItem& item : request.items()) ++count[item.group()];
      for (const auto& [group, number] : count) {
        EXPECT_TRUE(group.empty() || number == kSize) << group;
        sizes[group].insert(request.items_size());
      }
      // Late only beside others, then in time.
      for (RewardResult& result : *reply->mutable_results()) {
        if (result.id() != slow || request.items_size() == kSize) continue;
        result.set_kind(REWARD_TIMEOUT);
        result.clear_components();
      }
      return grpc::Status::OK;
    });
    RewardClientOptions options = Options();
    options.max_calls = 1;  // so that all groups go into the call after "first"
    const auto client = Connect(server.address(), options);
    client->Submit(MakeItem("", "{}", "first"));
    gate.AwaitArrivals(1);
    SubmitGroups(kGroups, kSize, client.get());
    gate.Open();
    const auto results = TakeMany(1 + kGroups * kSize, client.get());
    ASSERT_EQ(results.size(), 1u + kGroups * kSize) << slow;
    for (const auto& [id, result] : results) {
      EXPECT_EQ(result.kind(), REWARD_SCORE) << slow << ": " << id;
    }
    EXPECT_EQ(client->num_outstanding(), 0);
    absl::MutexLock lock(&mutex);
    for (int g = 0; g < kGroups; ++g) {
      const std::string group = absl::StrCat("g", g);
      std::multiset<int> expected = {kGroups * kSize};
      if (group == slow_group) expected.insert(kSize);
      EXPECT_EQ(sizes[group], expected) << slow << ": " << group;
    }
  }
}

TEST(RewardClientTest, AGroupSentAloneKeepsItsTimeouts) {
  FakeRewardServer server(
      [](grpc::ServerContext*, const ScoreRequest& request, ScoreReply* reply) {
        ScoreHalf(request, reply);
        for (RewardResult& result : *reply->mutable_results()) {
          if (result.id() != "g1/2") continue;
          result.set_kind(REWARD_TIMEOUT);
          result.clear_components();
        }
        return grpc::Status::OK;
      });
  const auto client = Connect(server.address(), Options());
  SubmitGroups(4, 3, client.get());
  const auto results = TakeMany(12, client.get());
  ASSERT_EQ(results.size(), 12u);
  for (const auto& [id, result] : results) {
    EXPECT_EQ(result.kind(), id == "g1/2" ? REWARD_TIMEOUT : REWARD_SCORE)
        << id;
  }
}

// A process that is stopped for a while (Ctrl-Z, a laptop's lid) misses one
// deadline and no more: the result must not depend on it.
TEST(RewardClientTest, OneMissedDeadlineIsNoTimeout) {
  std::atomic<int> num_calls = 0;
  FakeRewardServer server([&](grpc::ServerContext*, const ScoreRequest& request,
                              ScoreReply* reply) {
    if (num_calls++ > 0) return ScoreHalf(request, reply);
    return grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "stood still");
  });
  const auto channel = *MakeRewardChannel(server.address());
  ASSERT_TRUE(channel->WaitForConnected(absl::ToChronoTime(Soon())));
  RewardClient client({{server.address(), channel}}, Options());
  client.Submit(MakeItem("text", "{}", "s"));
  const auto result = client.Next(Soon());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->kind(), REWARD_SCORE) << result->detail();
  EXPECT_EQ(num_calls, 2);
}

TEST(RewardClientTest, AnAbsentServerIsTriedAgainAndCounted) {
  std::atomic<int> num_refusals = 0;
  FakeRewardServer server([&](grpc::ServerContext*, const ScoreRequest& request,
                              ScoreReply* reply) {
    if (num_refusals < 5) {
      ++num_refusals;
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "not yet");
    }
    return ScoreHalf(request, reply);
  });
  LogCapture log;
  RewardClientOptions options = Options();
  options.max_calls = 1;  // so that no two calls fail together
  const auto client = Connect(server.address(), options);
  SubmitMany(100, client.get());
  const auto results = TakeMany(100, client.get());
  EXPECT_EQ(results.size(), 100u);
  for (const auto& [id, result] : results) {
    EXPECT_EQ(result.kind(), REWARD_SCORE) << id;
  }
  EXPECT_EQ(client->num_retries(), 5);
  for (int n = 1; n <= 5; ++n) {
    EXPECT_EQ(
        log.CountLines(absl::StrCat("does not answer, retry ", n, " in ")), 1);
  }
  EXPECT_EQ(log.CountLines(" s: UNAVAILABLE: not yet"), 5);
  EXPECT_EQ(log.CountLines("answers again after"), 1);
}

TEST(RewardClientTest, GivesUpOnAServerThatStaysAway) {
  // Port 1 is reserved; nothing listens there.
  RewardClientOptions options = Options();
  options.retry.max_outage = absl::Milliseconds(300);
  LogCapture log;
  const auto client = Connect("127.0.0.1:1", options);
  SubmitMany(10, client.get());
  const absl::Status status = client->Next(Soon()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr("reward server 127.0.0.1:1 has not answered for 300ms"));
  EXPECT_GT(client->num_retries(), 0);
  EXPECT_EQ(client->Next(Soon()).status(), status);
}

// A peer that accepts connections and never says a word.
TEST(RewardClientTest, ASilentPeerIsAnAbsentServerNotATimeout) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(fd, 16), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string name = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  RewardClientOptions options = Options();
  options.call_timeout = absl::Milliseconds(100);
  options.retry.max_outage = absl::Milliseconds(500);
  LogCapture log;
  const auto client = Connect(name, options);
  SubmitMany(3, client.get());
  const absl::Status status = client->Next(Soon()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(name));
  close(fd);
}

TEST(RewardClientTest, ARefusedRequestIsReportedForGood) {
  FakeRewardServer server(
      [](grpc::ServerContext*, const ScoreRequest&, ScoreReply*) {
        return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "unknown rule");
      });
  const auto client = Connect(server.address(), Options());
  SubmitMany(10, client.get());
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = client->Next(Soon()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(), absl::StrCat("reward server ", server.address(),
                                             ": unknown rule"));
  }
}

TEST(RewardClientTest, NextSaysForWhomItWaited) {
  Gate gate;
  FakeRewardServer server([&](grpc::ServerContext*, const ScoreRequest& request,
                              ScoreReply* reply) {
    gate.Pass();
    return ScoreHalf(request, reply);
  });
  const auto client = Connect(server.address(), Options());
  client->Submit(MakeItem("", "{}", "p7/3"));
  gate.AwaitArrivals(1);
  const absl::Status status =
      client->Next(absl::Now() + absl::Milliseconds(10)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(status.message(),
            absl::StrCat("reward server ", server.address(),
                         " has yet to score 1 samples, e.g. p7/3"));
  EXPECT_EQ(client->num_outstanding(), 1);
  gate.Open();
  EXPECT_TRUE(client->Next(Soon()).ok());
}

TEST(RewardClientTest, BadIdsAreRefusedAndAnIdMayComeAgainLater) {
  FakeRewardServer server(
      [](grpc::ServerContext*, const ScoreRequest& request, ScoreReply* reply) {
        return ScoreHalf(request, reply);
      });
  for (const std::vector<std::string>& ids :
       {std::vector<std::string>{""}, std::vector<std::string>{"\xFF"},
        std::vector<std::string>{"twice", "twice"}}) {
    const auto client = Connect(server.address(), Options());
    for (const std::string& id : ids) client->Submit(MakeItem("", "{}", id));
    absl::Status status;
    while (status.ok()) status = client->Next(Soon()).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  }
  const auto client = Connect(server.address(), Options());
  for (int i = 0; i < 3; ++i) {
    client->Submit(MakeItem("", "{}", "again"));
    EXPECT_TRUE(client->Next(Soon()).ok());
  }
}

TEST(RewardClientTest, DestructionCancelsCallsUnderWay) {
  Gate gate;
  FakeRewardServer server([&](grpc::ServerContext*, const ScoreRequest& request,
                              ScoreReply* reply) {
    gate.Pass();
    return ScoreHalf(request, reply);
  });
  for (const bool in_process : {false, true}) {
    auto client = in_process ? std::make_unique<RewardClient>(
                                   std::vector<RewardEndpoint>{
                                       {"", server.in_process_channel()}},
                                   Options())
                             : Connect(server.address(), Options());
    SubmitMany(100, client.get());
    gate.AwaitArrivals(in_process ? 2 : 1);
    client.reset();  // the call itself had an hour
  }
  gate.Open();
}

TEST(RewardClientTest, SamplesMayBeSubmittedAndTakenFromManyThreads) {
  FakeRewardServer server(
      [](grpc::ServerContext*, const ScoreRequest& request, ScoreReply* reply) {
        return ScoreHalf(request, reply);
      });
  RewardClient client({{"", server.in_process_channel()}}, Options());
  constexpr int kThreads = 4, kEach = 500;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        client.Submit(MakeItem("", "{}", absl::StrCat(t, "/", i)));
      }
      for (int i = 0; i < kEach; ++i) EXPECT_TRUE(client.Next(Soon()).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(client.num_outstanding(), 0);
}

TEST(ParseHostPortTest, AcceptsAndRefuses) {
  const auto text = [](const std::string& address) {
    const auto parsed = ParseHostPort(address, 0);
    return parsed.ok() ? absl::StrCat(parsed->host, " ", parsed->port) : "bad";
  };
  EXPECT_EQ(text("127.0.0.1:7000"), "127.0.0.1 7000");
  EXPECT_EQ(text("localhost:0"), "localhost 0");
  EXPECT_EQ(text("[::1]:65535"), "::1 65535");
  for (const char* address :
       {"", ":", "localhost", "localhost:", ":7000", "localhost:x",
        "localhost:65536", "localhost:-1", "::1:7000", "[]:7000", "a:1x"}) {
    EXPECT_EQ(text(address), "bad") << address;
  }
  EXPECT_FALSE(ParseHostPort("localhost:0", 1).ok());
  EXPECT_FALSE(MakeRewardChannel("nonsense").ok());
}

}  // namespace
}  // namespace r1
