// r1 reward: tools for people who write rewards.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/num_cores.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pipeline/commands/command.h"
#include "pipeline/commands/reward_author.h"
#include "pipeline/commands/reward_new.h"
#include "pipeline/evaluation/rescore.h"
#include "pipeline/evaluation/score_file.h"
#include "pipeline/folder/model_path.h"
#include "pipeline/folder/run_folder.h"
#include "pipeline/folder/stage_folder.h"
#include "pipeline/folder/stage_rewards.h"
#include "pipeline/services/reward_rules.h"
#include "proto/recipe.h"
#include "reward/builtin_rules.h"
#include "reward/core/json_lines.h"
#include "reward/core/scorer.h"
#include "reward/service/channel.h"
#include "reward/service/server_check.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

// How long a server is waited for.
constexpr absl::Duration kServerWait = absl::Seconds(30);
// The same where somebody only asks.
constexpr absl::Duration kServerAnswer = absl::Seconds(5);
// Most time of a call; each of its completions has a limit of its own.
constexpr absl::Duration kScoreCallTimeout = absl::Minutes(5);

struct RewardArgs {
  std::string input;  // FILE or RUN
  std::string rule;
  std::string mode;
  std::string against;
  std::string stage;
  std::vector<std::string> options;  // KEY=VALUE
  std::vector<std::string> plugins;  // NAME=TARGET
  std::vector<std::string> servers;  // HOST:PORT
  int threads = 0;
  int timeout_ms = 120000;  // programs have hundreds of tests
  int max_new_tokens = 0;
};

int ThreadsOf(const RewardArgs& args) {
  if (args.threads > 0) return args.threads;
  return NumCores();
}

// The rule of the command line, with weight 1.
absl::StatusOr<RewardRuleSpec> RuleOf(const RewardArgs& args) {
  RewardRuleSpec spec;
  spec.set_name(args.rule);
  spec.set_weight(1);
  auto& options = *spec.mutable_option();
  if (!args.mode.empty()) options["mode"] = args.mode;
  for (const std::string& option : args.options) {
    const size_t equals = option.find('=');
    if (equals == option.npos || equals == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--set ", option,
                       ": expected --set KEY=VALUE, an option of ", args.rule));
    }
    if (!options.insert({option.substr(0, equals), option.substr(equals + 1)})
             .second) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--set ", option, ": the option is given twice; keep one"));
    }
  }
  return spec;
}

void PrintLine(const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
}

// The file, or standard input for "-".
absl::StatusOr<std::istream*> Open(const std::string& path,
                                   std::ifstream* file) {
  if (path == "-") return &std::cin;
  file->open(path);
  // A folder opens, but cannot be read.
  if (!*file || file->peek() == std::ifstream::traits_type::eof()) {
    // Says why; an empty file is fine.
    R1_RETURN_IF_ERROR(ReadFile(path).status());
    file->clear();
  }
  return file;
}

absl::StatusOr<ScoreFileSummary> ScoreHere(const RewardArgs& args,
                                           const RewardRuleSpec& rule,
                                           const ScoreFileOptions& options) {
  R1_ASSIGN_OR_RETURN(const RewardRegistry registry,
                      MakeRewardRules(args.plugins));
  RuleContext context;
  context.max_new_tokens = args.max_new_tokens;
  R1_ASSIGN_OR_RETURN(const Scorer scorer,
                      Scorer::Create(registry, {{rule}}, context));
  std::ifstream file;
  R1_ASSIGN_OR_RETURN(std::istream* const input, Open(args.input, &file));
  return ScoreFile(scorer, options, input, PrintLine);
}

absl::StatusOr<ScoreFileSummary> ScoreThere(const RewardArgs& args,
                                            const RewardRuleSpec& rule,
                                            const ScoreFileOptions& options) {
  R1_ASSIGN_OR_RETURN(std::vector<RewardEndpoint> servers,
                      MakeRewardEndpoints(args.servers));
  R1_RETURN_IF_ERROR(CheckRewardServers(servers, {{rule}}, args.max_new_tokens,
                                        absl::Now() + kServerWait)
                         .status());
  std::ifstream file;
  R1_ASSIGN_OR_RETURN(std::istream* const input, Open(args.input, &file));
  RewardClientOptions client;
  client.rules = {rule};
  client.max_new_tokens = args.max_new_tokens;
  client.item_timeout = options.item_limit;
  client.call_timeout = std::max(kScoreCallTimeout, 4 * options.item_limit);
  return ScoreFileOnServers(std::move(servers), std::move(client), options,
                            input, PrintLine);
}

absl::Status RunScore(const RewardArgs& args) {
  R1_ASSIGN_OR_RETURN(const RewardRuleSpec rule, RuleOf(args));
  ScoreFileOptions options;
  options.threads = ThreadsOf(args);
  options.item_limit = absl::Milliseconds(args.timeout_ms);
  options.name = args.input == "-" ? "standard input" : args.input;
  const absl::Time start = absl::Now();
  const auto score = args.servers.empty() ? ScoreHere : ScoreThere;
  R1_ASSIGN_OR_RETURN(const ScoreFileSummary summary,
                      score(args, rule, options));
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  std::string counts;
  int64_t scored = 0;
  for (const auto& [kind, count] : summary.counts) {
    scored += count;
    absl::StrAppend(&counts, ", ", count, " ", RewardKindName(kind));
    if (kind == REWARD_SCORE) {
      absl::StrAppend(&counts, " (mean ", summary.total_sum / count, ")");
    }
  }
  const std::string where = args.servers.empty()
                                ? absl::StrCat(options.threads, " threads")
                                : absl::StrCat(args.servers.size(), " servers");
  absl::FPrintF(stderr, "%d lines in %.3f s, %.0f a second on %s%s\n",
                summary.lines, seconds, scored / std::max(seconds, 1e-9), where,
                counts);
  if (summary.malformed == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(summary.malformed, " of ", summary.lines,
                   " lines are malformed; the first: ", summary.first_problem));
}

Json ToJson(const RuleInfo& rule) {
  Json object;
  object["name"] = rule.name();
  object["version"] = rule.version();
  object["carrier"] = rule.carrier();
  object["compares_samples"] =
      rule.has_compares_samples() ? Json(rule.compares_samples()) : Json();
  object["is_deterministic"] =
      rule.has_is_deterministic() ? Json(rule.is_deterministic()) : Json();
  object["lowest"] = rule.has_lowest() ? Json(rule.lowest()) : Json();
  object["highest"] = rule.has_highest() ? Json(rule.highest()) : Json();
  object["state"] = rule.state();
  return object;
}

// The reply's fields, by their names.
absl::Status RunDescribe(const RewardArgs& args) {
  R1_ASSIGN_OR_RETURN(const auto endpoints, MakeRewardEndpoints({args.input}));
  R1_ASSIGN_OR_RETURN(
      const DescribeReply reply,
      DescribeRewardServer(endpoints[0], absl::Now() + kServerAnswer));
  Json object;
  object["build_id"] = reply.build_id();
  object["threads"] = reply.threads();
  object["max_calls"] = reply.max_calls();
  object["item_timeout_ms"] = reply.item_timeout_ms();
  object["calls_under_way"] = reply.calls_under_way();
  object["scores"] = reply.scores();
  object["abstentions"] = reply.abstentions();
  object["errors"] = reply.errors();
  object["timeouts"] = reply.timeouts();
  object["not_applicable"] = reply.not_applicable();
  object["mean_item_ms"] = reply.mean_item_ms();
  object["max_item_ms"] = reply.max_item_ms();
  object["rules"] = Json::array();
  for (const RuleInfo& rule : reply.rules()) {
    object["rules"].push_back(ToJson(rule));
  }
  // Another program's texts may be anything.
  std::printf(
      "%s\n",
      object.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  return absl::OkStatus();
}

// A verdict as JSON.
Json VerdictJson(RewardKind kind, double value, const std::string& detail) {
  Json verdict;
  verdict["kind"] = RewardKindName(kind);
  verdict["score"] = kind == REWARD_SCORE ? Json(value) : Json(nullptr);
  verdict["detail"] = detail;
  return verdict;
}

void PrintFlip(const Rejudged& r) {
  Json object;
  object["step"] = r.sample->step;
  object["prompt_id"] = r.sample->record.trajectory.prompt_id();
  object["sample_index"] = r.sample->record.trajectory.sample_index();
  object["before"] = VerdictJson(r.kind_before, r.before, r.detail_before);
  object["now"] = VerdictJson(r.kind_now, r.now, r.detail_now);
  object["reference"] = r.sample->record.prompt.reference();
  object["completion"] = r.sample->record.completion;
  // Completions may hold bytes that are no UTF-8.
  std::printf(
      "%s\n",
      object.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
}

absl::Status RunRescore(RewardArgs args) {
  SplitStagePath(&args.input, &args.stage);
  R1_ASSIGN_OR_RETURN(const RunReader reader,
                      RunReader::Open(args.input, args.stage));
  if (reader.stage().empty()) {
    return absl::NotFoundError(absl::StrCat(
        args.input, " has no scored samples: there is nothing to score anew"));
  }
  R1_ASSIGN_OR_RETURN(const StageConfig recorded,
                      ReadStageConfig(args.input, reader.stage()));
  const StageConfig config = WithRewardModels(recorded, args.input);
  std::vector<std::string> plugins(config.reward().plugin().begin(),
                                   config.reward().plugin().end());
  plugins.insert(plugins.end(), args.plugins.begin(), args.plugins.end());
  R1_ASSIGN_OR_RETURN(const RewardRegistry registry,
                      MakeRewardRules(plugins, {config.model_rule().begin(),
                                                config.model_rule().end()}));
  R1_ASSIGN_OR_RETURN(const RewardSection section, StageReward(config));
  const std::vector<RewardRuleSpec> configured =
      ConfiguredRules(section, FirstTask(config).kind());
  std::vector<RewardRuleSpec> rules = configured;
  RescoreOptions options;
  if (!args.rule.empty()) {
    R1_ASSIGN_OR_RETURN(RewardRuleSpec rule, RuleOf(args));
    // The others stay, as metrics: group rules may read their scores.
    std::erase_if(rules, [&](const auto& r) { return r.name() == args.rule; });
    for (RewardRuleSpec& other : rules) {
      other.set_weight(0);
      other.mutable_option()->erase("gate");
    }
    rules.push_back(std::move(rule));
    options.rule = args.rule;
    options.against = args.against.empty() ? args.rule : args.against;
  }
  const auto is_recorded = [&](const RewardRuleSpec& rule) {
    return rule.name() == options.against;
  };
  if (!options.against.empty() &&
      std::none_of(configured.begin(), configured.end(), is_recorded)) {
    return absl::InvalidArgumentError(absl::StrCat(
        args.input, " has no scores of \"", options.against,
        "\" to compare with: give one of its rules with --against"));
  }
  R1_ASSIGN_OR_RETURN(const Scorer scorer, Scorer::Create(registry, rules, {}));
  options.rollout = config.rollout();
  options.threads = ThreadsOf(args);
  options.item_limit = absl::Milliseconds(args.timeout_ms);
  R1_ASSIGN_OR_RETURN(const RescoreSummary summary,
                      Rescore(reader, scorer, options, PrintFlip));
  absl::FPrintF(stderr,
                "%d samples, %d verdicts differ: %d up, %d down, %d of another "
                "kind\n",
                summary.samples, summary.flips, summary.up, summary.down,
                summary.flips - summary.up - summary.down);
  return absl::OkStatus();
}

void AddRuleOptions(CLI::App* command, RewardArgs* args) {
  command
      ->add_option("--mode", args->mode,
                   "The rule's option \"mode\", e.g. how an answer is found")
      ->type_name("MODE");
  command
      ->add_option("--set", args->options,
                   "An option of the rule, e.g. --set n=4; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command
      ->add_option("--timeout-ms", args->timeout_ms,
                   "Most milliseconds for one completion")
      ->check(CLI::Range(1, 3600000))
      ->type_name("N")
      ->capture_default_str();
  AddPluginOption(command, &args->plugins);
  AddThreadsOption(command, &args->threads);
}

}  // namespace

CommandBody AddReward(CLI::App* app) {
  auto args = std::make_shared<RewardArgs>();
  CLI::App* command =
      app->add_subcommand("reward", "Score texts and runs by a rule");
  command->require_subcommand(1);
  CLI::App* score = command->add_subcommand(
      "score", "Score the completions of a file, one JSON object a line");
  score
      ->add_option("FILE", args->input,
                   "Lines {id, completion, reference, prompt?}; - is standard "
                   "input")
      ->required()
      ->type_name("FILE");
  score->add_option("--rule", args->rule, "Name of the rule")
      ->required()
      ->type_name("RULE");
  AddRuleOptions(score, args.get());
  score
      ->add_option("--max-new-tokens", args->max_new_tokens,
                   "Most tokens of a completion, for rules on length")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  score
      ->add_option("--server", args->servers,
                   "Reward servers that score in place of this process; of "
                   "several, all at once")
      ->delimiter(',')
      ->type_name("HOST:PORT");
  score->footer(
      "Writes lines {id, kind, total, components, detail} in the same order;\n"
      "the rate and the counts go to standard error.\n\n"
      "Examples:\n"
      "  r1 reward score --rule countdown answers.jsonl\n"
      "  r1 reward score --rule code --server a:7001,b:7001 programs.jsonl\n"
      "  r1 reward score --rule language --set target=zh answers.jsonl");
  CLI::App* rescore = command->add_subcommand(
      "rescore",
      "Score the recorded samples of a run anew; print what differs");
  rescore->add_option("RUN", args->input, "Folder of the run")
      ->required()
      ->type_name("DIR");
  rescore
      ->add_option("--rule", args->rule,
                   "Compare this rule; default: the totals of all rules of the "
                   "run")
      ->type_name("RULE");
  rescore
      ->add_option("--stage", args->stage,
                   "Samples of this stage; default the last that has some")
      ->type_name("STAGE");
  rescore
      ->add_option("--against", args->against,
                   "Compare with the recorded scores of this rule; default: "
                   "the same rule")
      ->needs("--rule")
      ->type_name("RULE");
  AddRuleOptions(rescore, args.get());
  rescore->footer(
      "Examples:\n"
      "  r1 reward rescore runs/a\n"
      "  r1 reward rescore runs/a --rule countdown_lenient --against "
      "countdown");
  CLI::App* describe = command->add_subcommand(
      "describe", "Print what a reward server serves and has done, as JSON");
  describe->add_option("SERVER", args->input, "Its address")
      ->required()
      ->type_name("HOST:PORT");
  describe->footer("Examples:\n  r1 reward describe 127.0.0.1:7001");
  // Of the subcommands one is there.
  const std::vector<std::pair<CLI::App*, CommandBody>> bodies = {
      {score, [args] { return RunScore(*args); }},
      {rescore, [args] { return RunRescore(*args); }},
      {describe, [args] { return RunDescribe(*args); }},
      AddRewardNew(command),
      AddRewardTest(command),
      AddRewardBench(command),
  };
  return [bodies] {
    for (const auto& [subcommand, body] : bodies) {
      if (subcommand->parsed()) return body();
    }
    return absl::OkStatus();
  };
}

}  // namespace r1
