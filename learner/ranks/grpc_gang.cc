// How ranks find each other, and how they end together.
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/host_port.h"
#include "base/status_macros.h"
#include "learner/ranks/grpc_ranks.h"

namespace r1 {
namespace {

// For rank 0 to say who was lost, before a rank believes its own eyes.
constexpr absl::Duration kVerdictPatience = absl::Seconds(5);
constexpr absl::Duration kGuardPause = absl::Milliseconds(100);
// For all ranks to hear that the run is over.
constexpr absl::Duration kFarewell = absl::Seconds(2);

constexpr int kKeepaliveMs = 5000;

grpc::ChannelArguments ChannelArguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(8 << 20);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // A proxy named in the environment is not meant for this.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Two ranks of one process are two connections.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   ChannelArguments());
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message()));
}

GangEnd ToMessage(const absl::Status& status) {
  GangEnd end;
  end.set_code(static_cast<int>(status.code()));
  end.set_message(std::string(status.message()));
  return end;
}

absl::Status FromMessage(const GangEnd& end) {
  return absl::Status(static_cast<absl::StatusCode>(end.code()), end.message());
}

}  // namespace

class GrpcRanks::GangService : public LearnerGang::Service {
 public:
  explicit GangService(GrpcRanks* ranks) : ranks_(ranks) {}
  grpc::Status Join(grpc::ServerContext* context,
                    const GangJoinRequest* request,
                    GangJoinReply* reply) override {
    return ranks_->Admit(context, *request, reply);
  }
  grpc::Status Watch(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<GangEnd, GangNews>* stream) override {
    return ranks_->Watch(stream);
  }

 private:
  GrpcRanks* ranks_;
};

class GrpcRanks::PeerService : public RankPeer::Service {
 public:
  explicit PeerService(GrpcRanks* ranks) : ranks_(ranks) {}
  grpc::Status Send(grpc::ServerContext* context,
                    grpc::ServerReader<RankFrame>* reader,
                    RankFramesReply*) override {
    return ranks_->Receive(context, reader);
  }

 private:
  GrpcRanks* ranks_;
};

GrpcRanks::GrpcRanks(GrpcRankOptions options)
    : options_(std::move(options)), peers_(options_.size) {}

absl::StatusOr<std::unique_ptr<GrpcRanks>> GrpcRanks::Listen(
    GrpcRankOptions options) {
  R1_ASSIGN_OR_RETURN(const HostPort host,
                      ParseHostPort(options.listen, /*lowest_port=*/0));
  R1_RETURN_IF_ERROR(CheckCanListen(host));
  std::unique_ptr<GrpcRanks> ranks(new GrpcRanks(std::move(options)));
  ranks->peer_service_ = std::make_unique<PeerService>(ranks.get());
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(8 << 20);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  int port = 0;
  builder.AddListeningPort(ranks->options_.listen,
                           grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(ranks->peer_service_.get());
  if (ranks->rank() == 0) {
    ranks->gang_service_ = std::make_unique<GangService>(ranks.get());
    builder.RegisterService(ranks->gang_service_.get());
    absl::MutexLock lock(&ranks->mutex_);
    ranks->generation_ = absl::ToUnixNanos(absl::Now());
  }
  ranks->server_ = builder.BuildAndStart();
  if (ranks->server_ == nullptr || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", ranks->options_.listen,
                     "; choose another address or port"));
  }
  ranks->address_ = FormatHostPort({host.host, port});
  ranks->guard_ = std::jthread(
      [r = ranks.get()](std::stop_token stop) { r->Guard(std::move(stop)); });
  return ranks;
}

GrpcRanks::~GrpcRanks() {
  End(absl::CancelledError("the run is over"));
  if (rank() == 0) {
    absl::MutexLock lock(&mutex_);
    const auto have_left = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      for (const Peer& peer : peers_) {
        if (peer.watch != nullptr) return false;
      }
      return true;
    };
    mutex_.AwaitWithTimeout(absl::Condition(&have_left), kFarewell);
  } else if (watch_context_ != nullptr) {
    watch_context_->TryCancel();
  }
  guard_ = {};
  follower_ = {};
  if (server_ != nullptr) {
    server_->Shutdown(std::chrono::system_clock::now() +
                      std::chrono::milliseconds(100));
  }
  for (Peer& peer : peers_) {
    if (peer.writer == nullptr) continue;
    peer.context->TryCancel();
    peer.writer->Finish();
  }
}

absl::Status GrpcRanks::CheckJoin(const GangJoinRequest& request) const {
  const int r = request.rank();
  const auto refuse = [&](const char* what, const auto& expected,
                          const auto& got) {
    return absl::FailedPreconditionError(absl::StrCat(
        "rank ", r, " cannot join: its ", what,
        " is another than rank 0's: expected ", expected, ", got ", got));
  };
  if (request.ranks() != size()) {
    return refuse("number of ranks", size(), request.ranks());
  }
  if (r < 1 || r >= size()) {
    return absl::FailedPreconditionError(
        absl::StrCat("there is no rank ", r, ": expected 1 to ", size() - 1));
  }
  if (request.build_id() != options_.build_id) {
    return refuse("build", options_.build_id, request.build_id());
  }
  if (request.device() != options_.device) {
    return refuse("device", options_.device, request.device());
  }
  if (has_ended_) return AbortedBy(end_);
  if (peers_[r].has_joined) {
    return absl::AlreadyExistsError(absl::StrCat(
        "rank ", r, " is taken by the process at ", peers_[r].address));
  }
  return absl::OkStatus();
}

bool GrpcRanks::AreAllHere() const {
  for (int r = 1; r < size(); ++r) {
    if (!peers_[r].has_joined) return false;
  }
  return true;
}

grpc::Status GrpcRanks::Admit(grpc::ServerContext* context,
                              const GangJoinRequest& request,
                              GangJoinReply* reply) {
  absl::MutexLock lock(&mutex_);
  const absl::Status check = CheckJoin(request);
  if (!check.ok()) return ToGrpcStatus(check);
  Peer& peer = peers_[request.rank()];
  peer.has_joined = true;
  peer.address = request.address();
  const auto is_decided = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return has_ended_ || AreAllHere();
  };
  while (!mutex_.AwaitWithTimeout(absl::Condition(&is_decided),
                                  absl::Milliseconds(200))) {
    if (!context->IsCancelled()) continue;
    peer.has_joined = false;  // it is gone; another may come
    return grpc::Status::CANCELLED;
  }
  if (has_ended_) return ToGrpcStatus(AbortedBy(end_));
  reply->set_generation(generation_);
  reply->add_address(address_);
  for (int r = 1; r < size(); ++r) reply->add_address(peers_[r].address);
  return grpc::Status::OK;
}

// Rank 0's end of a rank's stream.
grpc::Status GrpcRanks::Watch(
    grpc::ServerReaderWriter<GangEnd, GangNews>* stream) {
  GangNews news;
  if (!stream->Read(&news)) return grpc::Status::OK;
  const int r = news.rank();
  {
    absl::MutexLock lock(&mutex_);
    if (news.generation() != generation_ || r < 1 || r >= size()) {
      return ToGrpcStatus(absl::FailedPreconditionError("another generation"));
    }
    if (has_ended_) stream->Write(ToMessage(end_));
    peers_[r].watch = stream;
  }
  while (stream->Read(&news)) End(FromMessage(news.end()));
  {
    absl::MutexLock lock(&mutex_);
    peers_[r].watch = nullptr;
  }
  End(absl::UnavailableError(absl::StrCat("rank ", r, " is gone")));
  return grpc::Status::OK;
}

absl::Status GrpcRanks::Join(const std::string& first) {
  const absl::Status status = rank() == 0 ? AwaitOthers() : JoinAt(first);
  if (!status.ok()) {
    End(status);
    return status;
  }
  ConnectToPeers();
  return absl::OkStatus();
}

absl::Status GrpcRanks::AwaitOthers() {
  absl::MutexLock lock(&mutex_);
  const auto is_decided = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return has_ended_ || AreAllHere();
  };
  if (mutex_.AwaitWithTimeout(absl::Condition(&is_decided),
                              options_.join_patience)) {
    return has_ended_ ? AbortedBy(end_) : absl::OkStatus();
  }
  std::vector<int> missing;
  for (int r = 1; r < size(); ++r) {
    if (!peers_[r].has_joined) missing.push_back(r);
  }
  return absl::UnavailableError(
      absl::StrCat("of ", size(), " ranks these have not joined within ",
                   absl::FormatDuration(options_.join_patience), ": ",
                   absl::StrJoin(missing, ", ")));
}

absl::Status GrpcRanks::JoinAt(const std::string& first) {
  const std::shared_ptr<grpc::Channel> channel = ChannelTo(first);
  gang_ = LearnerGang::NewStub(channel);
  GangJoinRequest request;
  request.set_rank(rank());
  request.set_ranks(size());
  request.set_build_id(options_.build_id);
  request.set_device(options_.device);
  request.set_address(address_);
  GangJoinReply reply;
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(
      absl::ToChronoTime(absl::Now() + options_.join_patience));
  const grpc::Status joined = gang_->Join(&context, request, &reply);
  if (!joined.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(joined.error_code()),
                        joined.error_message());
  }
  if (reply.address_size() != size()) {
    return absl::InternalError("rank 0 names other ranks than there are");
  }
  {
    absl::MutexLock lock(&mutex_);
    generation_ = reply.generation();
    for (int r = 0; r < size(); ++r) peers_[r].address = reply.address(r);
  }
  watch_context_ = std::make_unique<grpc::ClientContext>();
  GangNews hello;
  hello.set_generation(reply.generation());
  hello.set_rank(rank());
  {
    absl::MutexLock lock(&watch_mutex_);
    watch_ = gang_->Watch(watch_context_.get());
    watch_->Write(hello);
  }
  follower_ = std::jthread([this] { FollowFirst(); });
  return absl::OkStatus();
}

// Rank 0's word is the last one, also that it is gone.
void GrpcRanks::FollowFirst() {
  GangEnd end;
  grpc::ClientReaderWriter<GangNews, GangEnd>* watch = nullptr;
  {
    absl::MutexLock lock(&watch_mutex_);
    watch = watch_.get();
  }
  if (watch->Read(&end)) End(FromMessage(end));
  End(absl::UnavailableError("rank 0 is gone"));
  std::unique_ptr<grpc::ClientReaderWriter<GangNews, GangEnd>> over;
  {
    absl::MutexLock lock(&watch_mutex_);
    over = std::move(watch_);  // nobody writes to it any more
  }
  over->WritesDone();
  over->Finish();
}

void GrpcRanks::ConnectToPeers() {
  for (int r = 0; r < size(); ++r) {
    if (r == rank()) continue;
    absl::MutexLock lock(&mutex_);
    Peer& peer = peers_[r];
    peer.stub = RankPeer::NewStub(ChannelTo(peer.address));
    peer.context = std::make_unique<grpc::ClientContext>();
    peer.context->set_wait_for_ready(true);
    peer.writer = peer.stub->Send(peer.context.get(), &peer.reply);
    if (has_ended_) peer.context->TryCancel();
  }
}

void GrpcRanks::Abort(const absl::Status& cause) {
  if (rank() == 0) {
    End(cause);
    return;
  }
  {
    absl::MutexLock lock(&mutex_);
    if (has_ended_ || !suspicion_.ok()) return;
    suspicion_ = cause.ok() ? absl::UnavailableError("aborted") : cause;
    suspected_at_ = absl::Now();
  }
  absl::MutexLock lock(&watch_mutex_);
  if (watch_ == nullptr) return;  // Guard ends it
  GangNews news;
  *news.mutable_end() = ToMessage(cause);
  watch_->Write(news);
}

void GrpcRanks::End(const absl::Status& cause) {
  absl::MutexLock lock(&mutex_);
  if (has_ended_) return;
  has_ended_ = true;
  end_ = cause.ok() ? absl::UnavailableError("aborted") : cause;
  for (Peer& peer : peers_) {
    if (peer.watch != nullptr) peer.watch->Write(ToMessage(end_));
    // A write that a stopped rank holds up ends.
    if (peer.context != nullptr) peer.context->TryCancel();
  }
}

// Looks after deadlines.
void GrpcRanks::Guard(std::stop_token stop) {
  while (!stop.stop_requested()) {
    absl::SleepFor(kGuardPause);
    absl::Status cause, verdict;
    {
      absl::MutexLock lock(&mutex_);
      if (has_ended_) continue;
      if (absl::Now() - call_began_ > call_patience_) {
        std::vector<int> awaited;
        for (int p = 0; p < size(); ++p) {
          if (peers_[p].incoming.is_awaited) awaited.push_back(p);
        }
        cause = absl::UnavailableError(absl::StrCat(
            "rank ", rank(), " waited ", absl::FormatDuration(call_patience_),
            " for rank ", absl::StrJoin(awaited, ", ")));
      }
      if (!suspicion_.ok() && absl::Now() - suspected_at_ > kVerdictPatience) {
        verdict = suspicion_;
      }
    }
    if (!cause.ok()) Abort(cause);
    if (!verdict.ok()) End(verdict);
  }
}

}  // namespace r1
