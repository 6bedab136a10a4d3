// The learner's end of the Reward service: submit samples, take results.
#ifndef R1_REWARD_REWARD_CLIENT_H_
#define R1_REWARD_REWARD_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "proto/reward.grpc.pb.h"

namespace r1 {

struct RewardClientOptions {
  // host:port of the server, for messages; empty for one in this process.
  std::string server;
  // What every request asks for.
  std::vector<RewardRuleSpec> rules;
  int max_new_tokens = 0;
  // Deadline of each call.
  absl::Duration call_timeout = absl::Seconds(10);
  // Longest time without any answer from the server before the client gives up.
  absl::Duration max_outage = absl::Seconds(60);
  // Pause before the first retry; it doubles up to the second value, and each
  // is cut at random by up to a half.
  absl::Duration first_retry = absl::Milliseconds(50);
  absl::Duration max_retry = absl::Seconds(2);
  // Calls under way at a time, and the size of each. Samples that wait while
  // all calls are under way go into the next ones together.
  int max_calls = 4;
  int max_batch_items = 256;
  size_t max_batch_bytes = 4 << 20;
};

// Every submitted sample comes out of Next exactly once, in any order, or
// Next fails for good. How failures are told apart:
//   - UNAVAILABLE, CANCELLED, or no connection within a call's deadline: the
//     server is not there. Its samples are sent again (Score has no effect but
//     its answer), after a pause, until max_outage has passed without an
//     answer.
//   - A deadline that passes on an open connection, any other error, or a
//     TIMEOUT result: another sample of the batch may be the cause, or a moment
//     in which a process stood still. Each sample is sent again alone; one that
//     fails then becomes a TIMEOUT or an ERROR result.
//   - INVALID_ARGUMENT, UNIMPLEMENTED and refusals of access: no sample can be
//     scored like this; Next returns that error.
//   - A reply that breaks the contract: ERROR results (reply_check.h).
// Bytes that are no UTF-8 go over the wire as U+FFFD.
// Threads: all functions may be called from any thread.
class RewardClient {
 public:
  RewardClient(std::shared_ptr<grpc::Channel> channel,
               RewardClientOptions options);
  // Cancels what is under way.
  ~RewardClient();
  RewardClient(const RewardClient&) = delete;
  RewardClient& operator=(const RewardClient&) = delete;

  // Takes the sample; never blocks on the network. Its id must not be empty,
  // must be UTF-8 and must differ from those whose results are still to come;
  // otherwise Next fails with InvalidArgument from then on.
  void Submit(RewardItem item);
  // The same for items that must go into one call, as a rule compares them.
  // They fail together where a call fails.
  void SubmitTogether(std::vector<RewardItem> items);

  // The next result; waits for it until the deadline.
  // Errors: FailedPrecondition if no result is to come; DeadlineExceeded (the
  // call may be repeated); Unavailable after max_outage; InvalidArgument and
  // others as above. All but the first two are for good.
  absl::StatusOr<RewardResult> Next(absl::Time deadline);

  // Submitted samples whose results Next has not returned.
  int num_outstanding() const;
  // Pauses for a server that was not there, since construction.
  int64_t num_retries() const;

  // Who serves and which rules it has. Blocks; waits for the server to come up.
  // Errors: as the call's.
  absl::StatusOr<DescribeReply> Describe(absl::Time deadline);

  // Asks the server whether it can score by options.rules, and returns whether
  // one of them compares samples. Blocks.
  // Errors: InvalidArgument for a rule or option it refuses; as the call's.
  absl::StatusOr<bool> CheckRules(absl::Time deadline);

 private:
  struct Pending {
    std::vector<RewardItem> items;  // one, or those to be sent together
    bool is_alone = false;          // to be sent in a call of its own
  };
  struct Call;

  void DispatchLoop();
  // Waits until a batch may be sent and takes it; empty when stopping.
  std::vector<Pending> TakeBatch();
  void StartCall(std::vector<Pending> batch);
  // A request without items.
  ScoreRequest EmptyRequest() const;
  void FinishCall(Call* call, const grpc::Status& status);

  bool CanSend() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishBatch(Call* call, const grpc::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AcceptReply(Call* call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Sends the samples one by one, or gives one sent alone its failure.
  void NarrowDown(std::vector<Pending> batch, const grpc::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendAgain(std::vector<Pending> batch, bool alone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Notes that the server was not there and sets the pause.
  void NoteOutage(const grpc::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteContact() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Deliver(RewardResult result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fail(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsConnected() const;
  std::string ServerName() const;

  const RewardClientOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<Reward::Stub> stub_;

  mutable absl::Mutex mutex_;
  std::deque<Pending> waiting_ ABSL_GUARDED_BY(mutex_);
  std::unordered_set<Call*> calls_ ABSL_GUARDED_BY(mutex_);
  // Ids of the samples whose results Next has yet to return.
  std::unordered_set<std::string> outstanding_ ABSL_GUARDED_BY(mutex_);
  std::deque<RewardResult> results_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Time> outage_start_ ABSL_GUARDED_BY(mutex_);
  absl::Time next_attempt_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int outage_retries_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t num_retries_ ABSL_GUARDED_BY(mutex_) = 0;
  // For pauses only; no result depends on it.
  absl::BitGen jitter_ ABSL_GUARDED_BY(mutex_);

  std::thread dispatcher_;  // last: uses all of the above
};

}  // namespace r1

#endif  // R1_REWARD_REWARD_CLIENT_H_
