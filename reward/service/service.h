// The Reward service of proto/reward.proto over a registry of rules.
#ifndef R1_REWARD_SERVICE_SERVICE_H_
#define R1_REWARD_SERVICE_SERVICE_H_

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"
#include "proto/reward.grpc.pb.h"
#include "reward/core/registry.h"
#include "reward/core/score_pool.h"
#include "reward/core/scorer.h"

namespace r1 {

struct RewardServiceOptions {
  // Threads that score; 0 = all cores.
  int threads = 0;
  // Most time one item may take once it is started.
  absl::Duration item_limit = absl::Seconds(60);
  // Most time a Score call may take, whatever deadline it carries.
  absl::Duration call_limit = absl::Minutes(5);
  // Calls that score at a time; more are refused as busy, to be sent again.
  int max_calls = 64;
  // What Describe reports.
  std::string build_id;
};

// Score answers before the call's deadline, with TIMEOUT for each item that is
// not scored by then. Errors: InvalidArgument for what Scorer::Create refuses
// and for an id that is empty or given twice; Unavailable while draining or
// busy.
// Threads: all functions may be called from any thread.
class RewardService final : public Reward::Service {
 public:
  RewardService(RewardRegistry registry, const RewardServiceOptions& options);

  grpc::Status Score(grpc::ServerContext* context, const ScoreRequest* request,
                     ScoreReply* reply) override;
  grpc::Status Describe(grpc::ServerContext* context,
                        const DescribeRequest* request,
                        DescribeReply* reply) override;

  // Refuses new calls, waits until the running ones are answered or the
  // deadline has passed; those left are then answered with Unavailable.
  void Drain(absl::Time deadline);

 private:
  // The rules of requests with this key, or why they cannot be made.
  struct RuleSet {
    std::string key;
    absl::StatusOr<Scorer> scorer;
    bool is_made = false;
  };

  // OK and counted, or why the call is refused.
  grpc::Status BeginCall(bool has_items);
  void EndCall();
  grpc::Status ScoreNow(grpc::ServerContext* context,
                        const ScoreRequest& request, ScoreReply* reply);
  // Adds to what Describe reports.
  void Count(const RewardResult& result, absl::Time arrival);
  // A rule, and its state in the scorers that are in use. Rules are asked until
  // the deadline.
  RuleInfo InfoOf(const std::string& rule, const std::vector<Scorer>& scorers,
                  absl::Time deadline) const;

  // The scorer of a request. Making rules may cost much more than one batch
  // (tables, sandboxes), and a learner sends the same rules with every call: a
  // set is made once, whoever asks, and the last ones used are kept.
  absl::StatusOr<Scorer> ScorerOf(const ScoreRequest& request);

  const RewardRegistry registry_;
  const RewardServiceOptions options_;  // with the real number of threads
  absl::Mutex mutex_;
  int num_calls_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_draining_ ABSL_GUARDED_BY(mutex_) = false;
  // The last used first.
  std::list<std::shared_ptr<RuleSet>> rule_sets_ ABSL_GUARDED_BY(mutex_);
  std::map<RewardKind, int64_t> num_items_ ABSL_GUARDED_BY(mutex_);
  int64_t num_not_applicable_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration item_time_ ABSL_GUARDED_BY(mutex_);  // sum
  absl::Duration longest_item_time_ ABSL_GUARDED_BY(mutex_);
  ScorePool pool_;  // last: its threads use the registry
};

}  // namespace r1

#endif  // R1_REWARD_SERVICE_SERVICE_H_
