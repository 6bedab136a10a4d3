// One subcommand of the program.
#ifndef R1_PIPELINE_COMMANDS_COMMAND_H_
#define R1_PIPELINE_COMMANDS_COMMAND_H_

#include <functional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace r1 {

// Runs the command with the arguments that its options were bound to.
using CommandBody = std::function<absl::Status()>;

// Each adds its subcommand with options, help and examples to `app`, and
// returns what runs it. The options live as long as the returned function.
CommandBody AddQuickstart(CLI::App* app);
CommandBody AddTrain(CLI::App* app);
CommandBody AddStudy(CLI::App* app);
CommandBody AddWorker(CLI::App* app);
CommandBody AddRank(CLI::App* app);
CommandBody AddReward(CLI::App* app);
CommandBody AddRewardServer(CLI::App* app);
CommandBody AddEval(CLI::App* app);
CommandBody AddGenerate(CLI::App* app);
CommandBody AddMetrics(CLI::App* app);
CommandBody AddSamples(CLI::App* app);
CommandBody AddDevices(CLI::App* app);
CommandBody AddHash(CLI::App* app);
CommandBody AddReport(CLI::App* app);
CommandBody AddSandbox(CLI::App* app);
CommandBody AddTest(CLI::App* app);

// Accepts a number from `low` to `high`; NaN is none. Unlike CLI::Range it adds
// nothing to the option's name in the help.
template <typename T>
CLI::Validator InRange(T low, T high) {
  return CLI::Validator(
      [low, high](std::string& text) -> std::string {
        T value{};
        if (CLI::detail::lexical_cast(text, value) && value >= low &&
            value <= high) {
          return "";
        }
        return absl::StrCat("expected a number from ", low, " to ", high,
                            ", got ", text);
      },
      /*validator_desc=*/"");
}
// Accepts 0, 1, 2, ... up to 2^64 - 1; CLI11 alone would wrap a negative
// number around.
CLI::Validator WholeNumber();

// The option --workers: 0 to 1024, or "none" as Topology::kNoWorkers.
void AddWorkersOption(CLI::App* command, int* workers);
// The option --workers, 0 to 1024, of commands that no worker joins later.
void AddLocalWorkersOption(CLI::App* command, int* workers);
// The option --threads, 0 to 1024, 0 = all cores.
void AddThreadsOption(CLI::App* command, int* threads);
void AddDeviceOption(CLI::App* command, std::string* device);
// The repeatable option --plugin NAME=TARGET.
void AddPluginOption(CLI::App* command, std::vector<std::string>* plugins);
// --temperature and --top-p, with what the variables hold as defaults.
void AddSamplingOptions(CLI::App* command, float* temperature, float* top_p);
// The repeatable option --redo STAGE.
void AddRedoOption(CLI::App* command, std::vector<std::string>* stages);
// The repeatable option --set KEY=VALUE.
void AddSetOption(CLI::App* command, std::vector<std::string>* overrides);

}  // namespace r1

#endif  // R1_PIPELINE_COMMANDS_COMMAND_H_
