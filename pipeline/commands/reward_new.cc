#include "pipeline/commands/reward_new.h"

#include <cstdio>
#include <memory>
#include <string>

#include "base/status_macros.h"
#include "reward/plugin/new_project.h"

namespace r1 {
namespace {

struct NewArgs {
  std::string name;
  std::string folder;
  std::string language = "cpp";
};

RewardLanguage LanguageOf(const NewArgs& args) {
  if (args.language == "python") return RewardLanguage::kPython;
  if (args.language == "grpc") return RewardLanguage::kGrpc;
  return RewardLanguage::kCpp;
}

absl::Status RunNew(const NewArgs& args) {
  const std::string folder = args.folder.empty() ? args.name : args.folder;
  R1_ASSIGN_OR_RETURN(const RewardProject project,
                      WriteRewardProject(args.name, LanguageOf(args), folder));
  std::printf("Written:\n");
  for (const std::string& file : project.files) {
    std::printf("  %s/%s\n", folder.c_str(), file.c_str());
  }
  std::printf("Next:\n  cd %s\n", folder.c_str());
  for (const std::string& command : project.commands) {
    std::printf("  %s\n", command.c_str());
  }
  return absl::OkStatus();
}

}  // namespace

std::pair<CLI::App*, CommandBody> AddRewardNew(CLI::App* reward) {
  auto args = std::make_shared<NewArgs>();
  CLI::App* command =
      reward->add_subcommand("new", "Write a project to begin a reward with");
  command
      ->add_option("NAME", args->name,
                   "Of the reward: lower-case letters, digits and _")
      ->required()
      ->type_name("NAME");
  command
      ->add_option("--lang", args->language,
                   "cpp: a library; python: a function as TRL or verl calls "
                   "it; grpc: a server in Python")
      ->check(CLI::IsMember({"cpp", "python", "grpc"}).description(""))
      ->type_name("LANG")
      ->capture_default_str();
  command->add_option("--dir", args->folder, "Its folder; default ./NAME")
      ->type_name("DIR");
  command->footer(
      "Files that are there are never replaced.\n\n"
      "Examples:\n"
      "  r1 reward new politeness\n"
      "  r1 reward new politeness --lang python --dir rewards/politeness");
  return {command, [args] { return RunNew(*args); }};
}

}  // namespace r1
