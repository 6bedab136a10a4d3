// r1 samples: what the model wrote.
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pipeline/commands/command.h"
#include "pipeline/folder/model_path.h"
#include "pipeline/screen/escape.h"
#include "pipeline/store/run_reader.h"

namespace r1 {
namespace {

struct SamplesArgs {
  std::string run;
  std::string stage;
  int64_t step = -1;
  int64_t prompt = -1;
  int64_t limit = 8;
  bool is_json = false;
};

// As a member, by name, if there is anything in it.
template <typename Value>
void AddMap(const char* name,
            const google::protobuf::Map<std::string, Value>& map,
            nlohmann::ordered_json* object) {
  if (map.empty()) return;
  (*object)[name] = std::map<std::string, Value>(map.begin(), map.end());
}

void PrintJson(const SampleView& view) {
  const Trajectory& trajectory = view.record.trajectory;
  nlohmann::ordered_json object;
  object["step"] = view.step;
  object["prompt_id"] = trajectory.prompt_id();
  object["sample_index"] = trajectory.sample_index();
  object["source"] = view.record.prompt.source();
  object["question"] = view.record.prompt.question();
  object["reference"] = view.record.prompt.reference();
  object["completion"] = view.record.completion;
  object["tokens"] = std::vector<int32_t>(trajectory.tokens().begin(),
                                          trajectory.tokens().end());
  object["logprobs"] = std::vector<float>(trajectory.logprobs().begin(),
                                          trajectory.logprobs().end());
  object["finish_reason"] = FinishReasonName(trajectory.finish_reason());
  if (view.record.reward) {
    const RewardResult& reward = *view.record.reward;
    object["kind"] = RewardKindName(reward.kind());
    if (reward.kind() == REWARD_SCORE) object["reward"] = reward.total();
    for (const RewardComponent& c : reward.components()) {
      object["components"][c.name()] = c.value();
    }
    object["detail"] = reward.detail();
    AddMap("versions", reward.versions(), &object);
    if (!reward.not_applicable().empty()) {
      object["not_applicable"] = reward.not_applicable();
    }
    AddMap("metrics", reward.metrics(), &object);
    AddMap("extracted", reward.extracted(), &object);
  }
  if (view.advantage) object["advantage"] = *view.advantage;
  // Completions may hold bytes that are no UTF-8.
  std::printf("%s\n",
              object
                  .dump(-1, ' ', false,
                        nlohmann::ordered_json::error_handler_t::replace)
                  .c_str());
}

void PrintSample(const SampleView& view) {
  const Trajectory& trajectory = view.record.trajectory;
  std::string facts = absl::StrFormat(
      "  sample %d: %d tokens, %s", trajectory.sample_index(),
      trajectory.tokens_size(), FinishReasonName(trajectory.finish_reason()));
  if (view.record.reward) {
    const RewardResult& reward = *view.record.reward;
    if (reward.kind() == REWARD_SCORE) {
      absl::StrAppendFormat(&facts, ", reward %g", reward.total());
    } else {
      absl::StrAppend(&facts, ", ", RewardKindName(reward.kind()), " (",
                      VisibleLine(reward.detail()), ")");
    }
    for (const RewardComponent& c : reward.components()) {
      absl::StrAppendFormat(&facts, ", %s %g", VisibleLine(c.name()),
                            c.value());
    }
    for (const std::string& rule : reward.not_applicable()) {
      absl::StrAppend(&facts, ", ", VisibleLine(rule), " not applicable");
    }
  }
  if (view.advantage) {
    absl::StrAppendFormat(&facts, ", advantage %.3f", *view.advantage);
  }
  std::printf("%s\n", facts.c_str());
  for (absl::string_view line :
       absl::StrSplit(VisibleText(view.record.completion), '\n')) {
    std::printf("    %s\n", std::string(line).c_str());
  }
}

absl::Status RunSamples(SamplesArgs args) {
  SplitStagePath(&args.run, &args.stage);
  R1_ASSIGN_OR_RETURN(RunReader reader, RunReader::Open(args.run, args.stage));
  SampleFilter filter;
  if (args.step >= 0) filter.step = args.step;
  if (args.prompt >= 0) filter.prompt_id = args.prompt;
  filter.limit = args.limit == 0 ? -1 : args.limit;
  R1_ASSIGN_OR_RETURN(const std::vector<SampleView> samples,
                      reader.Samples(filter));
  if (samples.empty()) {
    return absl::NotFoundError(
        absl::StrCat(args.run, " has no such samples: see `r1 metrics ",
                     args.run, "` for its steps"));
  }
  const SampleView* last = nullptr;
  for (const SampleView& view : samples) {
    if (args.is_json) {
      PrintJson(view);
      continue;
    }
    if (last == nullptr || last->step != view.step ||
        last->record.prompt.id() != view.record.prompt.id()) {
      std::printf("step %lld, prompt %llu (%s): %s\n  reference %s\n",
                  static_cast<long long>(view.step),
                  static_cast<unsigned long long>(view.record.prompt.id()),
                  VisibleLine(view.record.prompt.source()).c_str(),
                  VisibleLine(view.record.prompt.question()).c_str(),
                  VisibleLine(view.record.prompt.reference()).c_str());
    }
    last = &view;
    PrintSample(view);
  }
  return absl::OkStatus();
}

}  // namespace

CommandBody AddSamples(CLI::App* app) {
  auto args = std::make_shared<SamplesArgs>();
  CLI::App* command = app->add_subcommand(
      "samples", "Print what the model wrote, with rewards and advantages");
  command->add_option("RUN", args->run, "Folder of the run")
      ->required()
      ->type_name("DIR");
  command
      ->add_option("--stage", args->stage,
                   "Of this stage; default the last that has samples")
      ->type_name("STAGE");
  command->add_option("--step", args->step, "Only this step")
      ->check(WholeNumber())
      ->type_name("N");
  command->add_option("--prompt", args->prompt, "Only this prompt id")
      ->check(WholeNumber())
      ->type_name("ID");
  command
      ->add_option("--limit", args->limit,
                   "At most so many samples, from the newest step down; 0 = "
                   "all")
      ->check(WholeNumber())
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--json", args->is_json,
                    "One JSON object a line, with tokens and log-probs");
  command->footer(
      "Examples:\n"
      "  r1 samples runs/smoke\n"
      "  r1 samples runs/smoke --step 3 --limit 0\n"
      "  r1 samples runs/smoke --json --limit 0 > samples.jsonl");
  return [args] { return RunSamples(*args); };
}

}  // namespace r1
