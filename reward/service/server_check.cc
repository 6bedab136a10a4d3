#include "reward/service/server_check.h"

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status_macros.h"
#include "grpcpp/client_context.h"
#include "proto/reward.grpc.pb.h"
#include "reward/core/text.h"

namespace r1 {
namespace {

// Between two attempts at a server that is coming up.
constexpr absl::Duration kPause = absl::Milliseconds(50);

// Calls until somebody answers; the last status at the deadline. The connection
// to a server that is restarted may break during the call.
template <typename Call>
grpc::Status AskUntilAnswered(absl::Time deadline, const Call& call) {
  for (;;) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(deadline));
    context.set_wait_for_ready(true);
    const grpc::Status status = call(&context);
    if (!IsAway(status) && !IsBusy(status)) return status;
    if (absl::Now() + kPause >= deadline) return status;
    absl::SleepFor(kPause);
  }
}

absl::Status ErrorOf(const RewardEndpoint& endpoint,
                     const grpc::Status& status) {
  return Annotate(FromGrpc(status),
                  absl::StrCat("reward server ", endpoint.name()));
}

}  // namespace

absl::StatusOr<DescribeReply> DescribeRewardServer(
    const RewardEndpoint& endpoint, absl::Time deadline) {
  const auto stub = Reward::NewStub(endpoint.channel);
  DescribeReply reply;
  R1_RETURN_IF_ERROR(ErrorOf(
      endpoint, AskUntilAnswered(deadline, [&](grpc::ClientContext* context) {
        return stub->Describe(context, DescribeRequest(), &reply);
      })));
  return reply;
}

absl::StatusOr<bool> CheckRules(const RewardEndpoint& endpoint,
                                absl::Span<const RewardRuleSpec> rules,
                                int max_new_tokens, absl::Time deadline) {
  const auto stub = Reward::NewStub(endpoint.channel);
  ScoreRequest request;
  request.mutable_rules()->Add(rules.begin(), rules.end());
  request.set_max_new_tokens(max_new_tokens);
  ScoreReply reply;
  R1_RETURN_IF_ERROR(ErrorOf(
      endpoint, AskUntilAnswered(deadline, [&](grpc::ClientContext* context) {
        return stub->Score(context, request, &reply);
      })));
  return reply.compares_samples();
}

absl::StatusOr<RewardBuild> CheckRewardServers(
    absl::Span<const RewardEndpoint> endpoints,
    absl::Span<const RewardRuleSpec> rules, int max_new_tokens,
    absl::Time deadline) {
  RewardBuild first;
  for (size_t s = 0; s < endpoints.size(); ++s) {
    RewardBuild build;
    R1_ASSIGN_OR_RETURN(const DescribeReply description,
                        DescribeRewardServer(endpoints[s], deadline));
    build.build_id = description.build_id();
    R1_ASSIGN_OR_RETURN(
        build.compares_samples,
        CheckRules(endpoints[s], rules, max_new_tokens, deadline));
    if (s == 0) first = build;
    if (build.build_id != first.build_id ||
        build.compares_samples != first.compares_samples) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the reward servers ", endpoints[0].name(), " and ",
          endpoints[s].name(), " are different programs (builds ",
          Excerpt(first.build_id), " and ", Excerpt(build.build_id),
          "), so that a sample's score would depend on who gives it: start "
          "both from the same program"));
    }
  }
  return first;
}

}  // namespace r1
