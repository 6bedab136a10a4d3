#include "pipeline/commands/reward_author.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/num_cores.h"
#include "base/status_macros.h"
#include "pipeline/evaluation/bench_reward.h"
#include "pipeline/services/reward_rules.h"
#include "reward/conformance/conformance.h"
#include "reward/plugin/plugin_spec.h"

namespace r1 {
namespace {

struct AuthorArgs {
  std::string plugin;
  std::string cases;
  std::vector<std::string> options;  // KEY=VALUE
  int timeout_ms = 10000;
  double seconds = 1;
};

// The rule that an argument means: of this program, NAME=TARGET, or a target
// alone, which is named after its file.
struct NamedRule {
  RewardRegistry registry;
  RewardRuleSpec spec;  // with weight 1
};

std::string NameOf(const std::string& target) {
  std::string name = std::filesystem::path(target).stem().string();
  if (absl::StartsWith(name, "lib")) name = name.substr(3);
  absl::AsciiStrToLower(&name);
  return IsRuleName(name) ? name : "plugin";
}

absl::StatusOr<NamedRule> RuleOf(const AuthorArgs& args) {
  NamedRule rule;
  R1_ASSIGN_OR_RETURN(rule.registry, MakeRewardRules({}));
  rule.spec.set_weight(1);
  const std::vector<std::string> names = rule.registry.Names();
  if (std::find(names.begin(), names.end(), args.plugin) != names.end()) {
    rule.spec.set_name(args.plugin);
  } else {
    const size_t equals = args.plugin.find('=');
    const bool is_named =
        equals != args.plugin.npos && IsRuleName(args.plugin.substr(0, equals));
    const std::string text =
        is_named ? args.plugin
                 : absl::StrCat(NameOf(args.plugin), "=", args.plugin);
    R1_ASSIGN_OR_RETURN(rule.registry, MakeRewardRules({text}));
    rule.spec.set_name(text.substr(0, text.find('=')));
  }
  for (const std::string& option : args.options) {
    const size_t equals = option.find('=');
    if (equals == option.npos || equals == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--set ", option, ": expected --set KEY=VALUE"));
    }
    (*rule.spec.mutable_option())[option.substr(0, equals)] =
        option.substr(equals + 1);
  }
  return rule;
}

absl::StatusOr<std::vector<GoldenCase>> CasesOf(const AuthorArgs& args) {
  if (args.cases.empty()) return std::vector<GoldenCase>();
  R1_ASSIGN_OR_RETURN(const std::string text, ReadFile(args.cases));
  return ParseGoldenCases(text, args.cases);
}

const char* OutcomeName(CheckOutcome outcome) {
  switch (outcome) {
    case CheckOutcome::kOk:
      return "ok";
    case CheckOutcome::kFailed:
      return "FAILED";
    default:
      return "skipped";
  }
}

absl::Status RunTest(const AuthorArgs& args) {
  R1_ASSIGN_OR_RETURN(const NamedRule rule, RuleOf(args));
  ConformanceOptions options;
  options.item_limit = absl::Milliseconds(args.timeout_ms);
  R1_ASSIGN_OR_RETURN(options.cases, CasesOf(args));
  int failed = 0, skipped = 0, passed = 0;
  for (const ConformanceCheck& check :
       CheckConformance(rule.registry, rule.spec, options)) {
    std::printf("%-8s %-12s %s\n", OutcomeName(check.outcome),
                check.name.c_str(), check.detail.c_str());
    failed += check.outcome == CheckOutcome::kFailed;
    skipped += check.outcome == CheckOutcome::kSkipped;
    passed += check.outcome == CheckOutcome::kOk;
  }
  std::printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  if (failed == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(rule.spec.name(), " does not keep the contract: ", failed,
                   " of ", passed + failed, " checks failed"));
}

absl::Status RunBench(const AuthorArgs& args) {
  R1_ASSIGN_OR_RETURN(const NamedRule rule, RuleOf(args));
  R1_ASSIGN_OR_RETURN(const std::vector<GoldenCase> cases, CasesOf(args));
  BenchRewardOptions options;
  options.item_limit = absl::Milliseconds(args.timeout_ms);
  options.duration = absl::Seconds(args.seconds);
  options.threads = NumCores();
  for (const GoldenCase& c : cases) options.items.push_back(c.item);
  R1_ASSIGN_OR_RETURN(const RewardRates rates,
                      BenchReward(rule.registry, rule.spec, options));
  std::printf("start      %8.1f ms\n", rates.start_ms);
  std::printf("one sample %8.3f ms median, %.3f ms at the 99th percentile\n",
              rates.median_ms, rates.p99_ms);
  for (const RewardRates::Batch& batch : rates.batches) {
    std::printf("batch %4d %9.0f samples/s\n", batch.size,
                batch.samples_per_second);
  }
  return absl::OkStatus();
}

void AddCommonOptions(CLI::App* command, AuthorArgs* args) {
  command
      ->add_option("PLUGIN", args->plugin,
                   "./libNAME.so, a command in quotes, grpc:HOST:PORT, any of "
                   "them as NAME=..., or a rule of this program")
      ->required()
      ->type_name("PLUGIN");
  command
      ->add_option("--cases", args->cases,
                   "Lines {id, completion, reference?, prompt?, expect}, where "
                   "expect is a number, \"abstain\" or \"error\"")
      ->type_name("FILE");
  command
      ->add_option("--set", args->options,
                   "An option of the reward, e.g. --set n=4; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command
      ->add_option("--timeout-ms", args->timeout_ms,
                   "Most milliseconds for one completion")
      ->check(CLI::Range(1, 3600000))
      ->type_name("N")
      ->capture_default_str();
}

}  // namespace

std::pair<CLI::App*, CommandBody> AddRewardTest(CLI::App* reward) {
  auto args = std::make_shared<AuthorArgs>();
  CLI::App* command =
      reward->add_subcommand("test", "Check that a reward keeps the contract");
  AddCommonOptions(command, args.get());
  command->footer(
      "Tries golden cases, batch sizes, unicode, 10 MB texts, determinism,\n"
      "threads, unusable references and the texts that policies write in "
      "place\n"
      "of an answer. The exit code is 1 if a check fails.\n\n"
      "Examples:\n"
      "  r1 reward test ./libmine.so --cases cases.jsonl\n"
      "  r1 reward test \"python3 mine.py\"\n"
      "  r1 reward test math");
  return {command, [args] { return RunTest(*args); }};
}

std::pair<CLI::App*, CommandBody> AddRewardBench(CLI::App* reward) {
  auto args = std::make_shared<AuthorArgs>();
  CLI::App* command =
      reward->add_subcommand("bench", "Measure how fast a reward is");
  AddCommonOptions(command, args.get());
  command->add_option("--seconds", args->seconds, "How long each measure takes")
      ->check(CLI::Range(0.01, 3600.0))
      ->type_name("S")
      ->capture_default_str();
  command->footer(
      "Without cases, on completions of about 100 bytes.\n\n"
      "Examples:\n"
      "  r1 reward bench ./libmine.so\n"
      "  r1 reward bench math --cases cases.jsonl");
  return {command, [args] { return RunBench(*args); }};
}

}  // namespace r1
