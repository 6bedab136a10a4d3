// r1 quickstart: the whole way, small, in minutes.
#include <cstdio>
#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "pipeline/commands/command.h"
#include "pipeline/process/build_id.h"
#include "pipeline/report/summary.h"
#include "pipeline/run/run.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

// Where the program is installed, else in the tree it was built from.
std::string DefaultConfig() {
  const std::filesystem::path program = ProgramPath().value_or("");
  const std::filesystem::path installed =
      program.parent_path().parent_path() /
      "share/r1cpp/configs/quickstart.textproto";
  if (FileExists(installed)) return installed;
  return R1_SOURCE_DIR "/configs/quickstart.textproto";
}

struct QuickstartArgs {
  std::string config = DefaultConfig();
  std::string run_dir;
  uint64_t seed = 1;
  Topology topology;
  std::vector<std::string> overrides;
  int threads = -1;  // -1: as configured
};

absl::Status RunQuickstart(const QuickstartArgs& args) {
  std::vector<std::string> overrides = {absl::StrCat("seed=", args.seed)};
  overrides.insert(overrides.end(), args.overrides.begin(),
                   args.overrides.end());
  if (args.threads >= 0) {
    overrides.push_back(absl::StrCat("threads=", args.threads));
  }
  RunSpec request;
  R1_ASSIGN_OR_RETURN(request.recipe, LoadRecipe(args.config, overrides));
  request.run_dir = !args.run_dir.empty()
                        ? args.run_dir
                        : absl::StrCat("runs/quickstart-", args.seed);
  request.topology = args.topology;
  std::printf("r1 quickstart: %s in %s\n", args.config.c_str(),
              request.run_dir.c_str());
  std::fflush(stdout);
  R1_ASSIGN_OR_RETURN(const RunOutcome outcome, RunAll(request));
  if (outcome.was_finished) {
    std::printf(
        "This run is finished already; for a new one give --seed or "
        "--run-dir. Its outcome:\n");
  }
  std::printf("\n");
  R1_ASSIGN_OR_RETURN(const std::string text, DescribeOutcome(request.run_dir));
  std::fputs(text.c_str(), stdout);
  std::printf("\n  ask it   r1 generate %s \"Make 24 from 3 5 9.\"\n",
              request.run_dir.c_str());
  return absl::OkStatus();
}

}  // namespace

CommandBody AddQuickstart(CLI::App* app) {
  auto args = std::make_shared<QuickstartArgs>();
  CLI::App* command = app->add_subcommand(
      "quickstart",
      "Make a small base model and teach it to reason, in minutes");
  command
      ->add_option("--run-dir", args->run_dir,
                   "Folder of the run; default runs/quickstart-SEED")
      ->type_name("DIR");
  command->add_option("--seed", args->seed, "Seed of the run")
      ->check(WholeNumber())
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--config", args->config, "Another recipe")
      ->type_name("FILE")
      ->capture_default_str();
  AddLocalWorkersOption(command, &args->topology.workers);
  AddThreadsOption(command, &args->threads);
  AddSetOption(command, &args->overrides);
  command->footer(
      "Examples:\n"
      "  r1 quickstart\n"
      "  r1 quickstart --seed 2\n"
      "  r1 quickstart --set rl.steps=50 --run-dir runs/short\n"
      "\nStopped half-way, the same command goes on.");
  return [args] { return RunQuickstart(*args); };
}

}  // namespace r1
