#include "rollout/worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "rollout/worker_session.h"

namespace r1 {
namespace {

// While a worker waits it says so as often.
constexpr absl::Duration kNoteInterval = absl::Minutes(1);

bool IsOutOfReach(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

}  // namespace

Worker::Worker(FindCoordinator find, WorkerOptions options)
    : find_(std::move(find)),
      options_(std::move(options)),
      ops_(options_.device->MakeOps(options_.threads)) {}

absl::Status Worker::Run(std::stop_token stop) {
  last_contact_ = absl::Now();
  for (;;) {
    R1_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                        Join(stop));
    if (connection == nullptr) return absl::OkStatus();
    R1_RETURN_IF_ERROR(
        Annotate(PrepareModel(connection->joined), "the model of the run"));
    const absl::Status status =
        RunSession(&connection->client, connection->joined, stop);
    last_contact_ = connection->client.last_contact();
    if (!absl::IsNotFound(status) && !IsOutOfReach(status)) return status;
    LogWarning(absl::StrCat(
        "worker ", options_.name,
        " lost the coordinator and joins again: ", status.message()));
  }
}

absl::StatusOr<std::unique_ptr<Worker::Connection>> Worker::Join(
    const std::stop_token& stop) {
  absl::Notification stopped;
  const std::stop_callback on_stop(stop, [&] { stopped.Notify(); });
  absl::Duration pause = absl::Milliseconds(50);
  absl::Time next_note = absl::InfinitePast();
  for (int attempt = 1;; ++attempt) {
    absl::StatusOr<std::unique_ptr<Connection>> connection = TryToJoin(stop);
    if (!IsOutOfReach(connection.status())) return connection;
    const absl::Time now = absl::Now();
    const absl::Duration left = last_contact_ + options_.reconnect - now;
    if (left <= absl::ZeroDuration()) {
      return absl::UnavailableError(absl::StrCat(
          "no coordinator answered for ",
          absl::FormatDuration(options_.reconnect), " (", attempt,
          " attempts); is the learner running, and the address right? ",
          connection.status().message()));
    }
    if (now >= next_note) {
      next_note = now + kNoteInterval;
      LogInfo(absl::StrCat(
          "worker ", options_.name, " waits for the coordinator, up to ",
          absl::FormatDuration(absl::Ceil(left, absl::Seconds(1))), ": ",
          connection.status().message()));
    }
    if (stopped.WaitForNotificationWithTimeout(std::min(pause, left))) {
      return absl::CancelledError("stopped");
    }
    pause = std::min(2 * pause, absl::Seconds(1));
  }
}

absl::StatusOr<std::unique_ptr<Worker::Connection>> Worker::TryToJoin(
    const std::stop_token& stop) {
  R1_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel, find_());
  if (channel == nullptr) return nullptr;
  auto connection = std::make_unique<Connection>(channel);
  const std::stop_callback cancel(stop, [&] { connection->client.Cancel(); });
  JoinRequest request;
  request.set_worker_name(options_.name);
  request.set_build_id(options_.build_id);
  request.set_device(options_.device->identity());
  R1_ASSIGN_OR_RETURN(connection->joined, connection->client.Join(request));
  return connection;
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
      model_->joined.tokenizer_json() == joined.tokenizer_json() &&
      model_->joined.has_bf16_weights() == joined.has_bf16_weights()) {
    return absl::OkStatus();
  }
  auto model = std::make_unique<Model>();
  model->joined = joined;
  R1_ASSIGN_OR_RETURN(model->config, ModelConfigFromJson(joined.config_json()));
  if (joined.has_bf16_weights()) model->config.weights_dtype = DType::kBF16;
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
  WorkerSession session(joined, options_.reconnect, client, source, &engine,
                        &undelivered_);
  const std::stop_callback stopper(stop, [&] { session.Stop(); });
  return session.Run();
}

}  // namespace r1
