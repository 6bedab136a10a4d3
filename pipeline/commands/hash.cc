// r1 hash: one number that names a model.
#include <cstdio>
#include <memory>

#include "base/status_macros.h"
#include "model/checkpoint.h"
#include "pipeline/commands/command.h"
#include "pipeline/folder/model_path.h"

namespace r1 {
namespace {

struct HashArgs {
  std::string model;
  std::string stage;
};

absl::Status RunHash(const HashArgs& args) {
  R1_ASSIGN_OR_RETURN(const std::string path,
                      ResolveModelPath(args.model, args.stage));
  absl::StatusOr<ModelFolder> folder = LoadModelFolder(path);
  if (!folder.ok()) {  // a reward model?
    auto judge = LoadModelFolder(path, ModelHead::kScore);
    if (judge.ok()) folder = std::move(judge);
  }
  R1_RETURN_IF_ERROR(folder.status());
  std::printf("%s\n", HashParams(folder->params).c_str());
  return absl::OkStatus();
}

}  // namespace

CommandBody AddHash(CLI::App* app) {
  auto args = std::make_shared<HashArgs>();
  CLI::App* command = app->add_subcommand(
      "hash", "Print the SHA-256 of a model's tensors by logical name");
  command
      ->add_option("MODEL", args->model,
                   "A checkpoint folder, a stage's, or a run: the newest whole "
                   "checkpoint of its last stage")
      ->required()
      ->type_name("CHECKPOINT|RUN");
  command->add_option("STAGE", args->stage, "Of the run, this stage's model")
      ->type_name("STAGE");
  command->footer(
      "Examples:\n"
      "  r1 hash runs/smoke\n"
      "  r1 hash runs/smoke base\n"
      "  r1 hash runs/smoke/stages/zero/checkpoints/step-0");
  return [args] { return RunHash(*args); };
}

}  // namespace r1
