// r1 hash: one number that names a model.
#include <cstdio>
#include <memory>

#include "base/status_macros.h"
#include "model/checkpoint.h"
#include "pipeline/commands/command.h"
#include "pipeline/model_path.h"

namespace r1 {
namespace {

struct HashArgs {
  std::string model;
};

absl::Status RunHash(const HashArgs& args) {
  R1_ASSIGN_OR_RETURN(const std::string path, ResolveModelPath(args.model));
  R1_ASSIGN_OR_RETURN(const ModelFolder folder, LoadModelFolder(path));
  std::printf("%s\n", HashParams(folder.params).c_str());
  return absl::OkStatus();
}

}  // namespace

CommandBody AddHash(CLI::App* app) {
  auto args = std::make_shared<HashArgs>();
  CLI::App* command = app->add_subcommand(
      "hash", "Print the SHA-256 of a model's tensors by logical name");
  command
      ->add_option("MODEL", args->model,
                   "A checkpoint folder, or a run: its newest whole checkpoint")
      ->required()
      ->type_name("CHECKPOINT|RUN");
  command->footer(
      "Examples:\n"
      "  r1 hash runs/smoke\n"
      "  r1 hash runs/smoke/checkpoints/step-0");
  return [args] { return RunHash(*args); };
}

}  // namespace r1
