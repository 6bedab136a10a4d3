#include "pipeline/commands/command.h"

namespace r1 {

void AddThreadsOption(CLI::App* command, int* threads) {
  command
      ->add_option("--threads", *threads,
                   "Threads of this process; 0 = all cores. Never changes a "
                   "result")
      ->check(CLI::Range(0, 1024))
      ->type_name("N");
}

void AddSamplingOptions(CLI::App* command, float* temperature, float* top_p) {
  command
      ->add_option("--temperature", *temperature,
                   "Sampling temperature; 0 = greedy")
      ->check(CLI::Range(0.0f, 100.0f))
      ->type_name("T")
      ->capture_default_str();
  command->add_option("--top-p", *top_p, "Nucleus sampling; 1 = off")
      ->check(CLI::Range(0.01f, 1.0f))
      ->type_name("P")
      ->capture_default_str();
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
