#include "reward/reward_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "reward/reply_check.h"
#include "reward/reward_channel.h"
#include "reward/scorer.h"
#include "reward/text.h"

namespace r1 {
namespace {

// Room for the rest of the request beside one item.
constexpr size_t kMaxItemBytes = kMaxRewardMessageBytes - (1 << 20);

absl::Status FromGrpc(const grpc::Status& status) {
  // Both use the codes of google.rpc.Code.
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      ToValidUtf8(status.error_message()));
}

std::string StatusText(const grpc::Status& status) {
  return FromGrpc(status).ToString();
}

// Errors that no retry and no other batch would change.
bool IsForGood(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::UNIMPLEMENTED:
    case grpc::StatusCode::UNAUTHENTICATED:
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::FAILED_PRECONDITION:
      return true;
    default:
      return false;
  }
}

}  // namespace

struct RewardClient::Call {
  std::vector<Pending> batch;
  grpc::ClientContext context;
  ScoreRequest request;
  ScoreReply reply;
};

RewardClient::RewardClient(std::shared_ptr<grpc::Channel> channel,
                           RewardClientOptions options)
    : options_(std::move(options)),
      channel_(std::move(channel)),
      stub_(Reward::NewStub(channel_)),
      dispatcher_([this] { DispatchLoop(); }) {}

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
    if (item.ByteSizeLong() > kMaxItemBytes) continue;
    item.set_prompt(ToValidUtf8(item.prompt()));
    item.set_completion(ToValidUtf8(item.completion()));
    item.set_reference(ToValidUtf8(item.reference()));
  }
  Pending pending;
  absl::MutexLock lock(&mutex_);
  for (RewardItem& item : items) {
    const bool is_valid_id = !item.id().empty() && IsValidUtf8(item.id());
    const size_t size_bytes = item.ByteSizeLong();
    if (!is_valid_id || !outstanding_.insert(item.id()).second) {
      Fail(absl::InvalidArgumentError(absl::StrCat(
          "sample id \"", Excerpt(item.id()),
          "\" was submitted to the reward client: expected an id that is valid "
          "UTF-8, not empty and not already waiting for its result")));
    } else if (size_bytes > kMaxItemBytes) {
      Deliver(ErrorResult(
          item.id(), absl::StrCat("sample ", item.id(), " has ", size_bytes,
                                  " bytes; at most ", kMaxItemBytes,
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
      "reward server ", ServerName(), " has yet to score ", outstanding_.size(),
      " samples, e.g. ", *outstanding_.begin()));
}

int RewardClient::num_outstanding() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(outstanding_.size());
}

int64_t RewardClient::num_retries() const {
  absl::MutexLock lock(&mutex_);
  return num_retries_;
}

absl::StatusOr<DescribeReply> RewardClient::Describe(absl::Time deadline) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline));
  context.set_wait_for_ready(true);
  DescribeReply reply;
  const grpc::Status status =
      stub_->Describe(&context, DescribeRequest(), &reply);
  if (status.ok()) return reply;
  const absl::Status error = FromGrpc(status);
  return absl::Status(error.code(), absl::StrCat("reward server ", ServerName(),
                                                 ": ", error.message()));
}

absl::StatusOr<bool> RewardClient::CheckRules(absl::Time deadline) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline));
  context.set_wait_for_ready(true);
  ScoreReply reply;
  R1_RETURN_IF_ERROR(FromGrpc(stub_->Score(&context, EmptyRequest(), &reply)));
  return reply.compares_samples();
}

ScoreRequest RewardClient::EmptyRequest() const {
  ScoreRequest request;
  request.mutable_rules()->Add(options_.rules.begin(), options_.rules.end());
  request.set_max_new_tokens(options_.max_new_tokens);
  return request;
}

void RewardClient::DispatchLoop() {
  for (;;) {
    std::vector<Pending> batch = TakeBatch();
    if (batch.empty()) return;
    StartCall(std::move(batch));
  }
}

bool RewardClient::CanSend() const {
  // While the server is not there, one call at a time tries it.
  const size_t max_calls =
      outage_start_.has_value() ? 1 : static_cast<size_t>(options_.max_calls);
  return failure_.ok() && !waiting_.empty() && calls_.size() < max_calls;
}

std::vector<RewardClient::Pending> RewardClient::TakeBatch() {
  const auto may_go_on = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_stopping_ || CanSend();
  };
  absl::MutexLock lock(&mutex_);
  for (;;) {
    mutex_.Await(absl::Condition(&may_go_on));
    if (is_stopping_) return {};
    if (absl::Now() >= next_attempt_) break;
    mutex_.AwaitWithDeadline(absl::Condition(&is_stopping_), next_attempt_);
  }
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

void RewardClient::StartCall(std::vector<Pending> batch) {
  auto owned = std::make_unique<Call>();
  Call* call = owned.get();
  call->request = EmptyRequest();
  for (const Pending& pending : batch) {
    for (const RewardItem& item : pending.items) {
      *call->request.add_items() = item;
    }
  }
  call->batch = std::move(batch);
  call->context.set_deadline(
      absl::ToChronoTime(absl::Now() + options_.call_timeout));
  {
    absl::MutexLock lock(&mutex_);
    calls_.insert(owned.release());  // FinishCall deletes it
  }
  stub_->async()->Score(
      &call->context, &call->request, &call->reply,
      [this, call](grpc::Status status) { FinishCall(call, status); });
}

void RewardClient::FinishCall(Call* call, const grpc::Status& status) {
  // All under the lock: once calls_ is empty the destructor may go on.
  absl::MutexLock lock(&mutex_);
  calls_.erase(call);
  if (!is_stopping_) FinishBatch(call, status);
  delete call;
}

void RewardClient::FinishBatch(Call* call, const grpc::Status& status) {
  const bool is_late =
      status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  if (status.ok()) {
    NoteContact();
    AcceptReply(call);
  } else if (status.error_code() == grpc::StatusCode::UNAVAILABLE ||
             status.error_code() == grpc::StatusCode::CANCELLED ||
             (is_late && !IsConnected())) {
    SendAgain(std::move(call->batch), /*alone=*/false);
    NoteOutage(status);
  } else if (IsForGood(status)) {
    const absl::Status error = FromGrpc(status);
    Fail(absl::Status(error.code(), absl::StrCat("reward server ", ServerName(),
                                                 ": ", error.message())));
  } else {
    if (!is_late) NoteContact();
    NarrowDown(std::move(call->batch), status);
  }
}

void RewardClient::NarrowDown(std::vector<Pending> batch,
                              const grpc::Status& status) {
  if (!batch[0].is_alone) {
    LogWarning(absl::StrCat(
        "reward server ", ServerName(), " failed on ", batch.size(),
        " samples, each is sent alone: ", StatusText(status)));
    SendAgain(std::move(batch), /*alone=*/true);
    return;
  }
  const bool is_late =
      status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  for (const RewardItem& item : batch[0].items) {
    std::string detail = absl::StrCat("sample ", item.id(), ": reward server ",
                                      ServerName(), ": ", StatusText(status));
    Deliver(is_late ? TimeoutResult(item.id(), std::move(detail))
                    : ErrorResult(item.id(), std::move(detail)));
  }
}

void RewardClient::AcceptReply(Call* call) {
  int num_unknown = 0;
  std::vector<RewardResult> results =
      CheckedResults(call->request, call->reply, ServerName(), &num_unknown);
  if (num_unknown > 0) {
    LogWarning(absl::StrCat("reward server ", ServerName(), " sent ",
                            num_unknown,
                            " results for ids that were not asked for"));
  }
  std::vector<Pending> again;
  for (size_t i = 0; i < results.size(); ++i) {
    // Its neighbours, or a process that stood still, may have used up its time.
    if (results[i].kind() == REWARD_TIMEOUT && !call->batch[i].is_alone) {
      again.push_back(std::move(call->batch[i]));
    } else {
      Deliver(std::move(results[i]));
    }
  }
  SendAgain(std::move(again), /*alone=*/true);
}

void RewardClient::SendAgain(std::vector<Pending> batch, bool alone) {
  for (auto it = batch.rbegin(); it != batch.rend(); ++it) {
    it->is_alone = it->is_alone || alone;
    waiting_.push_front(std::move(*it));
  }
}

void RewardClient::NoteOutage(const grpc::Status& status) {
  const absl::Time now = absl::Now();
  if (!outage_start_.has_value()) outage_start_ = now;
  if (now < next_attempt_) return;  // several calls failed together
  const absl::Duration left = *outage_start_ + options_.max_outage - now;
  if (left <= absl::ZeroDuration()) {
    Fail(absl::UnavailableError(absl::StrCat(
        "reward server ", ServerName(), " has not answered for ",
        absl::FormatDuration(options_.max_outage), " (", outage_retries_,
        " retries); last: ", StatusText(status),
        "; check that it runs and can be reached, then start this run again")));
    return;
  }
  const double doublings = std::min(outage_retries_, 30);
  absl::Duration pause = options_.first_retry;
  for (int i = 0; i < doublings && pause < options_.max_retry; ++i) pause *= 2;
  pause =
      std::min(pause, options_.max_retry) * absl::Uniform(jitter_, 0.5, 1.0);
  pause = std::min(pause, left);
  ++outage_retries_;
  ++num_retries_;
  next_attempt_ = now + pause;
  LogWarning(absl::StrCat("reward server ", ServerName(),
                          " does not answer, retry ", outage_retries_, " in ",
                          absl::ToInt64Milliseconds(pause),
                          " ms, giving up in ", absl::ToInt64Seconds(left),
                          " s: ", StatusText(status)));
}

void RewardClient::NoteContact() {
  if (outage_start_.has_value()) {
    LogInfo(
        absl::StrCat("reward server ", ServerName(), " answers again after ",
                     absl::ToInt64Milliseconds(absl::Now() - *outage_start_),
                     " ms and ", outage_retries_, " retries"));
  }
  outage_start_.reset();
  outage_retries_ = 0;
  next_attempt_ = absl::InfinitePast();
}

void RewardClient::Deliver(RewardResult result) {
  results_.push_back(std::move(result));
}

void RewardClient::Fail(absl::Status status) {
  if (failure_.ok()) failure_ = std::move(status);
}

bool RewardClient::IsConnected() const {
  // An in-process channel has no connection that could be lost.
  return options_.server.empty() ||
         channel_->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_READY;
}

std::string RewardClient::ServerName() const {
  return options_.server.empty() ? "in this process" : options_.server;
}

}  // namespace r1
