// ScoreStream from both ends.
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "reward/reward_channel.h"
#include "reward/reward_server.h"
#include "reward/reward_server_check.h"
#include "reward/reward_stream_client.h"
#include "tests/base/time_enough.h"
#include "tests/reward/reward_grpc_testing.h"
#include "tests/reward/reward_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

// Bounds nothing but a hang.
absl::Time Soon() { return absl::Now() + absl::Minutes(4); }

// Completions that say "wait" wait at the gate; "slow" ones until their
// deadline.
RewardRegistry TestRules(Gate* gate) {
  RewardRegistry registry = BuiltinRewardRules();
  const auto rule = [gate](const RewardItem& item, const RuleContext& context) {
    if (item.completion() == "wait") gate->Pass();
    while (item.completion() == "slow" && absl::Now() < context.deadline) {
    }
    return RuleResult::Score(static_cast<double>(item.completion().size()));
  };
  EXPECT_TRUE(registry.Register("gate", MakeRule(rule)).ok());
  return registry;
}

ScoreRequest Request(const std::vector<RewardRuleSpec>& rules,
                     const std::vector<RewardItem>& items) {
  ScoreRequest request;
  request.mutable_rules()->Add(rules.begin(), rules.end());
  request.mutable_items()->Add(items.begin(), items.end());
  return request;
}

class RewardStreamTest : public ::testing::Test {
 protected:
  using Stream = grpc::ClientReaderWriter<ScoreRequest, ScoreReply>;

  void Start(const RewardServiceOptions& options) {
    server_ = *RewardServer::Start("127.0.0.1:0", TestRules(&gate_), options);
    endpoint_ = (*MakeRewardEndpoints({server_->address()}))[0];
    stub_ = Reward::NewStub(endpoint_.channel);
  }
  std::unique_ptr<Stream> Open() {
    context_.set_deadline(absl::ToChronoTime(Soon()));
    context_.set_wait_for_ready(true);
    return stub_->ScoreStream(&context_);
  }
  // Also when a test failed half-way: the service waits for its rules.
  void TearDown() override { gate_.Open(); }

  // The next n results; the calls' replies may hold any number of them.
  static std::map<std::string, RewardResult> Read(int n, Stream* stream) {
    std::map<std::string, RewardResult> results;
    ScoreReply reply;
    while (results.size() < n && stream->Read(&reply)) {
      for (const RewardResult& result : reply.results()) {
        EXPECT_TRUE(results.emplace(result.id(), result).second);
      }
    }
    EXPECT_EQ(results.size(), n);
    return results;
  }

  Gate gate_;
  std::unique_ptr<RewardServer> server_;
  RewardEndpoint endpoint_;
  std::unique_ptr<Reward::Stub> stub_;
  grpc::ClientContext context_;
};

TEST_F(RewardStreamTest, ResultsComeAsSoonAsTheyExist) {
  RewardServiceOptions options;
  options.threads = 2;
  options.build_id = "build-7";
  Start(options);
  const auto stream = Open();
  ASSERT_TRUE(stream->Write(
      Request({MakeSpec("gate", 1)},
              {MakeItem("wait", "{}", "a"), MakeItem("xx", "{}", "b"),
               MakeItem("xxx", "{}", "c")})));
  // Those behind an item that is stuck, of its request and the next.
  EXPECT_EQ(Read(2, stream.get()).at("c").total(), 3);
  ASSERT_TRUE(stream->Write(Request({}, {MakeItem("x", "{}", "d")})));
  EXPECT_EQ(Read(1, stream.get()).at("d").total(), 1);
  gate_.Open();
  EXPECT_EQ(Read(1, stream.get()).at("a").total(), 4);
  // A question without items is answered by a reply without results.
  ASSERT_TRUE(stream->Write(Request({MakeSpec("format", 1)}, {})));
  ScoreReply reply;
  ASSERT_TRUE(stream->Read(&reply));
  EXPECT_EQ(reply.results_size(), 0);
  EXPECT_EQ(reply.build_id(), "build-7");
  // The rules of the request before hold on.
  ASSERT_TRUE(stream->Write(Request({}, {MakeItem("x", "{}", "e")})));
  EXPECT_EQ(Read(1, stream.get()).at("e").total(), 0);
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(RewardStreamTest, AnItemHasItsOwnDeadline) {
  RewardServiceOptions options;
  options.item_limit = options.call_limit = absl::Hours(1);
  Start(options);
  const auto stream = Open();
  EXPECT_TRUE(WithTimeEnough([&](absl::Duration limit) {
    ScoreRequest request =
        Request({MakeSpec("gate", 1)},
                {MakeItem("slow", "{}", "a"), MakeItem("x", "{}", "b")});
    request.set_item_timeout_ms(absl::ToInt64Milliseconds(limit));
    EXPECT_TRUE(stream->Write(request));
    // The limit holds on with the rules.
    EXPECT_TRUE(stream->Write(Request({}, {MakeItem("slow", "{}", "c")})));
    const auto results = Read(3, stream.get());
    EXPECT_EQ(results.at("a").kind(), REWARD_TIMEOUT);
    EXPECT_EQ(results.at("c").kind(), REWARD_TIMEOUT);
    return results.at("b").kind() == REWARD_SCORE;
  }));
}

TEST_F(RewardStreamTest, ABadRequestEndsTheStream) {
  Start({});
  const auto error = [&](const ScoreRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(Soon()));
    context.set_wait_for_ready(true);
    const auto stream = stub_->ScoreStream(&context);
    stream->Write(request);
    ScoreReply reply;
    while (stream->Read(&reply)) {
    }
    const grpc::Status status = stream->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  EXPECT_EQ(error(Request({}, {MakeItem("x")})),
            "the first request of a stream has no rules");
  EXPECT_THAT(error(Request({MakeSpec("fromat", 1)}, {})),
              HasSubstr("did you mean \"format\"?"));
  EXPECT_EQ(error(Request({MakeSpec("format", 1)},
                          {MakeItem("", "{}", "a"), MakeItem("", "{}", "a")})),
            "two items have the id \"a\"");
  ScoreRequest negative = Request({MakeSpec("format", 1)}, {MakeItem("x")});
  negative.set_item_timeout_ms(-1);
  EXPECT_THAT(error(negative), HasSubstr("item_timeout_ms is -1"));
}

// No more is read than may wait: the sender is held up, not the memory.
TEST_F(RewardStreamTest, ReadingStopsWhileManyItemsWait) {
  RewardServiceOptions options;
  options.threads = 1;
  Start(options);
  const auto stream = Open();
  constexpr int kRequests = 100, kItems = 64;
  std::atomic<int> num_written = 0;
  std::thread writer([&] {
    for (int r = 0; r < kRequests; ++r) {
      std::vector<RewardItem> items;
      for (int i = 0; i < kItems; ++i) {
        // Large, so that gRPC's own buffers hold few of them.
        items.push_back(MakeItem(r + i == 0 ? "wait" : std::string(20000, 'x'),
                                 "{}", absl::StrCat(r, "/", i)));
      }
      if (!stream->Write(Request({MakeSpec("gate", 1)}, items))) break;
      ++num_written;
    }
    stream->WritesDone();
  });
  gate_.AwaitArrivals(1);
  // 16 requests wait, one is held back, some are in buffers; until nothing
  // moves for a while.
  int seen = -1;
  for (absl::Time end = absl::Now(); absl::Now() < end || seen < 16;) {
    if (num_written == seen) continue;
    seen = num_written;
    end = absl::Now() + absl::Milliseconds(500);
  }
  EXPECT_LT(seen, kRequests / 2);
  gate_.Open();
  EXPECT_EQ(Read(kRequests * kItems, stream.get()).size(), kRequests * kItems);
  writer.join();
  ScoreReply reply;
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(RewardStreamTest, GroupsAreComparedWithinARequest) {
  Start({});
  RewardRuleSpec length = MakeSpec("group_length", 1);
  (*length.mutable_option())["answer"] = "exact_answer";
  std::vector<RewardItem> items;
  for (int s = 0; s < 3; ++s) {
    items.push_back(
        MakeItem("<answer>7</answer>", "{\"answer\": 7}", absl::StrCat(s)));
    items.back().set_group("g");
    items.back().set_completion_tokens(10 * s);
  }
  const auto stream = Open();
  ASSERT_TRUE(
      stream->Write(Request({MakeSpec("exact_answer", 0), length}, items)));
  const auto results = Read(3, stream.get());
  EXPECT_EQ(results.at("0").total(), 0.5);
  EXPECT_EQ(results.at("1").total(), 0);
  EXPECT_EQ(results.at("2").total(), -0.5);
}

TEST_F(RewardStreamTest, ADrainAnswersWhatItHasRead) {
  RewardServiceOptions options;
  options.threads = 2;
  Start(options);
  const auto stream = Open();
  ASSERT_TRUE(stream->Write(
      Request({MakeSpec("gate", 1)}, {MakeItem("wait", "{}", "a")})));
  gate_.AwaitArrivals(1);
  std::thread shutdown([&] { server_->Shutdown(absl::Minutes(4)); });
  // Draining has begun once it refuses calls.
  grpc::Status status;
  while (status.ok()) {
    grpc::ClientContext attempt;
    ScoreReply reply;
    status =
        stub_->Score(&attempt, Request({MakeSpec("format", 1)}, {}), &reply);
  }
  gate_.Open();
  EXPECT_EQ(Read(1, stream.get()).at("a").total(), 4);
  ScoreReply reply;
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(IsAway(stream->Finish()));
  shutdown.join();
}

TEST_F(RewardStreamTest, ACallerThatGoesLeavesNothingBehind) {
  RewardServiceOptions options;
  options.threads = 2;
  options.max_calls = 1;
  Start(options);
  const auto stream = Open();
  ASSERT_TRUE(stream->Write(
      Request({MakeSpec("gate", 1)},
              {MakeItem("wait", "{}", "a"), MakeItem("x", "{}", "b")})));
  gate_.AwaitArrivals(1);
  context_.TryCancel();
  ScoreReply reply;
  while (stream->Read(&reply)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  gate_.Open();
  // The place of the only call becomes free.
  for (;;) {
    const auto description = DescribeRewardServer(endpoint_, Soon());
    ASSERT_TRUE(description.ok()) << description.status();
    if (description->calls_under_way() == 0) break;
    std::this_thread::yield();
  }
}

// The client, against servers that do what a test says.
class FakeStreamServer : private Reward::Service {
 public:
  using Serve = std::function<grpc::Status(
      grpc::ServerReaderWriter<ScoreReply, ScoreRequest>*)>;

  explicit FakeStreamServer(Serve serve) : serve_(std::move(serve)) {
    grpc::ServerBuilder builder;
    SetRewardServerOptions(&builder);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(static_cast<Reward::Service*>(this));
    server_ = builder.BuildAndStart();
  }
  ~FakeStreamServer() override { server_->Shutdown(); }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

 private:
  grpc::Status ScoreStream(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<ScoreReply, ScoreRequest>* stream) override {
    return serve_(stream);
  }

  const Serve serve_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

RewardStreamOptions StreamOptions() {
  RewardStreamOptions options;
  options.rules = {MakeSpec("gate", 1)};
  options.retry.first_retry = absl::Milliseconds(1);
  options.retry.max_retry = absl::Milliseconds(10);
  options.max_items_each = 64;
  options.max_request_items = 8;
  return options;
}

void Submit(int n, RewardStreamClient* client) {
  for (int i = 0; i < n; ++i) {
    client->SubmitTogether(
        {MakeItem(std::string(i % 50, 'x'), "{}", absl::StrCat(i))});
  }
}

// Each of n items once.
std::map<std::string, RewardResult> Take(int n, RewardStreamClient* client) {
  std::map<std::string, RewardResult> results;
  for (int i = 0; i < n; ++i) {
    const auto result = client->Next(Soon());
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) break;
    EXPECT_TRUE(results.emplace(result->id(), *result).second) << result->id();
  }
  return results;
}

// Answers requests by 0.5 until `is_over` says so.
grpc::Status ServeHalf(grpc::ServerReaderWriter<ScoreReply, ScoreRequest>* s,
                       const std::function<bool(const ScoreRequest&)>& is_over,
                       const grpc::Status& end) {
  ScoreRequest request, first;
  while (s->Read(&request)) {
    if (request.rules_size() > 0) first = request;
    *request.mutable_rules() = first.rules();
    if (is_over(request)) return end;
    ScoreReply reply;
    ScoreHalf(request, &reply);
    s->Write(reply);
  }
  return grpc::Status::OK;
}

TEST(RewardStreamClientTest, TwoServersShareTheItems) {
  Gate gates[2];
  std::vector<std::unique_ptr<RewardServer>> servers;
  std::vector<std::string> addresses;
  for (Gate& gate : gates) {
    servers.push_back(
        *RewardServer::Start("127.0.0.1:0", TestRules(&gate), {}));
    addresses.push_back(servers.back()->address());
  }
  RewardStreamClient client(*MakeRewardEndpoints(addresses), StreamOptions());
  // Whichever server is there first cannot do the other's part: it holds as
  // many items as it may have.
  constexpr int kWaiting = 2 * 64;
  for (int i = 0; i < kWaiting; ++i) {
    client.SubmitTogether({MakeItem("wait", "{}", absl::StrCat("wait ", i))});
  }
  Submit(2000, &client);
  for (Gate& gate : gates) gate.AwaitArrivals(1);
  for (Gate& gate : gates) gate.Open();
  const auto results = Take(2000 + kWaiting, &client);
  ASSERT_EQ(results.size(), 2000u + kWaiting);
  for (int i = 0; i < 2000; ++i) {
    EXPECT_EQ(results.at(absl::StrCat(i)).total(), i % 50);
  }
  for (const std::string& address : addresses) {
    const auto description =
        DescribeRewardServer((*MakeRewardEndpoints({address}))[0], Soon());
    EXPECT_GT(description->scores(), 0);
  }
}

TEST(RewardStreamClientTest, ABrokenStreamLosesAndDoublesNothing) {
  std::atomic<int> num_requests = 0;
  const auto serve =
      [&](grpc::ServerReaderWriter<ScoreReply, ScoreRequest>* s) {
        return ServeHalf(
            s, [&](const ScoreRequest&) { return num_requests++ % 7 == 6; },
            grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone"));
      };
  FakeStreamServer first(serve), second(serve);
  LogCapture log;
  RewardStreamClient client(
      *MakeRewardEndpoints({first.address(), second.address(), "127.0.0.1:1"}),
      StreamOptions());
  Submit(1000, &client);
  const auto results = Take(1000, &client);
  ASSERT_EQ(results.size(), 1000u);
  for (const auto& [id, result] : results) {
    EXPECT_EQ(result.kind(), REWARD_SCORE) << id << " " << result.detail();
  }
  EXPECT_GE(log.CountLines("UNAVAILABLE: gone"), 5);
}

TEST(RewardStreamClientTest, AnItemThatBreaksStreamsCostsItself) {
  FakeStreamServer server(
      [&](grpc::ServerReaderWriter<ScoreReply, ScoreRequest>* s) {
        return ServeHalf(
            s,
            [](const ScoreRequest& request) {
              for (const RewardItem& item : request.items()) {
                if (item.completion() == "poison") return true;
              }
              return false;
            },
            grpc::Status(grpc::StatusCode::INTERNAL, "no way"));
      });
  LogCapture log;
  RewardStreamClient client(*MakeRewardEndpoints({server.address()}),
                            StreamOptions());
  Submit(30, &client);
  client.SubmitTogether({MakeItem("poison", "{}", "bad")});
  const auto results = Take(31, &client);
  ASSERT_EQ(results.size(), 31u);
  for (const auto& [id, result] : results) {
    EXPECT_EQ(result.kind(), id == "bad" ? REWARD_ERROR : REWARD_SCORE) << id;
  }
  EXPECT_THAT(results.at("bad").detail(), HasSubstr("INTERNAL: no way"));
}

TEST(RewardStreamClientTest, ALyingServerCostsItsOwnItems) {
  FakeStreamServer server(
      [&](grpc::ServerReaderWriter<ScoreReply, ScoreRequest>* s) {
        ScoreRequest request, first;
        while (s->Read(&request)) {
          if (request.rules_size() > 0) first = request;
          *request.mutable_rules() = first.rules();
          ScoreReply reply;
          ScoreHalf(request, &reply);
          for (RewardResult& result : *reply.mutable_results()) {
            if (result.id() == "1") result.clear_components();
          }
          if (request.items_size() > 0) reply.add_results()->set_id("nobody");
          s->Write(reply);
        }
        return grpc::Status::OK;
      });
  LogCapture log;
  RewardStreamClient client(*MakeRewardEndpoints({server.address()}),
                            StreamOptions());
  Submit(3, &client);
  const auto results = Take(3, &client);
  EXPECT_EQ(results.at("0").kind(), REWARD_SCORE);
  EXPECT_EQ(results.at("1").kind(), REWARD_ERROR);
  EXPECT_EQ(results.at("2").kind(), REWARD_SCORE);
  EXPECT_GE(log.CountLines("1 results for ids that were not asked for"), 1);
}

TEST(RewardStreamClientTest, FailsForGoodWhereNoRetryHelps) {
  FakeStreamServer server(
      [&](grpc::ServerReaderWriter<ScoreReply, ScoreRequest>* s) {
        return ServeHalf(
            s, [](const ScoreRequest&) { return true; },
            grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "unknown rule"));
      });
  LogCapture log;
  RewardStreamClient refused(*MakeRewardEndpoints({server.address()}),
                             StreamOptions());
  Submit(3, &refused);
  EXPECT_EQ(refused.Next(Soon()).status(),
            absl::InvalidArgumentError(absl::StrCat(
                "reward server ", server.address(), ": unknown rule")));
  RewardStreamOptions options = StreamOptions();
  options.retry.max_outage = absl::Milliseconds(200);
  RewardStreamClient absent(*MakeRewardEndpoints({"127.0.0.1:1"}), options);
  Submit(3, &absent);
  EXPECT_EQ(absent.Next(Soon()).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(RewardStreamClientTest, DestructionCancelsWhatIsUnderWay) {
  Gate gate;
  FakeStreamServer server(
      [&](grpc::ServerReaderWriter<ScoreReply, ScoreRequest>* s) {
        return ServeHalf(
            s,
            [&](const ScoreRequest& request) {
              if (request.items_size() > 0) gate.Pass();
              return false;
            },
            grpc::Status::OK);
      });
  {
    RewardStreamClient client(*MakeRewardEndpoints({server.address()}),
                              StreamOptions());
    Submit(100, &client);
    gate.AwaitArrivals(1);
  }
  gate.Open();
}

}  // namespace
}  // namespace r1
