// A coordinator in a test, call by call, with a clock that the test moves.
#ifndef R1_TESTS_ROLLOUT_COORDINATOR_TESTING_H_
#define R1_TESTS_ROLLOUT_COORDINATOR_TESTING_H_

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "rollout/coordinator.h"
#include "tests/rollout/run_engine.h"
#include "tests/rollout/tiny_model.h"

namespace r1 {

class CoordinatorTest : public ::testing::Test {
 protected:
  CoordinatorTest() {
    options_.build_id = "build-a";
    options_.device = "AVX3";
    options_.model = config_;
    options_.config_json = "{}";
    options_.tokenizer_json = "[]";
    options_.lease_ttl = absl::Seconds(30);
    options_.settle = absl::ZeroDuration();
    options_.now = [this] { return now_; };
    options_.on_event = [this](const std::string& kind,
                               const std::string& message) {
      events_.push_back(absl::StrCat(kind, ": ", message));
    };
    Restart();
  }

  void Restart() {
    events_.clear();
    coordinator_ = std::make_unique<Coordinator>(options_);
    Publish(1);
  }

  void Publish(uint64_t version) {
    WeightsId id;
    id.set_version(version);
    id.set_sha256("abc");
    const absl::Status status = coordinator_->Publish(id, nullptr);
    ASSERT_TRUE(status.ok()) << status;
  }

  // Prompts begin..end - 1 with `group` samples each.
  void Enqueue(uint64_t begin, uint64_t end, int group) {
    for (uint64_t prompt = begin; prompt < end; ++prompt) {
      coordinator_->Enqueue(MakeWork(config_, prompt, group, 10));
    }
  }

  uint64_t Join(const std::string& name) {
    const auto reply = coordinator_->Join(Request(name));
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply->worker_id();
  }
  static JoinRequest Request(const std::string& name) {
    JoinRequest request;
    request.set_worker_name(name);
    request.set_build_id("build-a");
    request.set_device("AVX3");
    return request;
  }

  absl::StatusOr<AcquireReply> TryAcquire(uint64_t worker, int max_samples) {
    AcquireRequest request;
    request.set_worker_id(worker);
    request.set_max_samples(max_samples);
    return coordinator_->Acquire(request, [] { return false; });
  }
  std::vector<Lease> Acquire(uint64_t worker, int max_samples) {
    const auto reply = TryAcquire(worker, max_samples);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return {reply->leases().begin(), reply->leases().end()};
  }
  static int NumSamples(const std::vector<Lease>& leases) {
    int count = 0;
    for (const Lease& lease : leases) count += lease.sample_indices_size();
    return count;
  }

  // A well-formed trajectory: three tokens, the last one an end token.
  static Trajectory Make(uint64_t prompt, uint32_t sample,
                         uint64_t version = 1) {
    Trajectory t;
    t.set_prompt_id(prompt);
    t.set_sample_index(sample);
    for (int id : {5, 7, 0}) {
      t.add_tokens(id);
      t.add_logprobs(-1.5f);
    }
    t.set_policy_version(version);
    t.set_finish_reason(FINISH_END_TOKEN);
    return t;
  }
  absl::StatusOr<SubmitReply> Submit(uint64_t worker, uint64_t lease,
                                     const std::vector<Trajectory>& ts) {
    SubmitRequest request;
    request.set_worker_id(worker);
    request.set_lease_id(lease);
    for (const Trajectory& t : ts) *request.add_trajectories() = t;
    return coordinator_->Submit(request);
  }
  absl::StatusOr<SubmitReply> Fail(uint64_t worker, const Lease& lease,
                                   const std::vector<uint32_t>& indices) {
    SubmitRequest request;
    request.set_worker_id(worker);
    request.set_lease_id(lease.lease_id());
    for (uint32_t index : indices) {
      SampleError* error = request.add_errors();
      error->set_sample_index(index);
      error->set_code(static_cast<int>(absl::StatusCode::kInternal));
      error->set_message(absl::StrCat("sample ", index, ": log-prob is nan"));
    }
    return coordinator_->Submit(request);
  }
  absl::StatusOr<SubmitReply> SubmitAll(uint64_t worker, const Lease& lease) {
    std::vector<Trajectory> all;
    for (uint32_t index : lease.sample_indices()) {
      all.push_back(Make(lease.prompt().id(), index));
    }
    return Submit(worker, lease.lease_id(), all);
  }
  std::vector<uint64_t> Renew(uint64_t worker,
                              const std::vector<uint64_t>& leases) {
    RenewRequest request;
    request.set_worker_id(worker);
    for (uint64_t id : leases) request.add_lease_ids(id);
    const auto reply = coordinator_->Renew(request);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return {reply->lost_lease_ids().begin(), reply->lost_lease_ids().end()};
  }
  absl::StatusOr<Trajectory> Next() {
    return coordinator_->Next(absl::InfinitePast());
  }
  // Results that are ready, each at most once.
  int Drain() {
    std::set<SampleKey> seen;
    for (;;) {
      const auto t = Next();
      if (!t.ok()) return seen.size();
      EXPECT_TRUE(seen.insert({t->prompt_id(), t->sample_index()}).second);
    }
  }

  ModelConfig config_ = TinyConfig();
  CoordinatorOptions options_;
  absl::Time now_ = absl::UnixEpoch();
  std::vector<std::string> events_;
  std::unique_ptr<Coordinator> coordinator_;
};

}  // namespace r1

#endif  // R1_TESTS_ROLLOUT_COORDINATOR_TESTING_H_
