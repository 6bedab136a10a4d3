#include "reward/service/client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "reward/core/result.h"
#include "reward/core/text.h"
#include "reward/service/channel.h"
#include "reward/service/reply_check.h"

namespace r1 {
struct RewardClient::Call {
  int server = 0;
  std::vector<Pending> batch;
  grpc::ClientContext context;
  ScoreRequest request;
  ScoreReply reply;
};

RewardClient::RewardClient(std::vector<RewardEndpoint> endpoints,
                           RewardClientOptions options)
    : options_(std::move(options)),
      endpoints_(std::move(endpoints)),
      max_new_tokens_(options_.max_new_tokens),
      servers_(EndpointNames(endpoints_), options_.retry) {
  R1_CHECK(!endpoints_.empty(), "a client needs a server");
  for (const RewardEndpoint& endpoint : endpoints_) {
    stubs_.push_back(Reward::NewStub(endpoint.channel));
  }
  dispatcher_ = std::thread([this] { DispatchLoop(); });
}

RewardClient::~RewardClient() {
  {
    absl::MutexLock lock(&mutex_);
    is_stopping_ = true;
  }
  dispatcher_.join();
  const auto is_idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return calls_.empty();
  };
  absl::MutexLock lock(&mutex_);
  for (Call* call : calls_) call->context.TryCancel();
  mutex_.Await(absl::Condition(&is_idle));
}

void RewardClient::Submit(RewardItem item) {
  std::vector<RewardItem> items;
  items.push_back(std::move(item));
  SubmitTogether(std::move(items));
}

void RewardClient::SubmitTogether(std::vector<RewardItem> items) {
  for (RewardItem& item : items) {
    // Replacing invalid bytes only makes it longer, so look at the size first.
    if (item.ByteSizeLong() > kMaxRewardItemBytes) continue;
    item.set_prompt(ToValidUtf8(item.prompt()));
    item.set_completion(ToValidUtf8(item.completion()));
    item.set_reference(ToValidUtf8(item.reference()));
  }
  Pending pending;
  absl::MutexLock lock(&mutex_);
  for (RewardItem& item : items) {
    const bool is_valid_id = !item.id().empty() && IsUtf8(item.id());
    const size_t size_bytes = item.ByteSizeLong();
    if (!is_valid_id || !outstanding_.insert(item.id()).second) {
      Fail(absl::InvalidArgumentError(absl::StrCat(
          "sample id \"", Excerpt(item.id()),
          "\" was submitted to the reward client: expected an id that is valid "
          "UTF-8, not empty and not already waiting for its result")));
    } else if (size_bytes > kMaxRewardItemBytes) {
      Deliver(ErrorResult(
          item.id(), absl::StrCat("sample ", item.id(), " has ", size_bytes,
                                  " bytes; at most ", kMaxRewardItemBytes,
                                  " can be sent to a reward server")));
    } else {
      pending.items.push_back(std::move(item));
    }
  }
  if (!pending.items.empty()) waiting_.push_back(std::move(pending));
}

absl::StatusOr<RewardResult> RewardClient::Next(absl::Time deadline) {
  const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !results_.empty() || !failure_.ok() || outstanding_.empty();
  };
  absl::MutexLock lock(&mutex_);
  const bool is_decided =
      mutex_.AwaitWithDeadline(absl::Condition(&has_news), deadline);
  if (!results_.empty()) {
    RewardResult result = std::move(results_.front());
    results_.pop_front();
    outstanding_.erase(result.id());
    return result;
  }
  if (!failure_.ok()) return failure_;
  if (is_decided) {
    return absl::FailedPreconditionError(
        "no reward is to come: no sample was submitted");
  }
  return absl::DeadlineExceededError(absl::StrCat(
      endpoints_.size() == 1 ? "reward server " : "the reward servers ",
      servers_.AllNames(), endpoints_.size() == 1 ? " has" : " have",
      " yet to score ", outstanding_.size(), " samples, e.g. ",
      *outstanding_.begin()));
}

int RewardClient::num_outstanding() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(outstanding_.size());
}

int64_t RewardClient::num_retries() const {
  absl::MutexLock lock(&mutex_);
  return servers_.num_retries();
}

ScoreRequest RewardClient::EmptyRequest() const {
  ScoreRequest request;
  request.mutable_rules()->Add(options_.rules.begin(), options_.rules.end());
  request.set_max_new_tokens(max_new_tokens_);
  request.set_step(step_);
  request.set_item_timeout_ms(absl::ToInt64Milliseconds(options_.item_timeout));
  return request;
}

void RewardClient::DispatchLoop() {
  while (std::unique_ptr<Call> call = TakeWork()) StartCall(std::move(call));
}

int RewardClient::ServerWithWork(absl::Time now) const {
  if (!failure_.ok()) return -1;
  const int away = outstanding_.empty() ? -1 : servers_.ForProbe(now);
  if (away >= 0) return away;
  return waiting_.empty() ? -1 : servers_.ForSamples(options_.max_calls, now);
}

std::unique_ptr<RewardClient::Call> RewardClient::TakeWork() {
  absl::MutexLock lock(&mutex_);
  while (!is_stopping_) {
    const absl::Time now = absl::Now();
    const int server = ServerWithWork(now);
    if (server >= 0) {
      auto call = std::make_unique<Call>();
      call->server = server;
      if (!servers_.is_away(server)) call->batch = TakeBatch();
      servers_.Begin(server);
      return call;
    }
    const absl::Time wake = servers_.NextPauseEnd(now);
    const auto has_news = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      const absl::Time then = absl::Now();
      return is_stopping_ || ServerWithWork(then) >= 0 ||
             servers_.NextPauseEnd(then) < wake;
    };
    mutex_.AwaitWithDeadline(absl::Condition(&has_news), wake);
  }
  return nullptr;
}

std::vector<RewardClient::Pending> RewardClient::TakeBatch() {
  std::vector<Pending> batch;
  size_t size_bytes = 0, num_items = 0;
  while (!waiting_.empty()) {
    Pending& next = waiting_.front();
    num_items += next.items.size();
    for (const RewardItem& item : next.items) size_bytes += item.ByteSizeLong();
    const bool fits = num_items <= options_.max_batch_items &&
                      size_bytes <= options_.max_batch_bytes &&
                      !next.is_alone && !(!batch.empty() && batch[0].is_alone);
    if (!batch.empty() && !fits) break;
    batch.push_back(std::move(next));
    waiting_.pop_front();
  }
  return batch;
}

void RewardClient::StartCall(std::unique_ptr<Call> owned) {
  Call* call = owned.get();
  call->request = EmptyRequest();
  for (const Pending& pending : call->batch) {
    for (const RewardItem& item : pending.items) {
      *call->request.add_items() = item;
    }
  }
  call->context.set_deadline(
      absl::ToChronoTime(absl::Now() + options_.call_timeout));
  Reward::Stub* stub = stubs_[call->server].get();
  {
    absl::MutexLock lock(&mutex_);
    calls_.insert(owned.release());  // FinishCall deletes it
  }
  stub->async()->Score(
      &call->context, &call->request, &call->reply,
      [this, call](grpc::Status status) { FinishCall(call, status); });
}

void RewardClient::FinishCall(Call* call, const grpc::Status& status) {
  // All under the lock: once calls_ is empty the destructor may go on.
  absl::MutexLock lock(&mutex_);
  calls_.erase(call);
  servers_.End(call->server);
  if (!is_stopping_) FinishBatch(call, status);
  delete call;
}

void RewardClient::FinishBatch(Call* call, const grpc::Status& status) {
  const int server = call->server;
  const bool is_probe = call->batch.empty();
  const bool is_late =
      status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  if (status.ok()) {
    servers_.NoteAnswer(server);
    AcceptReply(call);
  } else if (IsBusy(status)) {
    SendAgain(std::move(call->batch), /*alone=*/false);
    servers_.NoteBusy(server, status);
  } else if (IsAway(status) ||
             (is_late && (is_probe || !IsConnected(server)))) {
    SendAgain(std::move(call->batch), /*alone=*/false);
    const absl::Status given_up = servers_.NoteAway(server, status);
    if (!given_up.ok()) Fail(given_up);
  } else if (IsForGood(status)) {
    Fail(Annotate(FromGrpc(status), ServerName(server)));
  } else {
    if (!is_late) servers_.NoteAnswer(server);
    if (!is_probe) NarrowDown(server, std::move(call->batch), status);
  }
}

void RewardClient::NarrowDown(int server, std::vector<Pending> batch,
                              const grpc::Status& status) {
  const std::string why = FromGrpc(status).ToString();
  if (!batch[0].is_alone) {
    LogWarning(absl::StrCat(ServerName(server), " failed on ", batch.size(),
                            " samples, each is sent alone: ", why));
    SendAgain(std::move(batch), /*alone=*/true);
    return;
  }
  const bool is_late =
      status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  for (const RewardItem& item : batch[0].items) {
    std::string detail =
        absl::StrCat("sample ", item.id(), ": ", ServerName(server), ": ", why);
    Deliver(is_late ? TimeoutResult(item.id(), std::move(detail))
                    : ErrorResult(item.id(), std::move(detail)));
  }
}

void RewardClient::AcceptReply(Call* call) {
  const std::string& build = call->reply.build_id();
  if (!build.empty() && !options_.build_id.empty() &&
      build != options_.build_id) {
    Fail(absl::FailedPreconditionError(absl::StrCat(
        ServerName(call->server), " is now build ", Excerpt(build),
        ", but was build ", options_.build_id,
        " when this run began, and might score otherwise: start it again from "
        "the same program")));
    return;
  }
  int num_unknown = 0;
  std::vector<RewardResult> results = CheckedResults(
      call->request, call->reply, servers_.name(call->server), &num_unknown);
  if (num_unknown > 0) {
    LogWarning(absl::StrCat(ServerName(call->server), " sent ", num_unknown,
                            " results for ids that were not asked for"));
  }
  std::vector<Pending> again;
  auto result = results.begin();  // one an item, in the order of the request
  for (Pending& pending : call->batch) {
    const auto end = result + static_cast<std::ptrdiff_t>(pending.items.size());
    const bool is_late =
        std::any_of(result, end, [](const RewardResult& of_item) {
          return of_item.kind() == REWARD_TIMEOUT;
        });
    // Its neighbours, or a process that stood still, may have used up its time.
    // Items that are compared are judged anew together or not at all.
    if (is_late && !pending.is_alone) {
      again.push_back(std::move(pending));
    } else {
      for (auto it = result; it != end; ++it) Deliver(std::move(*it));
    }
    result = end;
  }
  SendAgain(std::move(again), /*alone=*/true);
}

void RewardClient::SendAgain(std::vector<Pending> batch, bool alone) {
  for (auto it = batch.rbegin(); it != batch.rend(); ++it) {
    it->is_alone = it->is_alone || alone;
    waiting_.push_front(std::move(*it));
  }
}

void RewardClient::Deliver(RewardResult result) {
  results_.push_back(std::move(result));
}

void RewardClient::Fail(absl::Status status) {
  if (failure_.ok()) failure_ = std::move(status);
}

bool RewardClient::IsConnected(int server) const {
  // An in-process channel has no connection that could be lost.
  const RewardEndpoint& endpoint = endpoints_[server];
  return endpoint.address.empty() ||
         endpoint.channel->GetState(/*try_to_connect=*/false) ==
             GRPC_CHANNEL_READY;
}

std::string RewardClient::ServerName(int server) const {
  return absl::StrCat("reward server ", servers_.name(server));
}

}  // namespace r1
