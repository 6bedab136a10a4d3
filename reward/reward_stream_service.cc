#include "reward/reward_stream_service.h"

#include <utility>

#include "base/status_macros.h"
#include "reward/reward_channel.h"

namespace r1 {
namespace {

// What may wait for its results before the stream is read further.
constexpr size_t kMaxItems = 1024;
constexpr int kMaxRequests = 64;

}  // namespace

RewardStreamCall::RewardStreamCall(grpc::ServerContext* context, Stream* stream,
                                   Prepare prepare)
    : context_(context), stream_(stream), prepare_(std::move(prepare)) {}

grpc::Status RewardStreamCall::Run() {
  std::thread writer([this] { WriteLoop(); });
  absl::Status status = ReadAll();
  {
    absl::MutexLock lock(&mutex_);
    has_read_all_ = true;
    if (!status.ok()) Fail(std::move(status));
    if (context_->IsCancelled()) is_gone_ = true;
  }
  for (std::thread& thread : answerers_) thread.join();
  writer.join();
  absl::MutexLock lock(&mutex_);
  if (is_stopping_) {
    Fail(absl::UnavailableError("the reward service is stopping"));
  }
  return ToGrpc(failure_);
}

void RewardStreamCall::Stop() {
  absl::MutexLock lock(&mutex_);
  is_stopping_ = true;
}

absl::Status RewardStreamCall::ReadAll() {
  ScoreRequest request;
  while (stream_->Read(&request)) {
    R1_RETURN_IF_ERROR(Complete(&request));
    Job job;
    job.num_items = request.items_size();
    R1_ASSIGN_OR_RETURN(job.answer, prepare_(std::move(request)));
    if (!Enqueue(std::move(job))) break;
    request = ScoreRequest();
  }
  return absl::OkStatus();
}

absl::Status RewardStreamCall::Complete(ScoreRequest* request) {
  if (!request->rules().empty()) {
    last_ = ScoreRequest();
    *last_.mutable_rules() = request->rules();
    last_.set_max_new_tokens(request->max_new_tokens());
    last_.set_step(request->step());
    last_.set_item_timeout_ms(request->item_timeout_ms());
    return absl::OkStatus();
  }
  if (last_.rules().empty()) {
    return absl::InvalidArgumentError(
        "the first request of a stream has no rules");
  }
  auto items = std::move(*request->mutable_items());
  *request = last_;
  *request->mutable_items() = std::move(items);
  return absl::OkStatus();
}

bool RewardStreamCall::MustEnd() const {
  return is_stopping_ || is_gone_ || !failure_.ok();
}

bool RewardStreamCall::Enqueue(Job job) {
  const auto has_room = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return MustEnd() ||
           (num_requests_ < kMaxRequests &&
            (num_items_ == 0 || num_items_ + job.num_items <= kMaxItems));
  };
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&has_room));
  if (MustEnd()) return false;
  ++num_requests_;
  num_items_ += job.num_items;
  jobs_.push_back(std::move(job));
  if (num_idle_ < jobs_.size() && answerers_.size() < kMaxRequests) {
    answerers_.emplace_back([this] { AnswerLoop(); });
  }
  return true;
}

void RewardStreamCall::AnswerLoop() {
  const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !jobs_.empty() || has_read_all_;
  };
  for (;;) {
    Job job;
    {
      absl::MutexLock lock(&mutex_);
      ++num_idle_;
      mutex_.Await(absl::Condition(&has_news));
      --num_idle_;
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    absl::Status status = job.answer(
        [this](ScoreReply part) { return AddReply(std::move(part)); });
    absl::MutexLock lock(&mutex_);
    --num_requests_;
    if (!status.ok()) Fail(std::move(status));
  }
}

bool RewardStreamCall::AddReply(ScoreReply part) {
  absl::MutexLock lock(&mutex_);
  replies_.push_back(std::move(part));
  return !is_gone_;
}

void RewardStreamCall::WriteLoop() {
  const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !replies_.empty() ||
           (num_requests_ == 0 && (has_read_all_ || MustEnd()));
  };
  for (;;) {
    ScoreReply reply;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&has_news));
      if (replies_.empty()) {
        // A read that is waiting would wait for the caller's next request.
        if (!has_read_all_) context_->TryCancel();
        return;
      }
      // One message for all results that are there, but none for parts without
      // results: each of them answers a request without items.
      reply = std::move(replies_.front());
      replies_.pop_front();
      while (!replies_.empty() && !reply.results().empty() &&
             !replies_.front().results().empty()) {
        for (RewardResult& result : *replies_.front().mutable_results()) {
          *reply.add_results() = std::move(result);
        }
        replies_.pop_front();
      }
    }
    const int count = reply.results_size();
    const bool is_sent = stream_->Write(reply);
    absl::MutexLock lock(&mutex_);
    num_items_ -= count;
    if (!is_sent) is_gone_ = true;
  }
}

void RewardStreamCall::Fail(absl::Status status) {
  if (failure_.ok()) failure_ = std::move(status);
}

}  // namespace r1
