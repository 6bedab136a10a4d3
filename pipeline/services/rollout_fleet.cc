#include "pipeline/services/rollout_fleet.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "kernels/devices.h"
#include "pipeline/process/build_id.h"

namespace r1 {
namespace {

// How long workers may take to leave when the run is over.
constexpr absl::Duration kLeaveGrace = absl::Seconds(2);

absl::StatusOr<CoordinatorOptions> MakeCoordinatorOptions(
    const StageConfig& config, const ModelConfig& model,
    const Tokenizer& tokenizer, const Device& device) {
  CoordinatorOptions options;
  R1_ASSIGN_OR_RETURN(options.build_id, BuildId());
  options.device = device.identity();
  options.model = model;
  options.config_json = ModelConfigToJson(model);
  options.tokenizer_json = tokenizer.ToJson();
  options.max_batch = config.rollout().max_batch();
  options.lease_ttl = absl::Seconds(config.rollout().lease_seconds());
  return options;
}

// What a worker elsewhere joins: who listens on all addresses is reached by the
// machine's name.
std::string JoinAddress(absl::string_view address) {
  if (!absl::ConsumePrefix(&address, "0.0.0.0:") &&
      !absl::ConsumePrefix(&address, "[::]:")) {
    return std::string(address);
  }
  char host[256] = "HOST";
  ::gethostname(host, sizeof(host) - 1);
  return absl::StrCat(host, ":", address);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RolloutFleet>> RolloutFleet::Start(
    const StageConfig& config, const ModelConfig& model,
    const Tokenizer& tokenizer, const Topology& topology, int num_threads,
    std::function<void(const std::string& kind, const std::string& message)>
        on_event) {
  R1_ASSIGN_OR_RETURN(Device* const device, FindDevice(topology.device));
  std::unique_ptr<RolloutFleet> fleet(new RolloutFleet());
  R1_ASSIGN_OR_RETURN(
      CoordinatorOptions options,
      MakeCoordinatorOptions(config, model, tokenizer, *device));
  options.on_event = on_event;
  fleet->coordinator_ = std::make_unique<Coordinator>(std::move(options));
  std::string listen = topology.listen;
  if (listen.empty() && topology.workers > 0) listen = "127.0.0.1:0";
  R1_ASSIGN_OR_RETURN(fleet->server_, CoordinatorServer::Start(
                                          fleet->coordinator_.get(), listen));
  if (!topology.listen.empty()) {
    fleet->join_address_ = JoinAddress(fleet->server_->address());
    LogInfo(absl::StrCat("workers may join: r1 worker --join ",
                         fleet->join_address_));
  }
  if (topology.workers == Topology::kNoWorkers) {
    LogInfo("no worker starts here (--workers none): samples wait for those");
    return fleet;
  }
  if (topology.workers == 0) {
    WorkerOptions worker;
    worker.name = "embedded";
    R1_ASSIGN_OR_RETURN(worker.build_id, BuildId());
    worker.device = device;
    worker.threads = num_threads;
    fleet->embedded_ = std::make_unique<EmbeddedWorker>(
        fleet->coordinator_.get(), fleet->server_.get(), std::move(worker));
    return fleet;
  }
  WorkerProcessOptions processes;
  processes.count = topology.workers;
  processes.arguments = {
      "r1",        "worker",
      "--join",    fleet->server_->address(),
      "--name",    "local/{i}",
      "--device",  topology.device,
      "--threads", absl::StrCat(std::max(1, num_threads / topology.workers))};
  processes.on_event = [on_event](const std::string& message) {
    LogWarning(message);
    on_event("worker", message);
  };
  processes.is_wanted = [c = fleet->coordinator_.get()](int number) {
    return !c->IsQuarantined(absl::StrCat("local/", number));
  };
  processes.on_failure = [c = fleet->coordinator_.get()](
                             const absl::Status& error) { c->Fail(error); };
  R1_ASSIGN_OR_RETURN(fleet->processes_,
                      WorkerProcesses::Start(std::move(processes)));
  return fleet;
}

void RolloutFleet::Finish() {
  if (processes_ != nullptr) processes_->ExpectEnd();
  coordinator_->FinishRun(kLeaveGrace);
}

void RolloutFleet::EndStage(bool is_last_to_sample) {
  const bool is_local = join_address_.empty();
  if (is_local || is_last_to_sample) Finish();
}

RolloutFleet::~RolloutFleet() {
  if (processes_ == nullptr) return;
  processes_->ExpectEnd();
  processes_->Stop(kLeaveGrace);
}

}  // namespace r1
