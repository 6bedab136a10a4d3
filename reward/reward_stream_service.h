// One ScoreStream call on the server's side.
#ifndef R1_REWARD_REWARD_STREAM_SERVICE_H_
#define R1_REWARD_REWARD_STREAM_SERVICE_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"
#include "grpcpp/support/sync_stream.h"
#include "proto/reward.pb.h"

namespace r1 {

// Reads requests while few enough wait for their results, scores each in a
// thread of its own, and sends results as they come.
// Threads: Run by one; Stop by any.
class RewardStreamCall {
 public:
  using Stream = grpc::ServerReaderWriterInterface<ScoreReply, ScoreRequest>;
  // Takes a part of the answer to one request; returns whether more is wanted.
  using Deliver = std::function<bool(ScoreReply part)>;
  // Answers one request; called from several threads.
  using Answer = std::function<absl::Status(const Deliver&)>;
  // Checks a request. Errors end the stream.
  using Prepare = std::function<absl::StatusOr<Answer>(ScoreRequest)>;

  RewardStreamCall(grpc::ServerContext* context, Stream* stream,
                   Prepare prepare);

  // Serves the stream to its end: the caller's last request is answered, a
  // request failed, the caller has gone, or Stop was called.
  grpc::Status Run();

  // Answers what has been read and ends the stream as Unavailable.
  void Stop();

 private:
  struct Job {
    Answer answer;
    size_t num_items = 0;
  };

  // Until the caller's last request, or the end.
  absl::Status ReadAll();
  // Fills in what the request before has said. Errors: InvalidArgument.
  absl::Status Complete(ScoreRequest* request);
  // Waits for room; false if the stream is to end.
  bool Enqueue(Job job);
  void AnswerLoop();
  void WriteLoop();
  bool AddReply(ScoreReply part);
  void Fail(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MustEnd() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  grpc::ServerContext* const context_;
  Stream* const stream_;
  const Prepare prepare_;
  ScoreRequest last_;                   // without its items; of Run's thread
  std::vector<std::thread> answerers_;  // of Run's thread

  absl::Mutex mutex_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  std::deque<ScoreReply> replies_ ABSL_GUARDED_BY(mutex_);
  // Read and not yet answered, or an answer not yet sent.
  int num_requests_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t num_items_ ABSL_GUARDED_BY(mutex_) = 0;
  int num_idle_ ABSL_GUARDED_BY(mutex_) = 0;  // of answerers_
  bool has_read_all_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_gone_ ABSL_GUARDED_BY(mutex_) = false;  // the caller
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace r1

#endif  // R1_REWARD_REWARD_STREAM_SERVICE_H_
