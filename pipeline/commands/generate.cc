// r1 generate: what a model answers.
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "kernels/devices.h"
#include "model/chat_template.h"
#include "pipeline/commands/command.h"
#include "pipeline/folder/loaded_model.h"
#include "pipeline/screen/escape.h"
#include "proto/recipe.h"
#include "rollout/engine.h"
#include "rollout/prompt_template.h"

namespace r1 {
namespace {

struct GenerateArgs {
  std::string model;
  std::string prompt;
  bool has_prompt = false;
  bool is_raw = false;
  std::string system;
  std::string answer_prefix;
  int samples = 1;
  float temperature = 0.6f;
  float top_p = 0.95f;
  int max_new_tokens = 256;
  uint64_t seed = 1;
  int threads = 0;
  std::string device = "cpu";
};

absl::StatusOr<std::string> ReadPrompt(const GenerateArgs& args) {
  if (args.has_prompt) return args.prompt;
  if (::isatty(STDIN_FILENO) != 0) {
    return absl::InvalidArgumentError(
        "no PROMPT was given and standard input is a terminal: give PROMPT as "
        "an argument or pipe it in");
  }
  return std::string(std::istreambuf_iterator<char>(std::cin), {});
}

// How the model is asked: as its run asks it; outside a run by its chat
// template, or with the bare text where it has none.
absl::StatusOr<EncodedPrompt> MakePrompt(const GenerateArgs& args,
                                         const LoadedModel& model,
                                         const std::string& text) {
  const Tokenizer& tokenizer = *model.tokenizer;
  TaskSection data = FirstTask(model.config);
  if (!model.is_of_run) {
    data.set_chat(!absl::IsNotFound(tokenizer.chat_template().status()));
  }
  if (!args.system.empty()) data.set_system(args.system);
  if (!args.answer_prefix.empty()) data.set_answer_prefix(args.answer_prefix);
  const bool is_raw = args.is_raw || (!model.is_of_run && !data.chat());
  if (!args.system.empty() && (is_raw || !data.chat())) {
    return absl::InvalidArgumentError(
        "--system needs the model's chat template, which is not in use here");
  }
  if (!is_raw) {
    auto prompt = EncodePrompt(data, tokenizer, text);
    if (prompt.ok()) return prompt;
    return Annotate(prompt.status(), "--raw would do without the template");
  }
  if (!args.is_raw) {
    LogWarning(absl::StrCat(model.path,
                            " has no chat template: the prompt is taken as it "
                            "is, as with --raw"));
  }
  EncodedPrompt prompt;
  R1_ASSIGN_OR_RETURN(std::vector<int32_t> tokens,
                      tokenizer.Encode(absl::StrCat(text, args.answer_prefix),
                                       /*allow_special=*/true));
  R1_ASSIGN_OR_RETURN(prompt.tokens, tokenizer.WithEnds(std::move(tokens)));
  prompt.answer_prefix = args.answer_prefix;
  return prompt;
}

absl::StatusOr<std::vector<Trajectory>> Sample(const GenerateArgs& args,
                                               const LoadedModel& model,
                                               std::vector<int32_t> tokens,
                                               Ops* ops) {
  Engine engine(model.weights->config(), model.tokenizer, ops, EngineOptions());
  const auto shared =
      std::make_shared<const std::vector<int32_t>>(std::move(tokens));
  for (int i = 0; i < args.samples; ++i) {
    EngineRequest request;
    request.key = i;
    request.prompt = shared;
    request.seed = args.seed;
    request.sample_index = i;
    request.sampling.set_temperature(args.temperature);
    request.sampling.set_top_p(args.top_p);
    request.sampling.set_max_new_tokens(args.max_new_tokens);
    *request.sampling.mutable_stop() = model.config.rollout().stop();
    R1_RETURN_IF_ERROR(engine.Add(std::move(request)));
  }
  std::vector<Trajectory> trajectories(args.samples);
  std::vector<Finished> finished;
  while (!engine.idle()) {
    finished.clear();
    engine.Step(*model.weights, &finished);
    for (Finished& f : finished) {
      R1_RETURN_IF_ERROR(f.status);
      trajectories[f.key] = std::move(f.trajectory);
    }
  }
  return trajectories;
}

absl::Status RunGenerate(const GenerateArgs& args) {
  R1_ASSIGN_OR_RETURN(const std::string text, ReadPrompt(args));
  R1_ASSIGN_OR_RETURN(Device* const device, FindDevice(args.device));
  const std::unique_ptr<Ops> ops =
      device->MakeOps(ResolveThreads(args.threads));
  R1_ASSIGN_OR_RETURN(const LoadedModel model,
                      LoadModel(args.model, {}, TasksOf::kStage, ops.get()));
  R1_ASSIGN_OR_RETURN(EncodedPrompt prompt, MakePrompt(args, model, text));
  if (prompt.tokens.empty()) {
    return absl::InvalidArgumentError("the prompt is empty: give some text");
  }
  R1_ASSIGN_OR_RETURN(const std::vector<Trajectory> trajectories,
                      Sample(args, model, std::move(prompt.tokens), ops.get()));
  for (size_t i = 0; i < trajectories.size(); ++i) {
    if (trajectories.size() > 1) {
      std::printf("--- sample %zu\n", i);
    }
    const std::string answer =
        absl::StrCat(prompt.answer_prefix,
                     model.tokenizer->Decode(trajectories[i].tokens(), true));
    std::printf("%s\n", VisibleText(answer).c_str());
  }
  return absl::OkStatus();
}

}  // namespace

CommandBody AddGenerate(CLI::App* app) {
  auto args = std::make_shared<GenerateArgs>();
  CLI::App* command =
      app->add_subcommand("generate", "Print what a model answers to a prompt");
  command->add_option("MODEL", args->model, "A checkpoint folder or a run")
      ->required()
      ->type_name("CHECKPOINT|RUN");
  CLI::Option* prompt = command->add_option(
      "PROMPT", args->prompt,
      "The question, put into the run's template or the model's chat template; "
      "without it, standard input");
  prompt->type_name("TEXT");
  command->add_flag("--raw", args->is_raw,
                    "Take PROMPT as it is, special tokens in it included, "
                    "without a template (as for models that have none)");
  command
      ->add_option("--system", args->system,
                   "System message of the chat template; default: the run's")
      ->type_name("TEXT");
  command
      ->add_option("--answer-prefix", args->answer_prefix,
                   "What the answer begins with; default: the run's")
      ->type_name("TEXT");
  command->add_option("--samples", args->samples, "Answers to print")
      ->check(InRange(1, 4096))
      ->type_name("K")
      ->capture_default_str();
  AddSamplingOptions(command, &args->temperature, &args->top_p);
  command
      ->add_option("--max-new-tokens", args->max_new_tokens,
                   "Longest answer in tokens")
      ->check(InRange(1, 1048576))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--seed", args->seed, "Key of the random draws")
      ->check(WholeNumber())
      ->type_name("N")
      ->capture_default_str();
  AddThreadsOption(command, &args->threads);
  AddDeviceOption(command, &args->device);
  command->footer(
      "Examples:\n"
      "  r1 generate runs/quickstart-1 \"Make 24 from 3 5 9.\"\n"
      "  r1 generate my-instruct-model \"What is 2 + 2?\" --system \"Be "
      "brief.\"\n"
      "  echo \"Once upon a time\" | r1 generate my-model --raw\n"
      "  r1 generate runs/smoke/stages/base \"Make 7 from 3 4 0.\" "
      "--samples 4\n"
      "\nControl characters in an answer are printed as visible escapes.");
  return [args, prompt] {
    args->has_prompt = prompt->count() > 0;
    return RunGenerate(*args);
  };
}

}  // namespace r1
