// The learner's end of the Reward service: submit samples, take results.
#ifndef R1_REWARD_SERVICE_CLIENT_H_
#define R1_REWARD_SERVICE_CLIENT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "proto/reward.grpc.pb.h"
#include "reward/service/channel.h"
#include "reward/service/servers.h"

namespace r1 {

struct RewardClientOptions {
  // What every request asks for.
  std::vector<RewardRuleSpec> rules;
  int max_new_tokens = 0;  // until SetStep
  // Most time for one item once it is started; 0 = the server's choice.
  absl::Duration item_timeout = absl::ZeroDuration();
  // What servers must be, where they say it; empty: anything.
  std::string build_id;
  // Deadline of each call.
  absl::Duration call_timeout = absl::Seconds(10);
  RewardRetryOptions retry;
  // Calls under way on each server, and the size of each. Samples that wait
  // while all calls are under way go into the next ones together.
  int max_calls = 4;
  int max_batch_items = 256;
  size_t max_batch_bytes = 4 << 20;
};

// Every submitted sample comes out of Next exactly once, in any order, or
// Next fails for good. A call goes to the server that has the fewest under way.
// How failures are told apart:
//   - UNAVAILABLE, CANCELLED, or no connection within a call's deadline: the
//     server is away. Its samples go to the others at once (Score has no effect
//     but its answer), or wait. After a pause it is asked, without samples,
//     whether it is back; no server's answer for max_outage ends it all.
//   - UNAVAILABLE: busy. The server is there; its samples go to others, or to
//     it after a pause.
//   - A deadline that passes on an open connection, any other error, or a
//     TIMEOUT result: another sample of the batch may be the cause, or a moment
//     in which a process stood still. Each sample is sent again alone; one that
//     fails then becomes a TIMEOUT or an ERROR result.
//   - INVALID_ARGUMENT, UNIMPLEMENTED and refusals of access: no sample can be
//     scored like this; Next returns that error. So it is for a build other
//     than the expected.
//   - A reply that breaks the contract: ERROR results (reply_check.h).
// Bytes that are no UTF-8 go over the wire as U+FFFD.
// Threads: all functions may be called from any thread.
class RewardClient {
 public:
  // The endpoints, one or more, must serve alike: see CheckRewardServers.
  RewardClient(std::vector<RewardEndpoint> endpoints,
               RewardClientOptions options);
  // Cancels what is under way.
  ~RewardClient();
  RewardClient(const RewardClient&) = delete;
  RewardClient& operator=(const RewardClient&) = delete;

  // The training step of samples submitted from now on, 0 (the start) for none,
  // and their most tokens. Not while results are to come.
  void SetStep(int64_t step, int max_new_tokens) {
    step_ = step;
    max_new_tokens_ = max_new_tokens;
  }

  // Takes the sample; never blocks on the network. Its id must not be empty,
  // must be UTF-8 and must differ from those whose results are still to come;
  // otherwise Next fails with InvalidArgument from then on.
  void Submit(RewardItem item);
  // The same for items that must go into one call, as a rule compares them.
  // They fail together where a call fails, and are sent again together where
  // one of them is a TIMEOUT.
  void SubmitTogether(std::vector<RewardItem> items);

  // The next result; waits for it until the deadline.
  // Errors: FailedPrecondition if no result is to come; DeadlineExceeded (the
  // call may be repeated); Unavailable after max_outage; InvalidArgument and
  // others as above. All but the first two are for good.
  absl::StatusOr<RewardResult> Next(absl::Time deadline);

  // Submitted samples whose results Next has not returned.
  int num_outstanding() const;
  // Pauses for servers that were away or busy, since construction.
  int64_t num_retries() const;

 private:
  struct Pending {
    std::vector<RewardItem> items;  // one, or those to be sent together
    bool is_alone = false;          // to be sent in a call of its own
  };
  struct Call;

  void DispatchLoop();
  // Waits for a server and something to send to it, and takes both: a batch, or
  // none, for a probe. Null when stopping.
  std::unique_ptr<Call> TakeWork();
  void StartCall(std::unique_ptr<Call> call);
  // A request without items.
  ScoreRequest EmptyRequest() const;
  void FinishCall(Call* call, const grpc::Status& status);

  // The server that a probe or a batch may be sent to; -1 for none.
  int ServerWithWork(absl::Time now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<Pending> TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishBatch(Call* call, const grpc::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AcceptReply(Call* call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Sends the samples one by one, or gives one sent alone its failure.
  void NarrowDown(int server, std::vector<Pending> batch,
                  const grpc::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendAgain(std::vector<Pending> batch, bool alone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Deliver(RewardResult result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fail(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsConnected(int server) const;
  // "reward server NAME"
  std::string ServerName(int server) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const RewardClientOptions options_;
  const std::vector<RewardEndpoint> endpoints_;
  std::atomic<int64_t> step_ = 0;
  std::atomic<int> max_new_tokens_;
  std::vector<std::unique_ptr<Reward::Stub>> stubs_;  // by server

  mutable absl::Mutex mutex_;
  std::deque<Pending> waiting_ ABSL_GUARDED_BY(mutex_);
  std::unordered_set<Call*> calls_ ABSL_GUARDED_BY(mutex_);
  // Ids of the samples whose results Next has yet to return.
  std::unordered_set<std::string> outstanding_ ABSL_GUARDED_BY(mutex_);
  std::deque<RewardResult> results_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  RewardServers servers_ ABSL_GUARDED_BY(mutex_);

  std::thread dispatcher_;  // last: uses all of the above
};

}  // namespace r1

#endif  // R1_REWARD_SERVICE_CLIENT_H_
