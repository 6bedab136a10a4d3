// A worker from joining to leaving: four threads around one engine. The
// caller's generates; the others fetch leases, renew them and send results,
// so that generation never waits for the network.
#ifndef R1_ROLLOUT_WORKER_SESSION_H_
#define R1_ROLLOUT_WORKER_SESSION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "rollout/coordinator_client.h"
#include "rollout/engine.h"
#include "rollout/finished_samples.h"
#include "rollout/weight_source.h"
#include "rollout/worker_mailbox.h"

namespace r1 {

// Threads: one call of Run; Stop from any thread.
class WorkerSession {
 public:
  // `reconnect`: how long the coordinator may be out of reach; the session ends
  // sooner if its leases do. `undelivered`: of the session before this one, and
  // of this one when it ends. The objects outlive the session.
  WorkerSession(const JoinReply& joined, absl::Duration reconnect,
                CoordinatorClient* client, WeightSource* weights,
                Engine* engine, FinishedSamples* undelivered);

  // Works until the run is finished (OK), Stop (Cancelled), the coordinator
  // no longer knows this worker (NotFound) or is out of reach (Unavailable);
  // any other error is final. Leaves unless the coordinator is gone.
  absl::Status Run();
  // Makes Run finish what is posted, and return.
  void Stop();

 private:
  void PullLeases();
  void RenewLeases();
  void SendResults();
  void Generate();

  absl::Status Wait();
  absl::Status RenewOnce();
  absl::Status GenerateStep();
  absl::Status StartLease(const Lease& lease);
  void PostDone();
  absl::Status UseWeights(const WeightsId& id);
  void KeepUndelivered();
  void CancelLease(uint64_t lease_id);
  void CancelAll();
  void Close(const absl::Status& status);
  // Repeats a call that could not reach the coordinator, with growing pauses.
  absl::Status Retry(absl::string_view what,
                     absl::FunctionRef<absl::Status()> call);

  const uint64_t worker_id_;
  const absl::Duration lease_ttl_, reconnect_;
  CoordinatorClient* client_;
  WeightSource* source_;
  Engine* engine_;
  FinishedSamples* undelivered_;
  WorkerMailbox mailbox_;
  std::vector<SubmitRequest> unsent_;  // of the sending thread

  // Of the generating thread.
  std::shared_ptr<const PolicyWeights> weights_;  // null while idle
  WeightsId weights_id_;
  uint64_t next_key_ = 0;
  std::map<uint64_t, std::string> origins_;  // of the leases with ...
  uint64_t origins_version_ = 0;             // ... these weights
  struct LeasedSample {
    uint64_t lease_id = 0;
    uint32_t index = 0;
  };
  absl::flat_hash_map<uint64_t, LeasedSample> sample_of_;  // by engine key
  std::vector<Finished> done_;
};

}  // namespace r1

#endif  // R1_ROLLOUT_WORKER_SESSION_H_
