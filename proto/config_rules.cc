#include "proto/config_rules.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/config_text.h"

namespace r1 {
namespace {

using Paths = std::initializer_list<absl::string_view>;

class RuleChecker {
 public:
  explicit RuleChecker(ConfigReport* report) : report_(report) {}

  // `paths`: the keys the rule reads. `what`: what is wrong, what was
  // expected, what was got, and the remedy.
  void Require(bool holds, Paths paths, absl::string_view what) {
    if (!holds) {
      report_->AddRule(absl::MakeConstSpan(paths.begin(), paths.size()), what);
    }
  }

 private:
  ConfigReport* report_;
};

void CheckModel(const RunConfig& config, RuleChecker* check) {
  const ModelSection& model = config.model();
  if (!model.path().empty()) return;  // its config.json gives the shape
  const int heads = model.num_heads(), kv_heads = model.num_kv_heads();
  const int hidden = model.hidden_size();
  const bool is_derived = model.head_dim() == 0;
  check->Require(!is_derived || hidden % heads == 0,
                 {"model.num_heads", "model.hidden_size", "model.head_dim"},
                 absl::StrCat("does not divide model.hidden_size: expected ",
                              hidden, " to be a multiple, got ", heads,
                              " heads; change one of them or set "
                              "model.head_dim"));
  check->Require(heads % kv_heads == 0,
                 {"model.num_kv_heads", "model.num_heads"},
                 absl::StrCat("does not divide model.num_heads: expected a "
                              "divisor of ",
                              heads, ", got ", kv_heads));
  const int head_dim = is_derived ? hidden / heads : model.head_dim();
  check->Require(
      head_dim % 2 == 0 && head_dim > 0,
      {"model.head_dim", "model.hidden_size", "model.num_heads"},
      absl::StrCat("RoPE rotates pairs of channels: expected an even number "
                   "of channels per head, got ",
                   head_dim));
  check->Require(config.rl().steps() == 0 ||
                     config.rollout().max_new_tokens() < model.max_positions(),
                 {"rollout.max_new_tokens", "model.max_positions"},
                 absl::StrCat("leaves no room for a prompt: expected less than "
                              "model.max_positions = ",
                              model.max_positions(), ", got ",
                              config.rollout().max_new_tokens()));
}

void CheckData(const RunConfig& config, RuleChecker* check) {
  const DataSection& data = config.data();
  check->Require(data.system().empty() || data.chat(),
                 {"data.system", "data.chat"},
                 "is given, but only the model's chat template has a place for "
                 "a system message: set data.chat");
  const bool is_question = data.task() == QUESTION_ANSWER;
  check->Require(
      data.min_numbers() <= data.max_numbers(),
      {"data.min_numbers", "data.max_numbers"},
      absl::StrCat("expected data.min_numbers <= data.max_numbers, got ",
                   data.min_numbers(), " > ", data.max_numbers()));
  const std::set<char> operators(data.operators().begin(),
                                 data.operators().end());
  check->Require(
      !operators.empty() && operators.size() == data.operators().size() &&
          data.operators().find_first_not_of("+-*/") == std::string::npos,
      {"data.operators"},
      absl::StrCat("expected one or more of + - * /, each once, got ",
                   QuoteForMessage(data.operators())));
  check->Require(data.answer_form() == AS_IS || data.task() != COUNTDOWN,
                 {"data.answer_form", "data.task"},
                 absl::StrCat("Countdown's rows have a target and no answer: "
                              "expected AS_IS, got ",
                              AnswerForm_Name(data.answer_form())));
  check->Require(!is_question || !data.file().empty(),
                 {"data.file", "data.task"},
                 "QUESTION_ANSWER has no generator: expected a JSONL file of "
                 "questions and answers, got \"\"");
  check->Require(!is_question || !data.question_field().empty(),
                 {"data.question_field", "data.task"},
                 "expected the name of a JSONL field, got \"\"");
  check->Require(!is_question || !data.answer_field().empty(),
                 {"data.answer_field", "data.task"},
                 "expected the name of a JSONL field, got \"\"");
  check->Require(!is_question || data.question_field() != data.answer_field(),
                 {"data.answer_field", "data.question_field", "data.task"},
                 absl::StrCat("the question would be its own answer: expected "
                              "another field than data.question_field, got ",
                              QuoteForMessage(data.answer_field())));
  check->Require(
      data.template_().empty() ||
          data.template_().find("{question}") != std::string::npos,
      {"data.template"},
      absl::StrCat("has no place for the problem: expected a text with "
                   "{question}, got ",
                   QuoteForMessage(data.template_())));
}

void CheckStages(const RunConfig& config, RuleChecker* check) {
  const bool has_corpus = !config.pretrain().file().empty() ||
                          config.data().task() != QUESTION_ANSWER;
  check->Require(config.pretrain().steps() == 0 || has_corpus,
                 {"pretrain.file", "pretrain.steps", "data.task"},
                 "QUESTION_ANSWER has no corpus generator: expected a JSONL "
                 "file, got \"\"; set it, or pretrain.steps to 0");
  check->Require(!config.model().path().empty() || has_corpus ||
                     config.pretrain().steps() > 0,
                 {"model.path", "pretrain.file", "data.task"},
                 "a new model needs a corpus to train its tokenizer on: "
                 "expected the folder of a base model, got \"\"; set it, or "
                 "pretrain.file");
  check->Require(config.sft().steps() == 0 || !config.sft().file().empty(),
                 {"sft.file", "sft.steps"},
                 "the sft stage has no generator: expected a JSONL file of "
                 "{prompt, completion}, got \"\"; set it, or sft.steps to 0");
}

void CheckRl(const RunConfig& config, RuleChecker* check) {
  const RlSection& rl = config.rl();
  const int64_t samples = int64_t{rl.prompts()} * rl.group_size();
  check->Require(
      samples % rl.minibatches() == 0,
      {"rl.minibatches", "rl.prompts", "rl.group_size"},
      absl::StrCat("minibatches would be of unequal size: expected a divisor "
                   "of rl.prompts x rl.group_size = ",
                   samples, ", got ", rl.minibatches()));
  check->Require(
      rl.dual_clip() == 0 || rl.dual_clip() > 1, {"rl.dual_clip"},
      absl::StrCat("the bound applies to ratios above it: expected 0 (off) or "
                   "more than 1, got ",
                   rl.dual_clip()));
  check->Require(rl.dual_clip() == 0 || rl.objective() == PPO_CLIP,
                 {"rl.dual_clip", "rl.objective"},
                 absl::StrCat("only PPO_CLIP reads it: expected 0 with "
                              "rl.objective ",
                              PolicyObjective_Name(rl.objective()), ", got ",
                              rl.dual_clip()));
  for (int i = 0; i < config.rollout().stop_size(); ++i) {
    check->Require(!config.rollout().stop(i).empty(),
                   {absl::StrCat("rollout.stop[", i, "]")},
                   "an empty text would stop every answer at once: expected "
                   "some text, got \"\"");
  }
}

void CheckRules(const RunConfig& config, RuleChecker* check) {
  const RewardSection& reward = config.reward();
  std::set<std::string> names;
  bool has_weight = reward.rule().empty();
  for (int i = 0; i < reward.rule_size(); ++i) {
    const WeightedRule& rule = reward.rule(i);
    const std::string path = absl::StrCat("reward.rule[", i, "]");
    const auto when = rule.option().find("when");
    const bool trains = when == rule.option().end() || when->second != "eval";
    has_weight = has_weight || (trains && rule.weight() != 0);
    check->Require(!rule.name().empty(), {path},
                   "has no name: expected e.g. name: \"format\", got \"\"");
    check->Require(names.insert(rule.name()).second, {path},
                   absl::StrCat("expected each rule once, got ",
                                QuoteForMessage(rule.name()),
                                " again; change the weight of the first"));
  }
  check->Require(has_weight || config.rl().steps() == 0,
                 {"reward.rule", "rl.steps"},
                 "every rule has weight 0, so there is nothing to learn: "
                 "expected a weight other than 0, got only 0");
}

// host:port, with a numeric port; an IPv6 host stands in brackets.
bool IsHostAndPort(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == address.npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port)) {
    return false;
  }
  const absl::string_view host = address.substr(0, colon);
  const bool is_bracketed = host.front() == '[' && host.back() == ']';
  const bool has_colon = host.find(':') != host.npos;
  return port >= 1 && port <= 65535 && has_colon == is_bracketed &&
         host.find_first_of(" /") == host.npos;
}

void CheckServer(const RunConfig& config, RuleChecker* check) {
  for (const std::string& server : config.reward().server()) {
    check->Require(IsHostAndPort(server), {"reward.server"},
                   absl::StrCat("expected host:port, e.g. \"localhost:7000\", "
                                "got ",
                                QuoteForMessage(server)));
  }
  check->Require(
      config.reward().plugin().empty() || config.reward().server().empty(),
      {"reward.plugin", "reward.server"},
      "the reward server loads plugins, not the run: give them to it with "
      "`r1 reward-server --plugin`, and leave one of the two out");
}

}  // namespace

void CheckConfigRules(const RunConfig& config, ConfigReport* report) {
  RuleChecker check(report);
  CheckModel(config, &check);
  CheckData(config, &check);
  CheckStages(config, &check);
  CheckRl(config, &check);
  CheckRules(config, &check);
  CheckServer(config, &check);
}

}  // namespace r1
