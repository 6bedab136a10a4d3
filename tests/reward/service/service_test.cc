#include "reward/service/service.h"

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "gtest/gtest.h"
#include "reward/builtin_rules.h"
#include "reward/service/channel.h"
#include "reward/service/client.h"
#include "reward/service/server.h"
#include "reward/service/server_check.h"
#include "tests/base/time_enough.h"
#include "tests/reward/reward_testing.h"
#include "tests/reward/service/grpc_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

// Bounds nothing but a hang.
absl::Time Soon() { return absl::Now() + absl::Minutes(4); }

// The built-in rules and some that misbehave. "gate" waits at the gate for
// completions that say "wait".
RewardRegistry TestRules(Gate* gate) {
  RewardRegistry registry = BuiltinRewardRules();
  const auto add = [&](const char* name, FunctionRule::Function function) {
    EXPECT_TRUE(registry.Register(name, MakeRule(std::move(function))).ok());
  };
  add("gate", [gate](const RewardItem& item, const RuleContext&) {
    if (item.completion() == "wait") gate->Pass();
    return RuleResult::Score(1);
  });
  add("slow", [](const RewardItem& item, const RuleContext& context) {
    while (item.completion() == "slow" && absl::Now() < context.deadline) {
    }
    return RuleResult::Score(1);
  });
  add("odd", [](const RewardItem& item, const RuleContext&) {
    if (item.completion() == "not mine") {
      return RuleResult::NotApplicable("no odd one");
    }
    RuleResult result = RuleResult::Score(1);
    result.metrics = {{"length", 3}};
    result.extracted = "42";
    return result;
  });
  add("fails", [](const RewardItem& item, const RuleContext&) {
    if (item.completion() == "bad") return RuleResult::Error("no\xFF gcc");
    return RuleResult::Score(1);
  });
  return registry;
}

// The same tests over the in-process channel and over loopback TCP.
class RewardServiceTest : public ::testing::TestWithParam<bool> {
 protected:
  // In place of the service before, if there is one.
  void Start(const RewardServiceOptions& options) {
    gate_.Open();
    embedded_.reset();
    server_.reset();
    gate_.Close();
    if (is_embedded()) {
      embedded_ =
          std::make_unique<EmbeddedRewardService>(TestRules(&gate_), options);
      channel_ = embedded_->channel();
    } else {
      auto server =
          RewardServer::Start("127.0.0.1:0", TestRules(&gate_), options);
      ASSERT_TRUE(server.ok()) << server.status();
      server_ = *std::move(server);
      channel_ = *MakeRewardChannel(server_->address());
      ASSERT_TRUE(channel_->WaitForConnected(absl::ToChronoTime(Soon())));
    }
  }

  // Also when a test failed half-way: the service waits for its rules.
  void TearDown() override { gate_.Open(); }

  bool is_embedded() const { return GetParam(); }

  RewardClientOptions ClientOptions(const std::vector<RewardRuleSpec>& rules) {
    RewardClientOptions options;
    options.rules = rules;
    options.max_new_tokens = 256;
    return options;
  }

  std::vector<RewardEndpoint> endpoints() const {
    return {{is_embedded() ? "" : server_->address(), channel_}};
  }

  // Submits all, takes all, by id.
  std::map<std::string, RewardResult> ScoreAll(
      const std::vector<RewardItem>& items, RewardClient* client) {
    for (const RewardItem& item : items) client->Submit(item);
    std::map<std::string, RewardResult> results;
    for (size_t i = 0; i < items.size(); ++i) {
      const auto result = client->Next(Soon());
      EXPECT_TRUE(result.ok()) << result.status();
      if (result.ok()) results[result->id()] = *result;
    }
    EXPECT_EQ(results.size(), items.size());
    return results;
  }

  // Of two items, one of which uses up its time. False if the other one was
  // not in time either.
  bool OnlyTheSlowOneIsATimeout(const RewardClientOptions& options) {
    RewardClient client(endpoints(), options);
    const auto results = ScoreAll(
        {MakeItem("slow", "{}", "a"), MakeItem("", "{}", "b")}, &client);
    EXPECT_EQ(results.at("a").kind(), REWARD_TIMEOUT);
    return results.at("b").kind() == REWARD_SCORE;
  }

  Gate gate_;
  std::unique_ptr<EmbeddedRewardService> embedded_;
  std::unique_ptr<RewardServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

INSTANTIATE_TEST_SUITE_P(Transports, RewardServiceTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "InProcess" : "LoopbackTcp";
                         });

std::vector<RewardItem> CountdownItems(int n) {
  const std::vector<std::string> completions = {
      "<think>t</think><answer>3*5+7</answer>",
      "<think>t</think><answer>3+5+7</answer>", "<answer>3*5+7</answer>",
      "so 3*5+7 = 22",
      "<think>\xE2\x88</think><answer>3*5+7</answer>",  // cut inside a
                                                        // character
      std::string("<think>\0\xFF</think><answer>3*5+7</answer>", 38), ""};
  std::vector<RewardItem> items;
  for (int i = 0; i < n; ++i) {
    items.push_back(MakeItem(
        completions[i % completions.size()],
        i % 10 == 9 ? "{\"nums\": 3}" : "{\"nums\": [3, 5, 7], \"target\": 22}",
        absl::StrCat("p", i)));
    items.back().set_completion_tokens(i % 300);
  }
  return items;
}

TEST_P(RewardServiceTest, GivesExactlyWhatTheScorerGives) {
  Start({});
  const std::vector<RewardRuleSpec> rules = DefaultRules(COUNTDOWN);
  RewardClient client(endpoints(), ClientOptions(rules));
  const auto items = CountdownItems(700);
  const auto results = ScoreAll(items, &client);
  const RewardRegistry registry = BuiltinRewardRules();
  RuleContext limits;
  limits.max_new_tokens = 256;
  const auto scorer = Scorer::Create(registry, rules, limits);
  ASSERT_TRUE(scorer.ok());
  int num_scores = 0, num_abstentions = 0;
  for (const RewardItem& item : items) {
    const RewardResult expected = scorer->Score(item, absl::InfiniteFuture());
    const RewardResult& got = results.at(item.id());
    EXPECT_EQ(got.kind(), expected.kind()) << item.id();
    EXPECT_EQ(got.total(), expected.total()) << item.id();
    ASSERT_EQ(got.components_size(), expected.components_size());
    for (int c = 0; c < got.components_size(); ++c) {
      EXPECT_EQ(got.components(c).name(), expected.components(c).name());
      EXPECT_EQ(got.components(c).value(), expected.components(c).value());
    }
    num_scores += got.kind() == REWARD_SCORE ? 1 : 0;
    num_abstentions += got.kind() == REWARD_ABSTAIN ? 1 : 0;
  }
  EXPECT_EQ(num_scores, 630);
  EXPECT_EQ(num_abstentions, 70);
  EXPECT_EQ(results.at("p0").total(), 2);  // right and well formed
}

TEST_P(RewardServiceTest, AFailingRuleCostsItsOwnItems) {
  Start({});
  RewardClient client(endpoints(), ClientOptions({MakeSpec("fails", 1)}));
  const auto results =
      ScoreAll({MakeItem("good", "{}", "a"), MakeItem("bad", "{}", "b"),
                MakeItem("good", "{}", "c")},
               &client);
  EXPECT_EQ(results.at("a").kind(), REWARD_SCORE);
  EXPECT_EQ(results.at("b").kind(), REWARD_ERROR);
  EXPECT_EQ(results.at("b").detail(), "fails: no\xEF\xBF\xBD gcc");
  EXPECT_EQ(results.at("c").kind(), REWARD_SCORE);
}

TEST_P(RewardServiceTest, WhatIsNotScoredByTheDeadlineIsATimeout) {
  RewardServiceOptions service_options;
  service_options.threads = 2;
  ScoreRequest request;
  *request.add_rules() = MakeSpec("gate", 1);
  *request.add_items() = MakeItem("", "{}", "a");
  *request.add_items() = MakeItem("wait", "{}", "b");
  *request.add_items() = MakeItem("", "{}", "c");
  EXPECT_TRUE(WithTimeEnough([&](absl::Duration limit) {
    Start(service_options);
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + limit));
    ScoreReply reply;
    const grpc::Status status =
        Reward::NewStub(channel_)->Score(&context, request, &reply);
    if (!status.ok()) return false;  // the answer itself came too late
    EXPECT_EQ(reply.results_size(), 3);
    EXPECT_EQ(reply.results(1).kind(), REWARD_TIMEOUT);
    EXPECT_EQ(reply.results(1).id(), "b");
    return reply.results(0).kind() == REWARD_SCORE &&
           reply.results(2).kind() == REWARD_SCORE;
  }));
}

TEST_P(RewardServiceTest, ASlowItemIsATimeoutAfterItsOwnLimit) {
  EXPECT_TRUE(WithTimeEnough([&](absl::Duration limit) {
    RewardServiceOptions service_options;
    service_options.item_limit = limit;
    Start(service_options);
    return OnlyTheSlowOneIsATimeout(ClientOptions({MakeSpec("slow", 1)}));
  }));
}

TEST_P(RewardServiceTest, AnUnknownRuleIsReportedWithTheNearest) {
  Start({});
  RewardClient client(endpoints(), ClientOptions({MakeSpec("fromat", 1)}));
  client.Submit(MakeItem("x"));
  const absl::Status status = client.Next(Soon()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("did you mean \"format\"?"));
}

TEST_P(RewardServiceTest, RefusesItemsWithoutAnIdOfTheirOwn) {
  Start({});
  const auto stub = Reward::NewStub(channel_);
  const auto message = [&](const std::vector<std::string>& ids) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(Soon()));
    ScoreRequest request;
    *request.add_rules() = MakeSpec("format", 1);
    for (const std::string& id : ids) {
      *request.add_items() = MakeItem("", "{}", id);
    }
    ScoreReply reply;
    const grpc::Status status = stub->Score(&context, request, &reply);
    if (status.ok()) return absl::StrCat("ok ", reply.results_size());
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  EXPECT_EQ(message({"a", ""}), "an item has no id");
  EXPECT_EQ(message({"a", "b", "a"}), "two items have the id \"a\"");
  EXPECT_EQ(message({}), "ok 0");
}

TEST_P(RewardServiceTest, RulesAreCheckedBeforeAnyItem) {
  Start({});
  RewardRuleSpec length = MakeSpec("group_length", 1);
  (*length.mutable_option())["answer"] = "exact_answer";
  const auto check = [&](const std::vector<RewardRuleSpec>& rules) {
    return CheckRules(endpoints()[0], rules, 256, Soon());
  };
  EXPECT_EQ(check({MakeSpec("format", 1)}).value(), false);
  EXPECT_EQ(check({MakeSpec("exact_answer", 0), length}).value(), true);
  EXPECT_EQ(check({length}).status().code(),
            absl::StatusCode::kInvalidArgument);
  (*length.mutable_option())["n"] = "3";
  const absl::Status status = check({length}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("reward rule \"group_length\": unknown option \"n\""));
}

// Groups stay whole, however small the calls are.
TEST_P(RewardServiceTest, SamplesThatAreComparedGoTogether) {
  Start({});
  RewardRuleSpec length = MakeSpec("group_length", 1);
  (*length.mutable_option())["answer"] = "exact_answer";
  RewardClientOptions options =
      ClientOptions({MakeSpec("exact_answer", 0), length});
  options.max_batch_items = 2;
  RewardClient client(endpoints(), options);
  for (int g = 0; g < 20; ++g) {
    std::vector<RewardItem> items;
    for (int s = 0; s < 3; ++s) {
      items.push_back(MakeItem("<answer>7</answer>", "{\"answer\": 7}",
                               absl::StrCat(g, "/", s)));
      items.back().set_group(absl::StrCat(g));
      items.back().set_completion_tokens(10 * s + g);
    }
    client.SubmitTogether(std::move(items));
  }
  for (int i = 0; i < 60; ++i) {
    const auto result = client.Next(Soon());
    ASSERT_TRUE(result.ok()) << result.status();
    const double sample = result->id().back() - '0';
    EXPECT_EQ(result->total(), 0.5 - sample / 2) << result->id();
    EXPECT_EQ(result->raw_total(), 0);
  }
}

TEST_P(RewardServiceTest, WhatDoesNotApplyAndWhatWasFoundCrossTheWire) {
  Start({});
  RewardClient client(
      endpoints(), ClientOptions({MakeSpec("odd", 2), MakeSpec("format", 0)}));
  const auto results = ScoreAll(
      {MakeItem("mine", "{}", "a"), MakeItem("not mine", "{}", "b")}, &client);
  EXPECT_EQ(results.at("a").total(), 2);
  EXPECT_EQ(results.at("a").not_applicable_size(), 0);
  EXPECT_EQ(results.at("a").metrics().at("odd/length"), 3);
  EXPECT_EQ(results.at("a").extracted().at("odd"), "42");
  EXPECT_EQ(results.at("b").kind(), REWARD_ABSTAIN);
  EXPECT_THAT(results.at("b").not_applicable(), ::testing::ElementsAre("odd"));
  const auto reply = DescribeRewardServer(endpoints()[0], Soon());
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->not_applicable(), 1);
  EXPECT_EQ(reply->abstentions(), 1);
}

TEST_P(RewardServiceTest, DescribeNamesBuildAndRules) {
  RewardServiceOptions service_options;
  service_options.build_id = "build-7";
  Start(service_options);
  const auto reply = DescribeRewardServer(endpoints()[0], Soon());
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->build_id(), "build-7");
  std::map<std::string, RuleInfo> rules;
  std::vector<std::string> names;
  for (const RuleInfo& rule : reply->rules()) {
    names.push_back(rule.name());
    rules[rule.name()] = rule;
    EXPECT_EQ(rule.carrier(), "built-in") << rule.name();
    EXPECT_EQ(rule.version(), "") << rule.name();
    EXPECT_EQ(rule.compares_samples(), rule.name() == "group_length");
    EXPECT_TRUE(rule.is_deterministic()) << rule.name();
    EXPECT_TRUE(rule.has_lowest() && rule.has_highest()) << rule.name();
  }
  EXPECT_EQ(rules["format"].lowest(), 0);
  EXPECT_EQ(rules["format"].highest(), 1);
  EXPECT_EQ(rules["group_length"].lowest(), -0.5);
  EXPECT_EQ(rules["overlong"].lowest(), -1);
  EXPECT_EQ(rules["overlong"].highest(), 0);
  EXPECT_THAT(
      names,
      ::testing::ElementsAre(
          "code", "cosine", "countdown", "countdown_lenient", "exact_answer",
          "exact_answer_lenient", "fails", "format", "format_lenient", "gate",
          "group_length", "instruction", "language", "math", "odd", "overlong",
          "refusal", "repetition", "slow", "tag_count", "true_steps"));
}

TEST_P(RewardServiceTest, DescribeCountsWhatWasDone) {
  RewardServiceOptions service_options;
  service_options.threads = 2;
  service_options.max_calls = 5;
  service_options.item_limit = absl::Milliseconds(1234);
  Start(service_options);
  RewardClient client(
      endpoints(),
      ClientOptions({MakeSpec("fails", 1), MakeSpec("exact_answer", 1)}));
  const std::string good = "{\"answer\": 7}";
  ScoreAll({MakeItem("", good, "a"), MakeItem("", good, "b"),
            MakeItem("", good, "c"), MakeItem("bad", good, "d"),
            MakeItem("", "no reference", "e"), MakeItem("", "{}", "f")},
           &client);
  RewardClient blocker(endpoints(), ClientOptions({MakeSpec("gate", 1)}));
  blocker.Submit(MakeItem("wait", "{}", "first"));
  gate_.AwaitArrivals(1);
  const auto reply = DescribeRewardServer(endpoints()[0], Soon());
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->threads(), 2);
  EXPECT_EQ(reply->max_calls(), 5);
  EXPECT_EQ(reply->item_timeout_ms(), 1234);
  EXPECT_EQ(reply->calls_under_way(), 1);
  EXPECT_EQ(reply->scores(), 3);
  EXPECT_EQ(reply->abstentions(), 2);
  EXPECT_EQ(reply->errors(), 1);
  EXPECT_EQ(reply->timeouts(), 0);
  EXPECT_GT(reply->mean_item_ms(), 0);
  EXPECT_GE(reply->max_item_ms(), reply->mean_item_ms());
  gate_.Open();
  EXPECT_TRUE(blocker.Next(Soon()).ok());
}

// A busy server is there: however long it is busy, the client does not give up.
TEST_P(RewardServiceTest, ABusyServiceIsTriedAgainForever) {
  RewardServiceOptions service_options;
  service_options.max_calls = 1;
  service_options.threads = 2;
  Start(service_options);
  RewardClient blocker(endpoints(), ClientOptions({MakeSpec("gate", 1)}));
  blocker.Submit(MakeItem("wait", "{}", "first"));
  gate_.AwaitArrivals(1);
  LogCapture log;
  RewardClientOptions options = ClientOptions({MakeSpec("gate", 1)});
  options.retry.first_retry = absl::Milliseconds(1);
  options.retry.max_retry = absl::Milliseconds(5);
  options.retry.max_outage = absl::Milliseconds(20);
  RewardClient client(endpoints(), options);
  const absl::Time start = absl::Now();
  client.Submit(MakeItem("", "{}", "second"));
  // Well past max_outage.
  while (client.num_retries() < 20 ||
         absl::Now() - start < absl::Milliseconds(100)) {
    std::this_thread::yield();
  }
  EXPECT_EQ(log.CountLines("is busy, trying again"), 1);
  EXPECT_EQ(log.CountLines("busy: 1 calls are being scored"), 1);
  EXPECT_EQ(log.CountLines("does not answer"), 0);
  // Questions are answered all the same.
  EXPECT_TRUE(
      CheckRules(endpoints()[0], {{MakeSpec("gate", 1)}}, 0, Soon()).ok());
  gate_.Open();
  EXPECT_TRUE(blocker.Next(Soon()).ok());
  EXPECT_TRUE(client.Next(Soon()).ok());
}

// The request may shorten the service's own limit, not lengthen it.
TEST_P(RewardServiceTest, ARequestHasItsOwnLimitOfAnItem) {
  RewardServiceOptions service_options;
  service_options.item_limit = service_options.call_limit = absl::Hours(1);
  Start(service_options);
  EXPECT_TRUE(WithTimeEnough([&](absl::Duration limit) {
    RewardClientOptions options = ClientOptions({MakeSpec("slow", 1)});
    options.call_timeout = absl::Hours(1);
    options.item_timeout = limit;
    return OnlyTheSlowOneIsATimeout(options);
  }));
}

// gRPC refuses messages above 4 MiB unless told otherwise.
TEST_P(RewardServiceTest, LargeCompletionsGoThrough) {
  Start({});
  RewardClient client(endpoints(), ClientOptions({MakeSpec("format", 1)}));
  const auto results =
      ScoreAll({MakeItem("<think>" + std::string(5 << 20, 'x') +
                             "</think><answer>b</answer>",
                         "{}", "good"),
                // Grows threefold on the wire.
                MakeItem(std::string(2 << 20, '\xFF'), "{}", "no text")},
               &client);
  EXPECT_EQ(results.at("good").total(), 1) << results.at("good").detail();
  EXPECT_EQ(results.at("no text").total(), 0);
}

// "SERVING" etc. of the standard health service, by a hand-made request: the
// generated code of health.proto is not packaged.
std::string Health(const std::shared_ptr<grpc::Channel>& channel,
                   const std::string& service) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(Soon()));
  context.set_wait_for_ready(true);
  std::string bytes;
  if (!service.empty()) {
    bytes = std::string("\x0a") + static_cast<char>(service.size()) + service;
  }
  const grpc::Slice slice(bytes);
  grpc::ByteBuffer request(&slice, 1), reply;
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareUnaryCall(
      &context, "/grpc.health.v1.Health/Check", request, &queue);
  call->StartCall();
  grpc::Status status;
  call->Finish(&reply, &status, nullptr);
  void* tag = nullptr;
  bool is_ok = false;
  queue.Next(&tag, &is_ok);
  if (!status.ok()) return absl::StrCat("code ", status.error_code());
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(reply.Dump(&slices).ok());
  std::string body;
  for (const grpc::Slice& part : slices) {
    body.append(reinterpret_cast<const char*>(part.begin()), part.size());
  }
  if (body == std::string("\x08\x01")) return "SERVING";
  if (body == std::string("\x08\x02")) return "NOT_SERVING";
  return body;
}

TEST(RewardServerTest, DrainsAndReportsItsHealth) {
  Gate gate;
  auto server = RewardServer::Start("127.0.0.1:0", TestRules(&gate), {});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_GT((*server)->port(), 0);
  const auto channel = *MakeRewardChannel((*server)->address());
  EXPECT_EQ(Health(channel, ""), "SERVING");
  EXPECT_EQ(Health(channel, "r1.Reward"), "SERVING");
  EXPECT_EQ(Health(channel, "r1.Other"), "code 5");  // NOT_FOUND
  RewardClientOptions options;
  options.rules = {MakeSpec("gate", 1)};
  RewardClient client({{(*server)->address(), channel}}, options);
  client.Submit(MakeItem("wait", "{}", "a"));
  gate.AwaitArrivals(1);
  std::thread shutdown([&] { (*server)->Shutdown(absl::Minutes(4)); });
  while (Health(channel, "") != "NOT_SERVING") std::this_thread::yield();
  EXPECT_EQ(Health(channel, "r1.Reward"), "NOT_SERVING");
  // The call under way is answered; a new one is refused.
  ScoreRequest request;
  *request.add_rules() = MakeSpec("format", 1);
  ScoreReply reply;
  grpc::Status status;
  do {
    grpc::ClientContext attempt;
    attempt.set_deadline(absl::ToChronoTime(Soon()));
    status = Reward::NewStub(channel)->Score(&attempt, request, &reply);
  } while (status.ok());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "the reward service is stopping");
  gate.Open();
  const auto result = client.Next(Soon());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->kind(), REWARD_SCORE);
  shutdown.join();
}

TEST(RewardServerTest, AfterTheGraceCallsAreUnavailableNotLost) {
  Gate gate;
  auto server = RewardServer::Start("127.0.0.1:0", TestRules(&gate), {});
  ASSERT_TRUE(server.ok()) << server.status();
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(Soon()));
  context.set_wait_for_ready(true);
  ScoreRequest request;
  *request.add_rules() = MakeSpec("gate", 1);
  *request.add_items() = MakeItem("wait");
  ScoreReply reply;
  grpc::Status status;
  std::thread caller([&] {
    status = Reward::NewStub(*MakeRewardChannel((*server)->address()))
                 ->Score(&context, request, &reply);
  });
  gate.AwaitArrivals(1);
  (*server)->Shutdown(absl::ZeroDuration());
  caller.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  gate.Open();
}

TEST(RewardServerTest, APortInUseIsOneClearLine) {
  auto first = RewardServer::Start("127.0.0.1:0", BuiltinRewardRules(), {});
  ASSERT_TRUE(first.ok());
  const std::string address = (*first)->address();
  const absl::Status status =
      RewardServer::Start(address, BuiltinRewardRules(), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(),
            absl::StrCat("cannot listen on ", address,
                         ": Address already in use; stop the process that "
                         "holds the address or choose another port (port 0 "
                         "= any free one)"));
  // Free again once the first is gone.
  first->reset();
  EXPECT_TRUE(RewardServer::Start(address, BuiltinRewardRules(), {}).ok());
}

TEST(RewardServerTest, ABadAddressIsRefused) {
  const auto code = [](const std::string& address) {
    return RewardServer::Start(address, BuiltinRewardRules(), {})
        .status()
        .code();
  };
  EXPECT_EQ(code("nowhere"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code("127.0.0.1:70000"), absl::StatusCode::kInvalidArgument);
  // 192.0.2.0/24 is reserved for documentation: no machine has it.
  EXPECT_EQ(code("192.0.2.1:7000"), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace r1
