// A reward service whose answers a test decides, and log lines it can read.
#ifndef R1_TESTS_REWARD_SERVICE_GRPC_TESTING_H_
#define R1_TESTS_REWARD_SERVICE_GRPC_TESTING_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "proto/reward.grpc.pb.h"
#include "reward/service/channel.h"

namespace r1 {

// Serves `score` on a loopback port, or in this process.
class FakeRewardServer : private Reward::Service {
 public:
  using ScoreFunction = std::function<grpc::Status(
      grpc::ServerContext*, const ScoreRequest&, ScoreReply*)>;

  explicit FakeRewardServer(ScoreFunction score) : score_(std::move(score)) {
    grpc::ServerBuilder builder;
    SetRewardServerOptions(&builder);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(static_cast<Reward::Service*>(this));
    server_ = builder.BuildAndStart();
  }
  ~FakeRewardServer() override { server_->Shutdown(); }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  std::shared_ptr<grpc::Channel> in_process_channel() {
    return server_->InProcessChannel({});
  }

 private:
  grpc::Status Score(grpc::ServerContext* context, const ScoreRequest* request,
                     ScoreReply* reply) override {
    return score_(context, *request, reply);
  }

  const ScoreFunction score_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// What a good server answers when every rule gives 0.5.
inline grpc::Status ScoreHalf(const ScoreRequest& request, ScoreReply* reply) {
  for (const RewardItem& item : request.items()) {
    RewardResult* result = reply->add_results();
    result->set_id(item.id());
    result->set_kind(REWARD_SCORE);
    double total = 0;
    for (const RewardRuleSpec& rule : request.rules()) {
      RewardComponent* component = result->add_components();
      component->set_name(rule.name());
      component->set_value(0.5);
      total += 0.5 * rule.weight();
    }
    result->set_total(total);
  }
  return grpc::Status::OK;
}

// Collects the log lines of its lifetime.
class LogCapture {
 public:
  LogCapture() {
    SetLogSink([this](const std::string& line) {
      absl::MutexLock lock(&mutex_);
      lines_.push_back(line);
    });
  }
  ~LogCapture() { SetLogSink(nullptr); }

  int CountLines(const std::string& substring) const {
    absl::MutexLock lock(&mutex_);
    int count = 0;
    for (const std::string& line : lines_) {
      if (absl::StrContains(line, substring)) ++count;
    }
    return count;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace r1

#endif  // R1_TESTS_REWARD_SERVICE_GRPC_TESTING_H_
