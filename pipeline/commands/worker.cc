// r1 worker: generates samples for a run elsewhere.
#include "rollout/worker.h"

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <stop_token>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/host_port.h"
#include "base/num_cores.h"
#include "base/process_name.h"
#include "base/status_macros.h"
#include "kernels/devices.h"
#include "pipeline/commands/command.h"
#include "pipeline/folder/run_owner.h"
#include "pipeline/process/build_id.h"
#include "pipeline/process/stop_signal.h"
#include "reward/service/channel.h"

namespace r1 {
namespace {

struct WorkerArgs {
  std::string join;
  std::string name;
  int threads = 0;
  std::string device = "cpu";
  double reconnect_seconds = 60;
};

// "host/pid".
std::string DefaultWorkerName() {
  const ProcessName process = ThisProcess();
  return absl::StrCat(process.host, "/", process.pid);
}

// HOST:PORT has a colon and no slash; everything else is the folder of a run.
absl::StatusOr<FindCoordinator> ParseJoin(const std::string& join) {
  if (absl::StrContains(join, '/') || !absl::StrContains(join, ':')) {
    return CoordinatorOf(join);
  }
  R1_RETURN_IF_ERROR(ParseHostPort(join, 1).status());
  return [channel = MakeCoordinatorChannel(join)] { return channel; };
}

absl::Status RunWorker(const WorkerArgs& args) {
  InstallStopSignals();
  absl::StatusOr<FindCoordinator> find = ParseJoin(args.join);
  if (!find.ok()) return Annotate(find.status(), "--join");
  WorkerOptions options;
  options.name = args.name.empty() ? DefaultWorkerName() : args.name;
  R1_ASSIGN_OR_RETURN(options.build_id, BuildId());
  R1_ASSIGN_OR_RETURN(options.device, FindDevice(args.device));
  options.threads = args.threads > 0 ? args.threads : NumCores();
  options.reconnect = absl::Seconds(args.reconnect_seconds);
  Worker worker(*std::move(find), std::move(options));
  std::stop_source stop;
  const StopWatcher watcher([&stop] { stop.request_stop(); });
  // For who started it by hand; a program that starts workers has the
  // coordinator's messages.
  const bool is_watched = ::isatty(STDOUT_FILENO) != 0;
  if (is_watched) {
    std::printf("works for the run at %s; Ctrl-C leaves it\n",
                args.join.c_str());
  }
  const absl::Status status = worker.Run(stop.get_token());
  if (absl::IsCancelled(status)) {
    return absl::CancelledError(absl::StrCat(
        "the worker left ", args.join,
        " at a signal before the run is over: the same command joins again"));
  }
  if (is_watched && status.ok()) std::printf("the run is over\n");
  return Annotate(status, absl::StrCat("--join ", args.join));
}

}  // namespace

CommandBody AddWorker(CLI::App* app) {
  auto args = std::make_shared<WorkerArgs>();
  CLI::App* command = app->add_subcommand(
      "worker", "Join a run and generate samples for it until it is over");
  command
      ->add_option("--join", args->join,
                   "Where the run listens, or the run's folder, which says it")
      ->required()
      ->type_name("HOST:PORT|RUN");
  command
      ->add_option("--name", args->name,
                   "Name in the run's view; default host/pid")
      ->type_name("TEXT");
  AddThreadsOption(command, &args->threads);
  AddDeviceOption(command, &args->device);
  command
      ->add_option("--reconnect-seconds", args->reconnect_seconds,
                   "How long the run may be out of reach, or not be there yet, "
                   "before the worker gives up")
      ->check(InRange(0.0, 86400.0))
      ->type_name("SECONDS")
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  r1 train my.textproto --run-dir runs/a --listen 10.0.0.5:7000\n"
      "  r1 worker --join 10.0.0.5:7000          (on any machine, at any "
      "time)\n"
      "  r1 worker --join runs/a --reconnect-seconds 1800\n"
      "\nA worker may join, leave (Ctrl-C) or die at any time. With the run's "
      "folder it\nfollows a learner that goes on elsewhere. It ends with 0 "
      "when "
      "the run is over,\nwith 75 if it leaves before that.");
  return [args] { return RunWorker(*args); };
}

}  // namespace r1
