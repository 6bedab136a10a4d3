#include "proto/config_rules.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "base/host_port.h"
#include "base/nearest_name.h"
#include "proto/answer_length.h"
#include "proto/config_rules.h"
#include "proto/config_text.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

void CheckModel(const StageConfig& config, RuleChecker* check) {
  const ModelSection& model = config.model();
  // A folder's config.json gives the shape, or another stage's model.
  if (config.has_compare()) return;
  if (!model.path().empty() || config.from() != kFromModel) return;
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
}

// The shape is that of the new model which the stage descends from; a folder's
// is known when it is read.
void CheckRoom(const StageConfig& config, const ModelSection& model,
               RuleChecker* check) {
  const int longest = MostNewTokens(config.rollout());
  check->Require(
      !model.path().empty() || !HasSamples(config) ||
          longest < model.max_positions(),
      {"rollout.max_new_tokens", "rollout.longer", "model.max_positions"},
      absl::StrCat("leaves no room for a prompt: expected less than "
                   "model.max_positions = ",
                   model.max_positions(), ", got ", longest));
}

// What changes with the step of rl.
void CheckLonger(const StageConfig& config, RuleChecker* check) {
  const RolloutSection& rollout = config.rollout();
  check->Require(
      !(config.has_sample() || config.has_compare()) ||
          rollout.longer().empty(),
      {"rollout.longer"},
      absl::StrCat("goes by the steps of rl, and a stage with ",
                   StageKind(config),
                   " has none: expected it in the stages with rl, and here "
                   "rollout.max_new_tokens alone"));
  if (!config.has_rl()) return;
  int before = 0, tokens = rollout.max_new_tokens();
  for (int i = 0; i < rollout.longer_size(); ++i) {
    const LongerAnswers& longer = rollout.longer(i);
    const std::string path = absl::StrCat("rollout.longer[", i, "]");
    check->Require(longer.from_step() > before, {path},
                   absl::StrCat("comes too early: expected from_step above ",
                                before, ", got ", longer.from_step()));
    check->Require(longer.max_new_tokens() > tokens, {path},
                   absl::StrCat("is no longer than before: expected "
                                "max_new_tokens above ",
                                tokens, ", got ", longer.max_new_tokens()));
    before = longer.from_step();
    tokens = longer.max_new_tokens();
  }
}

// Whether it is more than a metric.
bool IsPaid(const WeightedRule& rule) {
  const auto when = rule.option().find("when");
  return (when == rule.option().end() || when->second != "eval") &&
         (rule.weight() != 0 || rule.option().count("gate") > 0);
}

void CheckFromStep(const StageConfig& config, const WeightedRule& rule,
                   const std::string& path, RuleChecker* check) {
  if (rule.from_step() == 0) return;
  check->Require(!config.has_sample(), {path},
                 "from_step goes by the steps of rl, and a stage with sample "
                 "has none: expected the rule in the stages with rl");
  check->Require(!config.has_rl() || IsPaid(rule), {path},
                 "from_step says when the weight counts, but the rule is a "
                 "metric: expected a weight other than 0 and no option when: "
                 "eval, or no from_step");
}

void CheckTask(const TaskSection& task, RuleChecker* check) {
  check->set_task(task.name());
  check->Require(task.system().empty() || task.chat(),
                 {"task.system", "task.chat"},
                 "is given, but only the model's chat template has a place for "
                 "a system message: set task.chat");
  const bool is_question = task.kind() == QUESTION_ANSWER;
  check->Require(
      task.min_numbers() <= task.max_numbers(),
      {"task.min_numbers", "task.max_numbers"},
      absl::StrCat("expected task.min_numbers <= task.max_numbers, got ",
                   task.min_numbers(), " > ", task.max_numbers()));
  const std::set<char> operators(task.operators().begin(),
                                 task.operators().end());
  check->Require(
      !operators.empty() && operators.size() == task.operators().size() &&
          task.operators().find_first_not_of("+-*/") == std::string::npos,
      {"task.operators"},
      absl::StrCat("expected one or more of + - * /, each once, got ",
                   QuoteForMessage(task.operators())));
  check->Require(task.answer_form() == AS_IS || task.kind() != COUNTDOWN,
                 {"task.answer_form", "task.kind"},
                 absl::StrCat("Countdown's rows have a target and no answer: "
                              "expected AS_IS, got ",
                              AnswerForm_Name(task.answer_form())));
  check->Require(!is_question || !task.file().empty(),
                 {"task.file", "task.kind"},
                 "QUESTION_ANSWER has no generator: expected a JSONL file of "
                 "questions and answers, got \"\"");
  check->Require(!is_question || !task.question_field().empty(),
                 {"task.question_field", "task.kind"},
                 "expected the name of a JSONL field, got \"\"");
  check->Require(!is_question || !task.answer_field().empty(),
                 {"task.answer_field", "task.kind"},
                 "expected the name of a JSONL field, got \"\"");
  check->Require(!is_question || task.question_field() != task.answer_field(),
                 {"task.answer_field", "task.question_field", "task.kind"},
                 absl::StrCat("the question would be its own answer: expected "
                              "another field than task.question_field, got ",
                              QuoteForMessage(task.answer_field())));
  check->Require(task.split_field().empty() || !task.file().empty(),
                 {"task.split_field", "task.file"},
                 absl::StrCat("is a field of the rows of a file, but there is "
                              "none: expected task.file, got ",
                              QuoteForMessage(task.split_field())));
  check->Require(
      task.template_().empty() ||
          task.template_().find("{question}") != std::string::npos,
      {"task.template"},
      absl::StrCat("has no place for the problem: expected a text with "
                   "{question}, got ",
                   QuoteForMessage(task.template_())));
}

// Whether a task has documents to train on.
bool HasCorpus(const StageConfig& config) {
  if (config.supervised().corpus() != TASK_CORPUS) return true;
  return !config.task().empty() && (config.task(0).kind() == COUNTDOWN ||
                                    config.task(0).kind() == ARITHMETIC);
}

void CheckSupervised(const StageConfig& config, RuleChecker* check) {
  const SupervisedSection& section = config.supervised();
  if (!HasUpdates(section)) return;  // hands its model on
  const bool has_data = !section.data().empty() || !config.data_stage().empty();
  const bool has_rows = has_data || section.corpus_rows() > 0;
  check->Require(has_data || HasCorpus(config), {"supervised.data", "use"},
                 "there is nothing to learn from: expected a JSONL file, or a "
                 "task whose generator has a corpus (COUNTDOWN, ARITHMETIC)");
  check->Require(!has_data || section.corpus_rows() == 0 || HasCorpus(config),
                 {"supervised.corpus_rows", "use"},
                 "there is no corpus to take them from: expected a task whose "
                 "generator has one (COUNTDOWN, ARITHMETIC), or another "
                 "supervised.corpus");
  check->Require(section.steps() == 0 || section.epochs() == 0,
                 {"supervised.epochs", "supervised.steps"},
                 absl::StrCat("both say how long to train: expected one of the "
                              "two, got ",
                              section.steps(), " steps and ", section.epochs(),
                              " epochs"));
  constexpr absl::string_view kEndless =
      "the corpus has no end: expected supervised.data, or "
      "supervised.corpus_rows, the number of its documents to take";
  check->Require(section.epochs() == 0 || has_rows,
                 {"supervised.epochs", "supervised.data"}, kEndless);
  check->Require(section.held_out() == 0 || has_rows,
                 {"supervised.held_out", "supervised.data"}, kEndless);
  check->Require(
      !has_data || section.corpus() == TASK_CORPUS || section.corpus_rows() > 0,
      {"supervised.corpus", "supervised.data"},
      "is not read beside data: expected supervised.corpus_rows, "
      "the number of its documents to take, or no corpus");
}

void CheckStart(const StageConfig& config, RuleChecker* check) {
  if (config.has_compare()) {
    check->Require(
        config.from() == kFromModel, {"from", "compare"},
        absl::StrCat("a comparison starts from no model: expected the stages "
                     "in compare.stage and no `from`, got ",
                     QuoteForMessage(config.from())));
    check->Require(!check->stage().has_model(), {"model", "compare"},
                   "a comparison makes no model: leave `model` out");
    return;
  }
  const bool is_new =
      config.from() == kFromModel && config.model().path().empty();
  check->Require(!is_new || !config.supervised().data().empty() ||
                     !config.data_stage().empty() || HasCorpus(config),
                 {"model.path", "from"},
                 "a new model needs a corpus to train its tokenizer on: "
                 "expected the folder of a base model, got \"\"; set it, or "
                 "let a supervised stage come first");
  check->Require(
      is_new || config.from() == kFromModel || !check->stage().has_model(),
      {"model", "from"},
      absl::StrCat("a stage that starts from ", config.from(),
                   " has that model's shape: leave `model` out, or "
                   "start from \"model\""));
}

// The keys of adapters, and whether the stage has something to adapt.
void CheckLora(const StageConfig& config, RuleChecker* check) {
  const absl::Span<const absl::string_view> known = LoraTargetNames();
  const std::vector<std::string> names(known.begin(), known.end());
  std::set<std::string> seen;
  for (const std::string& target : config.lora().targets()) {
    check->Require(absl::c_linear_search(names, target), {"lora.targets"},
                   absl::StrCat("unknown target: expected names of ",
                                absl::StrJoin(names, ", "), ", got ",
                                QuoteForMessage(target),
                                DidYouMean(NearestNames(target, names))));
    check->Require(seen.insert(target).second, {"lora.targets"},
                   absl::StrCat("expected each target once, got ",
                                QuoteForMessage(target), " again"));
  }
  const bool trains = config.has_supervised() || config.has_rl();
  check->Require(
      trains || !check->stage().has_lora() || check->stage().lora().rank() == 0,
      {"lora"},
      absl::StrCat("adapters are trained by stages with supervised "
                   "or rl only: leave `lora` out of this stage, "
                   "whose kind is ",
                   StageKind(config)));
  const bool updates = config.has_rl() ? config.rl().steps() > 0
                                       : HasUpdates(config.supervised());
  check->Require(
      !config.has_lora() || !updates || config.from() != kFromModel ||
          !config.model().path().empty(),
      {"lora", "from", "model.path"},
      absl::StrCat("the stage ", config.name(),
                   " starts from random weights, so there is nothing to "
                   "adapt: give it lora { rank: 0 }, or start it from a "
                   "trained model"));
}

void CheckLearner(const StageConfig& config, RuleChecker* check) {
  const int32_t shards = config.learner().gradient_shards();
  check->Require((shards & (shards - 1)) == 0, {"learner.gradient_shards"},
                 absl::StrCat("expected a power of two, got ", shards));
  const bool trains = config.has_supervised() || config.has_rl();
  check->Require(
      trains || !check->stage().has_learner() ||
          check->stage().learner().gradient_shards() == 1,
      {"learner.gradient_shards"},
      absl::StrCat("only stages with supervised or rl have shards: leave "
                   "`learner` out of this stage, whose kind is ",
                   StageKind(config)));
}

void CheckRl(const StageConfig& config, RuleChecker* check) {
  if (!config.has_rl()) return;
  check->Require(!config.task().empty(), {"use", "rl"},
                 "there are no problems: expected a task, e.g. task { kind: "
                 "COUNTDOWN }");
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

// Whether a rule is paid for from the first step on: of those that are given,
// or of the defaults where none are (pipeline/folder/stage_rewards.h).
bool PaysFromTheStart(const StageConfig& config) {
  const auto pays = [](const WeightedRule& rule) {
    return IsPaid(rule) && rule.from_step() <= 1;
  };
  bool has_rules = !config.reward().rule().empty();
  if (absl::c_any_of(config.reward().rule(), pays)) return true;
  for (const TaskSection& task : config.task()) {
    if (absl::c_any_of(task.rule(), pays)) return true;
    if (task.rule().empty() && config.tasks_bring_rules()) return true;
    has_rules = has_rules || !task.rule().empty();
  }
  // "format" stands beside the tasks' rules where the stage names none.
  return !has_rules ||
         (config.reward().rule().empty() && config.tasks_bring_rules());
}

void CheckRules(const StageConfig& config, RuleChecker* check) {
  const RewardSection& reward = config.reward();
  std::set<std::string> names;
  for (int i = 0; i < reward.rule_size(); ++i) {
    const WeightedRule& rule = reward.rule(i);
    const std::string path = absl::StrCat("reward.rule[", i, "]");
    CheckFromStep(config, rule, path, check);
    check->Require(!rule.name().empty(), {path},
                   "has no name: expected e.g. name: \"format\", got \"\"");
    check->Require(names.insert(rule.name()).second, {path},
                   absl::StrCat("expected each rule once, got ",
                                QuoteForMessage(rule.name()),
                                " again; change the weight of the first"));
  }
  for (const TaskSection& task : config.task()) {
    check->set_task(task.name());
    for (int i = 0; i < task.rule_size(); ++i) {
      CheckFromStep(config, task.rule(i), absl::StrCat("task.rule[", i, "]"),
                    check);
    }
  }
  const bool learns = config.has_rl() && config.rl().steps() > 0;
  check->Require(PaysFromTheStart(config) || !learns,
                 {"reward.rule", "rl.steps"},
                 "every rule has weight 0 at the first step, so there is "
                 "nothing to learn: expected a weight other than 0 without "
                 "from_step, got only 0");
}

void CheckServer(const StageConfig& config, RuleChecker* check) {
  for (const std::string& server : config.reward().server()) {
    check->Require(ParseHostPort(server, /*lowest_port=*/1).ok(),
                   {"reward.server"},
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

void CheckSample(const StageConfig& config, RuleChecker* check) {
  if (!config.has_sample()) return;
  check->Require(!config.task().empty(), {"use", "sample"},
                 "there are no problems: expected a task, e.g. task { kind: "
                 "COUNTDOWN }");
  const std::string& form = config.sample().form();
  check->Require(form.empty() || form.find("{answer}") != std::string::npos,
                 {"sample.form"},
                 absl::StrCat("has no place for the answer: expected a text "
                              "with {answer}, got ",
                              QuoteForMessage(form)));
  for (int k = 0; k < config.sample().keep_size(); ++k) {
    check->Require(!config.sample().keep(k).rule().empty(),
                   {absl::StrCat("sample.keep[", k, "]")},
                   "has no rule: expected e.g. rule: \"countdown\"");
  }
}

void CheckCompare(const StageConfig& config, RuleChecker* check) {
  if (!config.has_compare()) return;
  check->Require(!config.task().empty(), {"use", "compare"},
                 "there are no problems: expected a task, e.g. task { kind: "
                 "COUNTDOWN }");
  check->Require(!config.compare().stage().empty(), {"compare"},
                 "there is nothing to compare: expected one or more stages "
                 "with supervised or rl");
  std::set<std::string> seen;
  for (const std::string& stage : config.compare().stage()) {
    check->Require(seen.insert(stage).second, {"compare.stage"},
                   absl::StrCat("expected each stage once, got ",
                                QuoteForMessage(stage), " again"));
  }
}

// Those of all models that answer in a stage.
std::vector<const ModelSection*> ModelsOf(
    const StageConfig& stage, const std::vector<StageConfig>& stages) {
  if (!stage.has_compare()) return {&RootModel(stage, stages)};
  std::vector<const ModelSection*> models;
  for (const StageConfig& other : stages) {
    if (absl::c_linear_search(stage.compare().stage(), other.name())) {
      models.push_back(&RootModel(other, stages));
    }
  }
  return models;
}

}  // namespace

void CheckConfigRules(const Recipe& recipe, ConfigReport* report) {
  if (!CheckGraph(recipe, report)) return;
  bool has_edges = true;
  for (int i = 0; i < recipe.stage_size(); ++i) {
    RuleChecker check(recipe, i, report);
    CheckEdges(recipe, ResolveStage(recipe, recipe.stage(i)), &check);
    has_edges &= check.holds();
  }
  if (!has_edges) return;  // what waits for nothing cannot be put in order
  const std::vector<StageConfig> stages = ResolveStages(recipe);
  CheckOrder(recipe, stages, report);
  for (const StageConfig& stage : stages) {
    RuleChecker check(recipe, IndexOf(stage.name(), recipe), report);
    CheckModel(stage, &check);
    for (const ModelSection* model : ModelsOf(stage, stages)) {
      CheckRoom(stage, *model, &check);
    }
    CheckLonger(stage, &check);
    for (const TaskSection& task : stage.task()) CheckTask(task, &check);
    CheckStart(stage, &check);
    CheckSupervised(stage, &check);
    CheckSample(stage, &check);
    CheckCompare(stage, &check);
    CheckLora(stage, &check);
    CheckLearner(stage, &check);
    CheckRl(stage, &check);
    CheckRules(stage, &check);
    CheckServer(stage, &check);
  }
}

}  // namespace r1
