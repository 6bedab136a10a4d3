#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "pipeline/commands/command.h"
#include "pipeline/services/topology.h"

namespace r1 {

CLI::Validator WholeNumber() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        uint64_t value = 0;
        if (absl::SimpleAtoi(text, &value)) return "";
        return absl::StrCat("expected a whole number of 0 or more, got ", text);
      },
      /*validator_desc=*/"");
}

void AddThreadsOption(CLI::App* command, int* threads) {
  command
      ->add_option("--threads", *threads,
                   "Threads of this process; 0 = all cores. Never changes a "
                   "result")
      ->check(InRange(0, 1024))
      ->type_name("N");
}

void AddDeviceOption(CLI::App* command, std::string* device) {
  command
      ->add_option("--device", *device,
                   "What computes: cpu, or cuda:N where a GPU is built for")
      ->type_name("NAME")
      ->capture_default_str();
}

void AddWorkersOption(CLI::App* command, int* workers) {
  const CLI::Validator number = InRange(0, 1024);
  command
      ->add_option("--workers", *workers,
                   "Worker processes to start here; 0 = sample in this "
                   "process; none = leave all samples to workers that join at "
                   "--listen. Never changes a result")
      ->transform(CLI::Validator(
          [number](std::string& text) -> std::string {
            if (text != "none") return number(text);
            text = absl::StrCat(Topology::kNoWorkers);
            return "";
          },
          /*validator_desc=*/""))
      ->type_name("N")
      ->capture_default_str();
}

void AddLocalWorkersOption(CLI::App* command, int* workers) {
  command
      ->add_option("--workers", *workers,
                   "Worker processes to start here; 0 = sample in this "
                   "process. Never changes a result")
      ->check(InRange(0, 1024))
      ->type_name("N")
      ->capture_default_str();
}

void AddPluginOption(CLI::App* command, std::vector<std::string>* plugins) {
  command
      ->add_option("--plugin", *plugins,
                   "A reward of your own as the rule NAME: ./libNAME.so, a "
                   "command that speaks JSON lines, or grpc:HOST:PORT; may be "
                   "repeated")
      ->type_name("NAME=TARGET")
      ->allow_extra_args(false);
}

void AddSamplingOptions(CLI::App* command, float* temperature, float* top_p) {
  command
      ->add_option("--temperature", *temperature,
                   "Sampling temperature; 0 = greedy")
      ->check(InRange(0.0f, 100.0f))
      ->type_name("T")
      ->capture_default_str();
  command->add_option("--top-p", *top_p, "Nucleus sampling; 1 = off")
      ->check(InRange(0.01f, 1.0f))
      ->type_name("P")
      ->capture_default_str();
}

void AddRedoOption(CLI::App* command, std::vector<std::string>* stages) {
  command
      ->add_option("--redo", *stages,
                   "Compute this stage anew, and all that depend on it; may be "
                   "repeated")
      ->type_name("STAGE")
      ->allow_extra_args(false);
}

void AddSetOption(CLI::App* command, std::vector<std::string>* overrides) {
  command
      ->add_option("--set", *overrides,
                   "Change a key of the configuration, e.g. --set rl.steps=50; "
                   "may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

}  // namespace r1
