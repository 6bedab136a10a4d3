#include "reward/reward_stream_client.h"

#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "reward/reply_check.h"
#include "reward/text.h"

namespace r1 {

RewardStreamClient::RewardStreamClient(std::vector<RewardEndpoint> endpoints,
                                       RewardStreamOptions options)
    : options_(std::move(options)),
      servers_(EndpointNames(endpoints), options_.retry),
      peers_(endpoints.size()) {
  R1_CHECK(!endpoints.empty(), "a client needs a server");
  for (const RewardEndpoint& endpoint : endpoints) {
    stubs_.push_back(Reward::NewStub(endpoint.channel));
  }
  for (int s = 0; s < static_cast<int>(stubs_.size()); ++s) {
    threads_.emplace_back([this, s] { ServeLoop(s); });
  }
}

RewardStreamClient::~RewardStreamClient() {
  {
    absl::MutexLock lock(&mutex_);
    is_stopping_ = true;
    for (Peer& peer : peers_) {
      if (peer.context != nullptr) peer.context->TryCancel();
    }
  }
  for (std::thread& thread : threads_) thread.join();
}

void RewardStreamClient::SubmitTogether(std::vector<RewardItem> items) {
  auto group = std::make_shared<Group>();
  absl::MutexLock lock(&mutex_);
  for (RewardItem& item : items) {
    if (item.id().empty() || !IsUtf8(item.id()) ||
        !missing_.insert(item.id()).second) {
      Fail(absl::InvalidArgumentError(absl::StrCat(
          "item id \"", Excerpt(item.id()),
          "\": expected an id that is valid UTF-8, not empty and not already "
          "waiting for its result")));
      return;
    }
    item.set_prompt(ToValidUtf8(item.prompt()));
    item.set_completion(ToValidUtf8(item.completion()));
    item.set_reference(ToValidUtf8(item.reference()));
    const size_t size_bytes = item.ByteSizeLong();
    if (size_bytes > kMaxRewardItemBytes) {
      missing_.erase(item.id());
      results_.push_back(ErrorResult(
          item.id(), absl::StrCat("item has ", size_bytes, " bytes; at most ",
                                  kMaxRewardItemBytes,
                                  " can be sent to a reward server")));
    } else {
      group->items.push_back(std::move(item));
    }
  }
  if (!group->items.empty()) waiting_.push_back(std::move(group));
}

absl::StatusOr<RewardResult> RewardStreamClient::Next(absl::Time deadline) {
  const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !results_.empty() || !failure_.ok();
  };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithDeadline(absl::Condition(&has_news), deadline);
  if (!results_.empty()) {
    RewardResult result = std::move(results_.front());
    results_.pop_front();
    return result;
  }
  if (!failure_.ok()) return failure_;
  return absl::DeadlineExceededError(
      absl::StrCat("reward server ", servers_.AllNames(), ": ", missing_.size(),
                   " items have no result yet"));
}

void RewardStreamClient::ServeLoop(int s) {
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      const absl::Time pause_end = servers_.pause_end(s);
      mutex_.AwaitWithDeadline(absl::Condition(&is_stopping_), pause_end);
      // A server that is away is tried as long as any result is missing.
      const auto has_work = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return is_stopping_ ||
               (failure_.ok() &&
                (servers_.is_away(s) ? !missing_.empty() : !waiting_.empty()));
      };
      mutex_.Await(absl::Condition(&has_work));
      if (is_stopping_) return;
    }
    RunStream(s);
  }
}

void RewardStreamClient::RunStream(int s) {
  grpc::ClientContext context;
  {
    absl::MutexLock lock(&mutex_);
    if (is_stopping_) return;
    peers_[s].context = &context;
    peers_[s].has_ended = false;
  }
  // Waits for the connection.
  const std::unique_ptr<Stream> stream = stubs_[s]->ScoreStream(&context);
  std::thread reader([&] {
    ScoreReply reply;
    while (stream->Read(&reply)) Accept(s, reply);
    absl::MutexLock lock(&mutex_);
    peers_[s].has_ended = true;
  });
  // The first request has no items: it is answered at once by a server that is
  // there and takes the rules, and costs nothing if it is not.
  ScoreRequest request = FirstRequest();
  while (stream->Write(request) && TakeRequest(s, &request)) {
  }
  stream->WritesDone();
  reader.join();
  const grpc::Status status = stream->Finish();
  absl::MutexLock lock(&mutex_);
  peers_[s].context = nullptr;
  if (!is_stopping_) EndStream(s, status);
}

ScoreRequest RewardStreamClient::FirstRequest() const {
  ScoreRequest request;
  request.mutable_rules()->Add(options_.rules.begin(), options_.rules.end());
  request.set_max_new_tokens(options_.max_new_tokens);
  request.set_item_timeout_ms(absl::ToInt64Milliseconds(options_.item_timeout));
  return request;
}

bool RewardStreamClient::HasRoom(const Peer& peer) const {
  if (waiting_.empty()) return false;
  if (peer.sent.empty()) return true;
  return !waiting_.front()->is_alone && !peer.sent.begin()->second->is_alone &&
         peer.sent.size() < options_.max_items_each;
}

bool RewardStreamClient::TakeRequest(int s, ScoreRequest* request) {
  absl::MutexLock lock(&mutex_);
  Peer& peer = peers_[s];
  const auto has_news = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_stopping_ || !failure_.ok() || peer.has_ended ||
           (!servers_.is_away(s) && HasRoom(peer));
  };
  mutex_.Await(absl::Condition(&has_news));
  if (is_stopping_ || !failure_.ok() || peer.has_ended) return false;
  request->Clear();
  size_t size_bytes = 0;
  while (HasRoom(peer)) {
    const GroupPointer group = waiting_.front();
    size_t group_bytes = 0;
    for (const RewardItem& item : group->items) {
      group_bytes += item.ByteSizeLong();
    }
    if (request->items_size() > 0 &&
        (size_bytes + group_bytes > options_.max_request_bytes ||
         request->items_size() + group->items.size() >
             options_.max_request_items)) {
      break;
    }
    size_bytes += group_bytes;
    for (const RewardItem& item : group->items) {
      *request->add_items() = item;
      peer.sent[item.id()] = group;
    }
    waiting_.pop_front();
  }
  return true;
}

void RewardStreamClient::Accept(int s, const ScoreReply& reply) {
  absl::MutexLock lock(&mutex_);
  servers_.NoteAnswer(s);
  Peer& peer = peers_[s];
  // The items that the reply is about, as a request of their own.
  ScoreRequest request = FirstRequest();
  std::unordered_set<std::string> ids;
  for (const RewardResult& result : reply.results()) {
    const auto it = peer.sent.find(result.id());
    if (it == peer.sent.end() || !ids.insert(result.id()).second) continue;
    request.add_items()->set_id(result.id());
  }
  int num_unknown = 0;
  for (RewardResult& result :
       CheckedResults(request, reply, servers_.name(s), &num_unknown)) {
    peer.sent.erase(result.id());
    // A group that was sent again may have had some results before.
    if (missing_.erase(result.id()) > 0) results_.push_back(std::move(result));
  }
  if (num_unknown > 0) {
    LogWarning(absl::StrCat("reward server ", servers_.name(s), " sent ",
                            num_unknown,
                            " results for ids that were not asked for"));
  }
}

void RewardStreamClient::EndStream(int s, const grpc::Status& status) {
  Peer& peer = peers_[s];
  std::unordered_set<GroupPointer> groups;  // not answered in full
  for (const auto& [id, group] : peer.sent) groups.insert(group);
  peer.sent.clear();
  const std::string why =
      absl::StrCat("reward server ", servers_.name(s), ": ",
                   status.ok() ? "ended the stream without a result"
                               : FromGrpc(status).ToString());
  absl::Status given_up;
  if (IsForGood(status)) {
    given_up = Annotate(FromGrpc(status),
                        absl::StrCat("reward server ", servers_.name(s)));
  } else if (IsBusy(status)) {
    servers_.NoteBusy(s, status);
  } else {
    given_up = servers_.NoteAway(
        s, status.ok()
               ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "ended the stream")
               : status);
  }
  if (!given_up.ok()) Fail(given_up);
  const bool is_to_blame = !IsAway(status) && !IsBusy(status);
  for (const GroupPointer& group : groups) {
    if (is_to_blame && group->is_alone) {
      GiveUp(*group, why);
      continue;
    }
    group->is_alone = is_to_blame;
    waiting_.push_front(group);
  }
}

void RewardStreamClient::GiveUp(const Group& group, const std::string& why) {
  for (const RewardItem& item : group.items) {
    if (missing_.erase(item.id()) == 0) continue;
    results_.push_back(ErrorResult(item.id(), why));
  }
}

void RewardStreamClient::Fail(absl::Status status) {
  if (failure_.ok()) failure_ = std::move(status);
}

}  // namespace r1
