// r1 rank: computes gradients for a learner that starts it.
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/host_port.h"
#include "base/num_cores.h"
#include "base/status_macros.h"
#include "kernels/devices.h"
#include "kernels/ops.h"
#include "learner/ranks/gradient_worker.h"
#include "learner/ranks/grpc_ranks.h"
#include "pipeline/commands/command.h"
#include "pipeline/process/build_id.h"
#include "pipeline/process/stop_signal.h"

namespace r1 {
namespace {

struct RankArgs {
  std::string join;
  std::string listen = "127.0.0.1:0";
  int rank = 1;
  int ranks = 2;
  int threads = 0;
  std::string device = "cpu";
};

absl::Status RunRank(const RankArgs& args) {
  // A signal to a whole job is for rank 0, which saves what the ranks have and
  // then lets them go.
  InstallStopSignals();
  R1_RETURN_IF_ERROR(ParseHostPort(args.join, 1).status());
  GrpcRankOptions options;
  options.rank = args.rank;
  options.size = args.ranks;
  options.listen = args.listen;
  R1_ASSIGN_OR_RETURN(options.build_id, BuildId());
  R1_ASSIGN_OR_RETURN(Device* const device, FindDevice(args.device));
  options.device = device->identity();
  options.memory = device;
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<GrpcRanks> ranks,
                      GrpcRanks::Listen(std::move(options)));
  R1_RETURN_IF_ERROR(ranks->Join(args.join));
  const std::unique_ptr<Ops> ops =
      device->MakeOps(args.threads > 0 ? args.threads : NumCores());
  const absl::Status status = RunGradientWorker(ranks.get(), ops.get());
  // The end of the run is no failure.
  return absl::IsCancelled(ranks->end()) ? absl::OkStatus() : status;
}

}  // namespace

CommandBody AddRank(CLI::App* app) {
  auto args = std::make_shared<RankArgs>();
  CLI::App* command = app->add_subcommand(
      "rank", "Compute gradients for a learner; started by train --ranks");
  command->group("");  // no command for people
  command->add_option("--join", args->join, "Where rank 0 listens")
      ->required()
      ->type_name("HOST:PORT");
  command->add_option("--listen", args->listen, "Where the others reach it")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  command->add_option("--rank", args->rank, "Its number")
      ->required()
      ->check(InRange(1, 1023));
  command->add_option("--ranks", args->ranks, "How many there are")
      ->required()
      ->check(InRange(2, 1024));
  AddThreadsOption(command, &args->threads);
  AddDeviceOption(command, &args->device);
  return [args] { return RunRank(*args); };
}

}  // namespace r1
