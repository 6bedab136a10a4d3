// Scores any number of items over ScoreStream, on one server or several.
#ifndef R1_REWARD_REWARD_STREAM_CLIENT_H_
#define R1_REWARD_REWARD_STREAM_CLIENT_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/sync_stream.h"
#include "proto/reward.grpc.pb.h"
#include "reward/reward_channel.h"
#include "reward/reward_servers.h"

namespace r1 {

struct RewardStreamOptions {
  // What is asked for.
  std::vector<RewardRuleSpec> rules;
  int max_new_tokens = 0;
  // Most time for one item once it is started; 0 = the server's choice.
  absl::Duration item_timeout = absl::ZeroDuration();
  RewardRetryOptions retry;
  // Sent to a server and not answered; the least by which a server is used
  // well, as what waits here goes to whichever has room first.
  size_t max_items_each = 512;
  // Of one request.
  size_t max_request_items = 64;
  size_t max_request_bytes = 1 << 20;
};

// Every submitted item comes out of Next exactly once, in any order, or Next
// fails for good. What was sent on a stream that breaks, as its server is away
// or busy, is sent again to any server. If the server fails the stream
// otherwise, items are sent again alone, and one that fails then is an ERROR,
// as are results that break the contract (reply_check.h). Memory: that of the
// items whose results Next has not returned. Threads: all functions may be
// called from any thread.
class RewardStreamClient {
 public:
  // The endpoints, one or more, must serve alike: see CheckRewardServers.
  RewardStreamClient(std::vector<RewardEndpoint> endpoints,
                     RewardStreamOptions options);
  // Cancels what is under way.
  ~RewardStreamClient();
  RewardStreamClient(const RewardStreamClient&) = delete;
  RewardStreamClient& operator=(const RewardStreamClient&) = delete;

  // Takes items that must go into one request, as a rule may compare them;
  // never blocks on the network. Ids are valid UTF-8, not empty, and differ
  // from those whose results are still to come.
  void SubmitTogether(std::vector<RewardItem> items);

  // The next result; waits for it until the deadline.
  // Errors: DeadlineExceeded (the call may be repeated); for good: Unavailable
  // once no server has answered for max_outage; InvalidArgument and others that
  // no retry would change, e.g. for an unknown rule.
  absl::StatusOr<RewardResult> Next(absl::Time deadline);

 private:
  // Items of one SubmitTogether.
  struct Group {
    std::vector<RewardItem> items;
    bool is_alone = false;  // to be sent while nothing else waits for an answer
  };
  using GroupPointer = std::shared_ptr<Group>;
  using Stream = grpc::ClientReaderWriterInterface<ScoreRequest, ScoreReply>;
  struct Peer {
    grpc::ClientContext* context = nullptr;  // of the open stream
    bool has_ended = false;                  // no more replies will come
    // What was sent and is not answered, by id.
    std::unordered_map<std::string, GroupPointer> sent;
  };

  void ServeLoop(int s);
  // One stream from its opening to its end.
  void RunStream(int s);
  // Waits for items for server s and moves them to the request; false once the
  // stream is to end.
  bool TakeRequest(int s, ScoreRequest* request);
  // Whether the group in front may be sent to server s now.
  bool HasRoom(const Peer& peer) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Accept(int s, const ScoreReply& reply);
  void EndStream(int s, const grpc::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The items that are not answered become ERRORs.
  void GiveUp(const Group& group, const std::string& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  ScoreRequest FirstRequest() const;
  void Fail(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const RewardStreamOptions options_;
  std::vector<std::unique_ptr<Reward::Stub>> stubs_;  // by server

  absl::Mutex mutex_;
  RewardServers servers_ ABSL_GUARDED_BY(mutex_);
  std::vector<Peer> peers_ ABSL_GUARDED_BY(mutex_);  // by server
  std::deque<GroupPointer> waiting_ ABSL_GUARDED_BY(mutex_);
  // Ids of items without a result.
  std::unordered_set<std::string> missing_ ABSL_GUARDED_BY(mutex_);
  std::deque<RewardResult> results_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<std::thread> threads_;  // last: use all of the above
};

}  // namespace r1

#endif  // R1_REWARD_REWARD_STREAM_CLIENT_H_
