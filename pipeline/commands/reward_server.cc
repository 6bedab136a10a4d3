// r1 reward-server: scores samples for runs elsewhere.
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "pipeline/commands/command.h"
#include "pipeline/process/build_id.h"
#include "pipeline/process/stop_signal.h"
#include "pipeline/services/reward_rules.h"
#include "reward/code/code_host.h"
#include "reward/service/server.h"

namespace r1 {
namespace {

// How long running calls may take once the server is asked to stop.
constexpr absl::Duration kDrain = absl::Seconds(5);

struct RewardServerArgs {
  std::string listen;
  std::vector<std::string> plugins;
  int threads = 0;
  int max_calls = 64;
  int timeout_ms = 60000;
  CodeHost code;
};

absl::Status RunRewardServer(const RewardServerArgs& args) {
  InstallStopSignals();
  SetCodeHost(args.code);
  RewardServiceOptions options;
  options.threads = args.threads;
  options.max_calls = args.max_calls;
  options.item_limit = absl::Milliseconds(args.timeout_ms);
  R1_ASSIGN_OR_RETURN(options.build_id, BuildId());
  R1_ASSIGN_OR_RETURN(RewardRegistry registry, MakeRewardRules(args.plugins));
  R1_ASSIGN_OR_RETURN(
      const std::unique_ptr<RewardServer> server,
      RewardServer::Start(args.listen, std::move(registry), options));
  std::printf("reward server listens on %s\n", server->address().c_str());
  std::fflush(stdout);
  WaitForStopRequest();
  server->Shutdown(kDrain);
  // No work of its own is ever whole: as a worker that left.
  return absl::CancelledError(
      "the reward server was stopped by a signal, with no call under way");
}

}  // namespace

CommandBody AddRewardServer(CLI::App* app) {
  auto args = std::make_shared<RewardServerArgs>();
  CLI::App* command =
      app->add_subcommand("reward-server", "Score samples for runs, over gRPC");
  command
      ->add_option("--listen", args->listen,
                   "Address to listen on; port 0 takes a free one (neither "
                   "encrypted nor authenticated)")
      ->required()
      ->type_name("HOST:PORT");
  AddPluginOption(command, &args->plugins);
  AddThreadsOption(command, &args->threads);
  command
      ->add_option("--max-calls", args->max_calls,
                   "Calls that are scored at a time; more are told to come "
                   "again")
      ->check(CLI::Range(1, 100000))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--timeout-ms", args->timeout_ms,
                   "Most milliseconds for one completion, if the run does not "
                   "ask for less")
      ->check(CLI::Range(1, 3600000))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--code-slots", args->code.slots,
                   "Programs of the rule code at a time; 0 = twice the cores")
      ->check(CLI::Range(0, 256))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--code-cache", args->code.cache,
                   "Folder for the precompiled C++ header; \"\" = none")
      ->type_name("DIR");
  command
      ->add_option("--code-max-wall-ms", args->code.max_wall_ms,
                   "Most milliseconds of a program, whatever a run asks for")
      ->check(CLI::Range(1, 3600000))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--code-max-memory-mb", args->code.max_memory_mb,
                   "Most memory of a program, whatever a run asks for")
      ->check(CLI::Range(1, 1 << 20))
      ->type_name("N")
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  r1 reward-server --listen 127.0.0.1:7001\n"
      "  r1 train my.textproto --run-dir runs/a "
      "--set 'reward.server=\"127.0.0.1:7001\"'\n"
      "\nRuns until Ctrl-C; calls under way are answered first.");
  return [args] { return RunRewardServer(*args); };
}

}  // namespace r1
