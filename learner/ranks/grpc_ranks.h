// Ranks that are processes: they find each other through rank 0 and send each
// other frames over gRPC.
#ifndef R1_LEARNER_RANKS_GRPC_RANKS_H_
#define R1_LEARNER_RANKS_GRPC_RANKS_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "learner/ranks/communicator.h"
#include "proto/ranks.grpc.pb.h"

namespace r1 {

struct GrpcRankOptions {
  int rank = 0;
  int size = 1;
  std::string listen = "127.0.0.1:0";  // host:port, port 0: any
  // Equal on all ranks.
  std::string build_id = "";
  std::string device = "";       // its identity
  Device* memory = CpuDevice();  // where this rank's tensors lie
  absl::Duration patience = kRankPatience;
  // How long all ranks may take to join.
  absl::Duration join_patience = absl::Minutes(2);
};

// One rank of a gang. When a rank is lost (its process ended, or it answers
// no keepalive for 10 s), or one aborts, all of them fail with the one cause
// that rank 0 heard of first: a rank that sees another go tells rank 0, and
// believes what it says.
// Threads: see Communicator.
class GrpcRanks : public Communicator {
 public:
  // Listens. Errors: those of an address that cannot be listened on.
  static absl::StatusOr<std::unique_ptr<GrpcRanks>> Listen(
      GrpcRankOptions options);
  // Tells all ranks that the run is over, unless there was another end.
  ~GrpcRanks() override;

  // "host:port" where it listens.
  const std::string& address() const { return address_; }

  // Rank 0 waits for the others; the others join at `first`, rank 0's address.
  // Errors: Unavailable, naming the ranks that are missing; FailedPrecondition
  // or AlreadyExists for one that is not of this gang.
  absl::Status Join(const std::string& first);

  int rank() const override { return options_.rank; }
  int size() const override { return options_.size; }
  absl::Status Move(absl::Span<const Tensor> send,
                    absl::Span<const Tensor> receive) override;
  absl::Status Gather(absl::string_view bytes,
                      std::vector<std::string>* all) override;
  absl::Status Scatter(absl::Span<const std::string> bytes,
                       std::string* mine) override;
  void Abort(const absl::Status& cause) override;

  // Why the ranks are at an end: Cancelled if the run is over; OK before.
  absl::Status end() const;

 private:
  class GangService;
  class PeerService;
  // Bytes to a rank: fill(offset, size, out) appends some of `total`.
  struct Outgoing {
    uint64_t total = 0;
    std::function<void(uint64_t offset, uint64_t size, std::string* out)> fill;
  };
  // Bytes from a rank, whose number `begin` is told beforehand.
  struct Incoming {
    std::function<absl::Status(uint64_t total)> begin;
    std::function<void(uint64_t offset, absl::string_view data)> take;
    // Since the call began.
    bool is_awaited = false, is_busy = false;
    uint64_t received = 0;
  };
  struct Peer {
    std::string address;
    std::unique_ptr<RankPeer::Stub> stub;
    std::unique_ptr<grpc::ClientContext> context;
    std::unique_ptr<grpc::ClientWriter<RankFrame>> writer;
    RankFramesReply reply;
    bool has_joined = false;  // of rank 0
    // Of rank 0: the rank's Watch, while it is open.
    grpc::ServerReaderWriter<GangEnd, GangNews>* watch = nullptr;
    Incoming incoming;
  };

  explicit GrpcRanks(GrpcRankOptions options);

  absl::Status Call(std::vector<Outgoing> out, std::vector<Incoming> in,
                    absl::Duration patience);
  bool SendTo(int q, uint64_t call, const Outgoing& out);
  grpc::Status Receive(grpc::ServerContext* context,
                       grpc::ServerReader<RankFrame>* reader);
  grpc::Status Admit(grpc::ServerContext* context,
                     const GangJoinRequest& request, GangJoinReply* reply);
  grpc::Status Watch(grpc::ServerReaderWriter<GangEnd, GangNews>* stream);
  absl::Status CheckJoin(const GangJoinRequest& request) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AreAllHere() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AwaitOthers();
  absl::Status JoinAt(const std::string& first);
  void FollowFirst();
  void ConnectToPeers();
  // The verdict: from now on every call fails.
  void End(const absl::Status& cause);
  void Guard(std::stop_token stop);

  const GrpcRankOptions options_;
  std::string address_;
  std::unique_ptr<GangService> gang_service_;
  std::unique_ptr<PeerService> peer_service_;
  std::unique_ptr<grpc::Server> server_;

  mutable absl::Mutex mutex_;
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Peer> peers_;  // what calls use is guarded by mutex_
  uint64_t call_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time call_began_ ABSL_GUARDED_BY(mutex_);
  absl::Duration call_patience_ ABSL_GUARDED_BY(mutex_) =
      absl::InfiniteDuration();
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
  // What this rank told rank 0, which has yet to answer.
  absl::Status suspicion_ ABSL_GUARDED_BY(mutex_);
  absl::Time suspected_at_ ABSL_GUARDED_BY(mutex_);

  // Of other ranks: their stream to rank 0.
  absl::Mutex watch_mutex_;
  std::unique_ptr<LearnerGang::Stub> gang_;
  std::unique_ptr<grpc::ClientContext> watch_context_;
  std::unique_ptr<grpc::ClientReaderWriter<GangNews, GangEnd>> watch_
      ABSL_GUARDED_BY(watch_mutex_);
  std::jthread follower_, guard_;
};

}  // namespace r1

#endif  // R1_LEARNER_RANKS_GRPC_RANKS_H_
