// r1 eval: how good a model is at problems it was not trained on.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "kernels/devices.h"
#include "model/param_set.h"
#include "nlohmann/json.hpp"
#include "pipeline/commands/command.h"
#include "pipeline/evaluation/answer_lines.h"
#include "pipeline/evaluation/evaluate_tasks.h"
#include "pipeline/evaluation/judge_samples.h"
#include "pipeline/folder/loaded_model.h"
#include "pipeline/folder/model_path.h"
#include "pipeline/folder/stage_rewards.h"
#include "pipeline/process/stop_signal.h"
#include "pipeline/run/check_references.h"
#include "pipeline/screen/escape.h"
#include "pipeline/screen/progress.h"
#include "pipeline/services/reward_link.h"
#include "pipeline/services/rollout_fleet.h"
#include "pipeline/stages/training_prompts.h"
#include "proto/answer_length.h"
#include "proto/recipe.h"
#include "rollout/prompt_source.h"
#include "rollout/tasks/row_file.h"

namespace r1 {
namespace {

// Options that were not given keep the run's values.
struct EvalArgs {
  std::string model;
  std::string stage;
  std::string data;
  std::string task;
  std::string out;
  std::optional<int> samples;
  std::optional<int> problems;
  std::optional<float> temperature;
  std::optional<float> top_p;
  std::optional<int> max_new_tokens;
  std::optional<uint64_t> seed;
  std::vector<std::string> overrides;
  int threads = 0;
  Topology topology;
  bool is_json = false;
};

// A file's task shows in its first row: {nums, target} without a question is
// Countdown, anything else question and answer.
absl::StatusOr<Task> TaskOfFile(const std::string& path,
                                const std::string& question_field) {
  R1_ASSIGN_OR_RETURN(const std::string text, ReadRowFile(path));
  absl::string_view rest = text;
  absl::ConsumePrefix(&rest, "\xef\xbb\xbf");
  rest = absl::StripLeadingAsciiWhitespace(rest);
  const auto row = nlohmann::json::parse(
      std::string(rest.substr(0, rest.find('\n'))), /*cb=*/nullptr,
      /*allow_exceptions=*/false);
  const bool is_countdown = row.is_object() && row.contains("nums") &&
                            row.contains("target") &&
                            !row.contains(question_field);
  return is_countdown ? COUNTDOWN : QUESTION_ANSWER;
}

// Applies --data to the run's section.
absl::Status ChooseData(const std::string& data, TaskSection* section) {
  if (data.empty()) return absl::OkStatus();
  if (data == "countdown" || data == "arithmetic") {
    section->set_kind(data == "countdown" ? COUNTDOWN : ARITHMETIC);
    section->clear_file();
    section->clear_answer_form();
    section->clear_split_field();
    return absl::OkStatus();
  }
  if (!FileExists(data)) {
    return absl::NotFoundError(
        absl::StrCat("--data: there is no file ", data,
                     ", and the tasks are \"countdown\" and \"arithmetic\""));
  }
  R1_ASSIGN_OR_RETURN(const Task task,
                      TaskOfFile(data, section->question_field()));
  section->set_kind(task);
  section->set_file(data);
  section->clear_split_field();  // all of its rows
  return absl::OkStatus();
}

// All rows of a file named by --data; else held-out problems of the section.
absl::StatusOr<std::vector<Prompt>> LoadProblems(
    const EvalArgs& args, const StageConfig& config,
    std::shared_ptr<const Tokenizer> tokenizer, int64_t max_prompt_tokens) {
  const TaskSection& section = FirstTask(config);
  if (!args.data.empty() && !section.file().empty()) {
    std::optional<int64_t> most;
    if (args.problems) most = *args.problems;
    R1_ASSIGN_OR_RETURN(FilePrompts file, LoadPrompts(section, tokenizer,
                                                      max_prompt_tokens, most));
    if (file.num_problems < file.num_rows) {
      LogWarning(absl::StrCat(section.file(), ": ",
                              file.num_rows - file.num_problems, " of ",
                              file.num_rows,
                              " rows repeat the question of another and are "
                              "left out"));
    }
    return std::move(file.prompts);
  }
  R1_ASSIGN_OR_RETURN(
      const std::unique_ptr<PromptSource> source,
      MakePromptSource(section, config.seed(), tokenizer, max_prompt_tokens));
  const int count = args.problems.value_or(config.eval().problems());
  R1_ASSIGN_OR_RETURN(std::vector<Prompt> prompts, source->HeldOut(count));
  if (static_cast<int>(prompts.size()) < count) {
    LogWarning(absl::StrCat(count, " problems were asked for, but only ",
                            prompts.size(), " different ones are held out"));
  }
  return prompts;
}

// Whether rows of a file can earn the rules that judge, and whether there are
// these rules: refused before hours of generation.
absl::Status CheckJudge(const StageConfig& config, const TaskSection& task,
                        const std::vector<Prompt>& prompts,
                        const RewardLink& link) {
  const RewardSection reward = TaskReward(config, task);
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<RewardSource> judge,
                      MakeJudge(reward, task.kind(), link));
  if (task.file().empty()) return absl::OkStatus();
  std::vector<CheckedRow> rows;
  for (const Prompt& prompt : prompts) {
    rows.push_back({prompt.source(), prompt.question(), prompt.reference()});
  }
  rows = SampleRows(std::move(rows));
  const std::vector<RewardRuleSpec> rules =
      JudgingRules(reward, task.kind(), link);
  R1_RETURN_IF_ERROR(CheckReferences(rules, rows, task.file()));
  return ProbeRewards(rules, rows, task.file(), judge.get());
}

// What of the stage's tasks is measured: one for --task or --data, else all.
absl::Status ChooseTasks(const EvalArgs& args, StageConfig* config) {
  if (config->task().empty()) *config->add_task() = FirstTask(*config);
  if (!args.task.empty()) {
    std::vector<std::string> names;
    for (const TaskSection& task : config->task()) names.push_back(task.name());
    const auto found = std::find(names.begin(), names.end(), args.task);
    if (found == names.end()) {
      return absl::NotFoundError(absl::StrCat(
          "--task ", args.task, ": there is no such task: expected one of ",
          absl::StrJoin(names, ", ")));
    }
    config->mutable_task()->SwapElements(
        0, static_cast<int>(found - names.begin()));
  }
  if (args.task.empty() && args.data.empty()) return absl::OkStatus();
  config->mutable_task()->DeleteSubrange(1, config->task_size() - 1);
  return ChooseData(args.data, config->mutable_task(0));
}

// By task.
absl::StatusOr<std::vector<std::vector<Prompt>>> LoadAllProblems(
    const EvalArgs& args, const StageConfig& config, const ModelConfig& model,
    std::shared_ptr<const Tokenizer> tokenizer) {
  std::vector<std::vector<Prompt>> problems;
  if (config.task_size() == 1) {
    R1_ASSIGN_OR_RETURN(
        problems.emplace_back(),
        LoadProblems(args, config, tokenizer,
                     model.max_positions - MostNewTokens(config.rollout())));
    return problems;
  }
  R1_ASSIGN_OR_RETURN(const std::unique_ptr<PromptSource> source,
                      MakeTrainingPrompts(config, model, tokenizer));
  R1_ASSIGN_OR_RETURN(problems, HeldOutByTask(config, *source));
  WarnOfFewHeldOut(config, problems);
  return problems;
}

// What the problems are, for people.
std::string SourceOf(const StageConfig& config) {
  if (config.task_size() > 1) {
    return absl::StrCat(
        "held-out problems of ",
        absl::StrJoin(config.task(), ", ", [](std::string* out, const auto& t) {
          out->append(t.name());
        }));
  }
  const TaskSection& task = config.task(0);
  if (!task.file().empty()) return task.file();
  return absl::StrCat(
      "held-out ", absl::AsciiStrToLower(Task_Name(task.kind())), " problems");
}

void Print(const EvalReport& report, const std::string& model,
           const std::string& source, bool is_json) {
  if (is_json) {
    nlohmann::ordered_json object;
    object["model"] = model;
    object["data"] = source;
    object["judge"] = report.judge;
    for (const auto& [name, value] : report.metrics) object[name] = value;
    std::printf("%s\n", object.dump().c_str());
    return;
  }
  std::printf("%s on %s, judged by the rule %s\n", model.c_str(),
              source.c_str(), report.judge.c_str());
  for (const auto& [name, value] : report.metrics) {
    std::printf("  %-18s %10s\n",
                VisibleLine(absl::StrReplaceAll(name, {{"_", " "}})).c_str(),
                FormatEvalMetric(name, value).c_str());
  }
}

// One line that is updated.
void ShowCount(int64_t done, int64_t total) {
  std::fprintf(stderr, "\r\x1b[K%lld of %lld answers",
               static_cast<long long>(done), static_cast<long long>(total));
  std::fflush(stderr);
}

// A file that could not be written is refused before hours of generation.
absl::Status CheckOut(const std::string& out) {
  if (out.empty()) return absl::OkStatus();
  if (std::filesystem::is_directory(out) || out.back() == '/') {
    return absl::InvalidArgumentError(absl::StrCat(
        "--out ", out, " is a folder: expected the name of a file"));
  }
  std::string folder = std::filesystem::path(out).parent_path().string();
  if (folder.empty()) folder = ".";
  if (FileExists(folder) && ::access(folder.c_str(), W_OK) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("--out ", out, ": ", folder, " cannot be written to"));
  }
  return Annotate(ListDirectory(folder).status(), absl::StrCat("--out ", out));
}

absl::Status RunEval(const EvalArgs& args) {
  R1_RETURN_IF_ERROR(CheckOut(args.out));
  R1_ASSIGN_OR_RETURN(Device* const device, FindDevice(args.topology.device));
  const std::unique_ptr<Ops> ops =
      device->MakeOps(ResolveThreads(args.threads));
  R1_ASSIGN_OR_RETURN(const std::string path,
                      ResolveModelPath(args.model, args.stage));
  // Rows of a file are asked as the stage asks.
  const bool has_rows = !args.data.empty() && args.task.empty();
  R1_ASSIGN_OR_RETURN(
      LoadedModel model,
      LoadModel(path, args.overrides,
                has_rows ? TasksOf::kStage : TasksOf::kRecipe, ops.get()));
  StageConfig& config = model.config;
  R1_RETURN_IF_ERROR(ChooseTasks(args, &config));
  if (args.problems) config.mutable_eval()->set_problems(*args.problems);
  EvalOptions options;
  options.samples = args.samples.value_or(config.eval().samples());
  if (args.max_new_tokens) {
    config.mutable_rollout()->set_max_new_tokens(*args.max_new_tokens);
    config.mutable_rollout()->clear_longer();
  }
  options.sampling = MakeEvalSampling(config, model.rl_step);
  if (args.temperature) options.sampling.set_temperature(*args.temperature);
  if (args.top_p) options.sampling.set_top_p(*args.top_p);
  options.seed = args.seed.value_or(config.seed());
  const int64_t context_tokens = model.weights->config().max_positions;
  if (options.sampling.max_new_tokens() >= context_tokens) {
    return absl::InvalidArgumentError(absl::StrCat(
        model.path, " has a context of ", context_tokens, " tokens, and ",
        options.sampling.max_new_tokens(),
        " new tokens leave no room for a prompt: lower --max-new-tokens"));
  }
  R1_ASSIGN_OR_RETURN(
      const std::vector<std::vector<Prompt>> prompts,
      LoadAllProblems(args, config, model.weights->config(), model.tokenizer));
  R1_ASSIGN_OR_RETURN(
      const std::unique_ptr<RewardLink> link,
      RewardLink::Connect(config, ResolveThreads(args.threads)));
  for (int t = 0; t < config.task_size(); ++t) {
    R1_RETURN_IF_ERROR(CheckJudge(config, config.task(t), prompts[t], *link));
  }
  InstallStopSignals();
  R1_ASSIGN_OR_RETURN(
      const std::unique_ptr<RolloutFleet> fleet,
      RolloutFleet::Start(
          config, model.weights->config(), *model.tokenizer, args.topology,
          ResolveThreads(args.threads),
          // Nowhere to record what the log shows already.
          [](const std::string& /*kind*/, const std::string& /*message*/) {}));
  WeightsId id;
  id.set_version(1);
  id.set_sha256(HashWeights(*model.weights, ops.get()));
  const bool is_watched = ::isatty(STDERR_FILENO) != 0;
  const absl::StatusOr<EvalReport> evaluated = EvaluateTasks(
      config, id, std::move(model.weights), prompts, *model.tokenizer, options,
      fleet->source(), *link,
      [is_watched, shown = int64_t{-1}](int64_t done, int64_t total) mutable {
        if (is_watched && done != shown) {
          ShowCount(shown = done, total);
        }
        return !StopRequested();
      });
  if (is_watched) std::fputs("\r\x1b[K", stderr);
  fleet->Finish();
  R1_ASSIGN_OR_RETURN(const EvalReport report, evaluated);
  // First: a file that cannot be written costs no numbers.
  Print(report, model.path, SourceOf(config), args.is_json);
  if (args.out.empty()) return absl::OkStatus();
  return WriteFileAtomic(args.out, AnswerLines(config, prompts, report));
}

}  // namespace

CommandBody AddEval(CLI::App* app) {
  auto args = std::make_shared<EvalArgs>();
  CLI::App* command = app->add_subcommand(
      "eval", "Measure a model on problems: pass@1, pass@k, cons@k, length");
  command->add_option("MODEL", args->model, "A checkpoint folder or a run")
      ->required()
      ->type_name("CHECKPOINT|RUN");
  command->add_option("--stage", args->stage, "Of the run, this stage's model")
      ->type_name("NAME");
  command
      ->add_option(
          "--data", args->data,
          "A JSONL file (each of its problems), or held-out problems of the "
          "task countdown or arithmetic; default: the run's own")
      ->type_name("FILE|TASK");
  command
      ->add_option("--task", args->task,
                   "Of the run's tasks, this one; default: all")
      ->type_name("NAME");
  command->add_option("--samples", args->samples, "k, answers per problem")
      ->check(InRange(1, 4096))
      ->type_name("K");
  command->add_option("--problems", args->problems, "Problems, at most")
      ->check(InRange(1, 1000000))
      ->type_name("N");
  command
      ->add_option("--temperature", args->temperature,
                   "Sampling temperature; 0 = greedy")
      ->check(InRange(0.0f, 100.0f))
      ->type_name("T");
  command->add_option("--top-p", args->top_p, "Nucleus sampling; 1 = off")
      ->check(InRange(0.01f, 1.0f))
      ->type_name("P");
  command
      ->add_option("--max-new-tokens", args->max_new_tokens,
                   "Longest answer in tokens")
      ->check(InRange(1, 1048576))
      ->type_name("N");
  command->add_option("--seed", args->seed, "Key of the random draws")
      ->check(WholeNumber())
      ->type_name("N");
  AddLocalWorkersOption(command, &args->topology.workers);
  command
      ->add_option("--listen", args->topology.listen,
                   "Also let workers of other machines join at this address "
                   "(neither encrypted nor authenticated)")
      ->type_name("HOST:PORT");
  command->add_flag("--json", args->is_json, "One JSON object");
  command
      ->add_option("--out", args->out,
                   "Also write the answers, one JSON object a line: task, "
                   "question, completion, whether it is right, scores")
      ->type_name("FILE.jsonl");
  AddThreadsOption(command, &args->threads);
  AddDeviceOption(command, &args->topology.device);
  AddSetOption(command, &args->overrides);
  command->footer(
      "Examples:\n"
      "  r1 eval runs/quickstart-1 --samples 16\n"
      "  r1 eval runs/quickstart-1 --stage pretrain --out answers.jsonl\n"
      "  r1 eval my-model --data problems.jsonl --samples 4 --problems 100\n"
      "\nWithout options the run's eval section decides; outside a run its "
      "defaults\n(proto/config.proto). A run of several tasks is measured on "
      "all of them, each by\nits own rules and those of the recipe, so that "
      "its stages can be compared.\nThe judge is the rule that training pays "
      "for, or the one whose option \"when\"\nsays so (reward/README.md). "
      "Strict numbers count an answer where it must stand,\nlenient ones the "
      "last answer anywhere.");
  return [args] { return RunEval(*args); };
}

}  // namespace r1
