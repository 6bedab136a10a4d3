// r1 train: a run from its configuration.
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "pipeline/commands/command.h"
#include "pipeline/report/summary.h"
#include "pipeline/run/plan.h"
#include "pipeline/run/run.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

struct TrainArgs {
  std::string config;
  std::string run_dir;
  Topology topology;
  std::vector<std::string> overrides;
  int threads = -1;  // -1: as configured
  bool accept_build = false;
  std::vector<std::string> redo;
  std::string until;
  bool is_plan = false;
};

absl::Status RunTrain(const TrainArgs& args) {
  RunSpec request;
  std::vector<std::string> overrides = args.overrides;
  if (args.threads >= 0) {
    overrides.push_back(absl::StrCat("threads=", args.threads));
  }
  R1_ASSIGN_OR_RETURN(request.recipe, LoadRecipe(args.config, overrides));
  if (args.is_plan) {
    R1_ASSIGN_OR_RETURN(
        const std::string plan,
        DescribePlan(request.recipe, args.run_dir, args.topology));
    std::fputs(plan.c_str(), stdout);
    return absl::OkStatus();
  }
  request.run_dir = args.run_dir;
  request.topology = args.topology;
  request.accept_build = args.accept_build;
  request.redo = args.redo;
  request.until = args.until;
  R1_ASSIGN_OR_RETURN(const RunOutcome outcome, RunAll(request));
  std::printf(outcome.was_finished ? "%s is finished already; its outcome:\n\n"
              : args.until.empty() ? "%s is finished:\n\n"
                                   : "%s is done so far:\n\n",
              args.run_dir.c_str());
  R1_ASSIGN_OR_RETURN(const std::string text, DescribeOutcome(args.run_dir));
  std::fputs(text.c_str(), stdout);
  return absl::OkStatus();
}

}  // namespace

CommandBody AddTrain(CLI::App* app) {
  auto args = std::make_shared<TrainArgs>();
  CLI::App* command = app->add_subcommand(
      "train", "Run the stages of a recipe, or go on with a run");
  command
      ->add_option("RECIPE", args->config,
                   "Recipe (text-proto), see configs/ and "
                   "proto/config.proto")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--run-dir", args->run_dir,
                   "Folder of the run: made if it is not there, gone on with "
                   "if it is")
      ->required()
      ->type_name("DIR");
  AddWorkersOption(command, &args->topology.workers);
  command
      ->add_option("--ranks", args->topology.ranks,
                   "Processes of this machine that train together, this one "
                   "included; divides learner.gradient_shards, and changes no "
                   "result")
      ->check(InRange(1, 1024))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--listen", args->topology.listen,
                   "Also let workers of other machines join at this address "
                   "(neither encrypted nor authenticated)")
      ->type_name("HOST:PORT");
  command->add_flag("--accept-build", args->accept_build,
                    "Go on with a run that another build of r1 began; its "
                    "results may differ from there on. Recorded in the run");
  AddRedoOption(command, &args->redo);
  command
      ->add_option("--until", args->until, "Only this stage and those it needs")
      ->type_name("STAGE");
  command->add_flag("--plan", args->is_plan,
                    "Only print the stages, what they need and how far they "
                    "are");
  AddThreadsOption(command, &args->threads);
  AddSetOption(command, &args->overrides);
  command->callback([topology = &args->topology] {
    if (topology->workers == Topology::kNoWorkers && topology->listen.empty()) {
      throw CLI::ValidationError(
          "--workers none", "needs --listen HOST:PORT, where workers join");
    }
  });
  command->footer(
      "Examples:\n"
      "  r1 train configs/smoke.textproto --run-dir runs/smoke\n"
      "  r1 train configs/smoke.textproto --run-dir runs/two --workers 2\n"
      "  r1 train my.textproto --run-dir runs/a --set rl.steps=50 --set "
      "seed=2\n"
      "  r1 train my.textproto --run-dir runs/a --redo sft\n"
      "  r1 train my.textproto --run-dir c --ranks 2 --set "
      "learner.gradient_shards=2\n"
      "  r1 train my.textproto --run-dir runs/b --workers none "
      "--listen 0.0.0.0:7000\n"
      "\nThe same command again goes on where the run stopped, however it "
      "did.");
  return [args] { return RunTrain(*args); };
}

}  // namespace r1
