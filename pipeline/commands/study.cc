// r1 study: a recipe with several seeds.
#include "pipeline/run/study.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "pipeline/commands/command.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

struct StudyArgs {
  std::string config;
  std::vector<uint64_t> seeds;
  std::string dir;
  Topology topology;
  std::vector<std::string> overrides;
  int threads = -1;  // -1: as configured
  bool accept_build = false;
  std::vector<std::string> redo;
};

// "3" as 1, 2, 3; "1,5,7" as these. What is wrong with the text; empty:
// nothing.
std::string ParseSeeds(const std::string& text, std::vector<uint64_t>* seeds) {
  constexpr uint64_t kMost = 1000;
  seeds->clear();
  uint64_t number = 0;
  if (!absl::StrContains(text, ',')) {
    if (!absl::SimpleAtoi(text, &number) || number < 1 || number > kMost) {
      return absl::StrCat("expected how many seeds, 1 to ", kMost,
                          ", or the seeds as in 1,5,7, got ", text);
    }
    for (uint64_t seed = 1; seed <= number; ++seed) seeds->push_back(seed);
    return "";
  }
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    if (!absl::SimpleAtoi(part, &number)) {
      return absl::StrCat("expected seeds of 0 or more as in 1,5,7, got ",
                          text);
    }
    if (std::find(seeds->begin(), seeds->end(), number) != seeds->end()) {
      return absl::StrCat("expected each seed once, got ", text);
    }
    seeds->push_back(number);
  }
  return "";
}

absl::Status RunStudyCommand(const StudyArgs& args) {
  StudySpec spec;
  std::vector<std::string> overrides = args.overrides;
  for (const std::string& override : overrides) {
    if (!absl::StartsWith(override, "seed=")) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "--set ", override, ": a study has the seeds that --seeds names"));
  }
  if (args.threads >= 0) {
    overrides.push_back(absl::StrCat("threads=", args.threads));
  }
  R1_ASSIGN_OR_RETURN(spec.recipe, LoadRecipe(args.config, overrides));
  spec.seeds = args.seeds;
  spec.dir = args.dir;
  spec.topology = args.topology;
  spec.accept_build = args.accept_build;
  spec.redo = args.redo;
  R1_ASSIGN_OR_RETURN(const Study study, RunStudy(spec));
  std::fputs(DescribeStudy(study).c_str(), stdout);
  return absl::OkStatus();
}

}  // namespace

CommandBody AddStudy(CLI::App* app) {
  auto args = std::make_shared<StudyArgs>();
  CLI::App* command = app->add_subcommand(
      "study",
      "Run a recipe with several seeds: mean and spread of its tables");
  command
      ->add_option("RECIPE", args->config,
                   "Recipe (text-proto) with a stage that compares models, see "
                   "configs/README.md")
      ->required()
      ->type_name("FILE");
  command
      ->add_option_function<std::string>(
          "--seeds",
          [args](const std::string& text) {
            const std::string wrong = ParseSeeds(text, &args->seeds);
            if (!wrong.empty()) throw CLI::ValidationError("--seeds", wrong);
          },
          "3 for the seeds 1, 2 and 3; or the seeds, as in 1,5,7")
      ->required()
      ->type_name("N|LIST");
  command
      ->add_option("--dir", args->dir,
                   "Folder of the study, with a run in seed-N for each seed: "
                   "made if it is not there, gone on with if it is")
      ->required()
      ->type_name("DIR");
  AddLocalWorkersOption(command, &args->topology.workers);
  command->add_flag("--accept-build", args->accept_build,
                    "Go on with runs that another build of r1 began; their "
                    "results may differ from there on. Recorded in the run");
  AddRedoOption(command, &args->redo);
  AddThreadsOption(command, &args->threads);
  AddSetOption(command, &args->overrides);
  command->footer(
      "Examples:\n"
      "  r1 study my.textproto --seeds 3 --dir studies/a\n"
      "  r1 study my.textproto --seeds 1,5,7 --dir studies/b --workers 2\n"
      "  r1 study my.textproto --seeds 5 --dir studies/a\n"
      "  r1 study my.textproto --seeds 5 --dir studies/a --redo zero\n"
      "  r1 report studies/a/seed-2\n"
      "\nThe same command again goes on where the study stopped, and with more "
      "seeds\nruns those that are new. Writes DIR/study.html and "
      "DIR/study.json.");
  return [args] { return RunStudyCommand(*args); };
}

}  // namespace r1
