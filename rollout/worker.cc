#include "rollout/worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "rollout/worker_session.h"

namespace r1 {

Worker::Worker(std::shared_ptr<grpc::Channel> channel, WorkerOptions options)
    : channel_(std::move(channel)),
      options_(std::move(options)),
      ops_(MakeCpuOps(options_.threads)) {}

absl::Status Worker::Run(std::stop_token stop) {
  last_contact_ = absl::Now();
  for (;;) {
    // One client per session: once cancelled it stays so.
    CoordinatorClient client(channel_);
    const std::stop_callback cancel(stop, [&] { client.Cancel(); });
    R1_ASSIGN_OR_RETURN(const JoinReply joined, Join(&client));
    R1_RETURN_IF_ERROR(Annotate(PrepareModel(joined), "the model of the run"));
    const absl::Status status = RunSession(&client, joined, stop);
    last_contact_ = client.last_contact();
    const bool is_lost = absl::IsNotFound(status) ||
                         absl::IsUnavailable(status) ||
                         absl::IsDeadlineExceeded(status);
    if (!is_lost) return status;
    LogWarning(absl::StrCat(
        "worker ", options_.name,
        " lost the coordinator and joins again: ", status.message()));
  }
}

absl::StatusOr<JoinReply> Worker::Join(CoordinatorClient* client) {
  JoinRequest request;
  request.set_worker_name(options_.name);
  request.set_build_id(options_.build_id);
  request.set_simd_target(options_.simd_target);
  absl::Duration pause = absl::Milliseconds(50);
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<JoinReply> reply = client->Join(request);
    if (reply.ok() || !(absl::IsUnavailable(reply.status()) ||
                        absl::IsDeadlineExceeded(reply.status()))) {
      return reply;
    }
    const absl::Duration left =
        last_contact_ + options_.reconnect - absl::Now();
    if (left <= absl::ZeroDuration()) {
      return absl::UnavailableError(absl::StrCat(
          "no coordinator answered for ",
          absl::FormatDuration(options_.reconnect), " (", attempt,
          " attempts); is the learner running, and the address right? ",
          reply.status().message()));
    }
    if (attempt == 1) {
      LogInfo(absl::StrCat(
          "worker ", options_.name, " waits for the coordinator, up to ",
          absl::FormatDuration(absl::Ceil(left, absl::Seconds(1)))));
    }
    if (client->WaitCancelled(std::min(pause, left))) {
      return absl::CancelledError("stopped");
    }
    pause = std::min(2 * pause, absl::Seconds(1));
  }
}

absl::Status Worker::PrepareModel(const JoinReply& joined) {
  if (joined.max_batch() < 1 || joined.lease_ttl_ms() < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the coordinator's reply has max_batch ",
                     joined.max_batch(), " and lease_ttl_ms ",
                     joined.lease_ttl_ms(), "; both must be at least 1"));
  }
  if (model_ != nullptr &&
      model_->joined.config_json() == joined.config_json() &&
      model_->joined.tokenizer_json() == joined.tokenizer_json()) {
    return absl::OkStatus();
  }
  auto model = std::make_unique<Model>();
  model->joined = joined;
  R1_ASSIGN_OR_RETURN(model->config, ModelConfigFromJson(joined.config_json()));
  R1_ASSIGN_OR_RETURN(Tokenizer tokenizer,
                      Tokenizer::FromJson(joined.tokenizer_json()));
  model->tokenizer = std::make_shared<const Tokenizer>(std::move(tokenizer));
  if (options_.shared_weights == nullptr) {
    model->fetched =
        std::make_unique<FetchedWeights>(model->config, ops_.get());
  }
  model_ = std::move(model);
  return absl::OkStatus();
}

absl::Status Worker::RunSession(CoordinatorClient* client,
                                const JoinReply& joined,
                                const std::stop_token& stop) {
  WeightSource* source = options_.shared_weights;
  if (source == nullptr) {
    model_->fetched->SetFetch(
        [client, id = joined.worker_id()](
            const WeightsId& weights,
            absl::FunctionRef<absl::Status(const WeightsChunk&)> on_chunk) {
          WeightsRequest request;
          request.set_worker_id(id);
          *request.mutable_weights() = weights;
          return client->FetchWeights(request, on_chunk);
        });
    source = model_->fetched.get();
  }
  EngineOptions engine_options;
  engine_options.max_batch = joined.max_batch();
  engine_options.kv_bytes = options_.kv_bytes;
  Engine engine(model_->config, model_->tokenizer, ops_.get(), engine_options);
  WorkerSession session(joined, options_.reconnect, client, source, &engine);
  const std::stop_callback stopper(stop, [&] { session.Stop(); });
  return session.Run();
}

}  // namespace r1
