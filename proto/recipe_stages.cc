#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "proto/config_binder.h"
#include "proto/config_rules.h"
#include "proto/config_text.h"
#include "proto/recipe.h"
#include "proto/recipe_names.h"

namespace r1 {

// --- What stages inherit

namespace {

// Lists of the stage replace those it would inherit.
template <typename Section>
Section Inherit(const Section& inherited, const Section& own) {
  Section merged = inherited;
  const auto* type = Section::descriptor();
  const auto* r = merged.GetReflection();
  for (int i = 0; i < type->field_count(); ++i) {
    const auto* field = type->field(i);
    if (field->is_repeated() && r->FieldSize(own, field) > 0) {
      r->ClearField(&merged, field);
    }
  }
  merged.MergeFrom(own);
  return merged;
}

// 64 bits that no two names of stages share.
uint64_t StageSeed(uint64_t seed, const std::string& name) {
  const std::string hex = Sha256Hex(absl::StrCat("stage ", seed, " ", name));
  return std::stoull(hex.substr(0, 16), nullptr, 16);
}

const TaskSection* FindTask(const Recipe& recipe, const std::string& name) {
  for (const TaskSection& task : recipe.task()) {
    if (task.name() == name) return &task;
  }
  return nullptr;
}

void AddTasks(const Recipe& recipe, const Stage& stage, StageConfig* config) {
  float sum = 0;
  for (const TaskUse& use : stage.use()) {
    const TaskSection* task = FindTask(recipe, use.task());
    if (task == nullptr) continue;  // CheckConfigRules says so
    *config->add_task() = *task;
    config->add_share(use.share());
    sum += use.share();
  }
  if (stage.use().empty()) {
    for (const TaskSection& task : recipe.task()) {
      *config->add_task() = task;
      config->add_share(1);
      sum += 1;
    }
  }
  for (float& share : *config->mutable_share()) share /= sum;
}

template <typename Do>
void ForEachRule(const StageConfig& stage, const Do& act) {
  for (const WeightedRule& rule : stage.reward().rule()) act(rule);
  for (const TaskSection& task : stage.task()) {
    for (const WeightedRule& rule : task.rule()) act(rule);
  }
}

void AddModelRules(StageConfig* config) {
  std::set<std::string> names;
  ForEachRule(*config, [&](const WeightedRule& rule) {
    if (rule.option().count(kStageOption) > 0) names.insert(rule.name());
  });
  for (const std::string& name : names) config->add_model_rule(name);
}

constexpr absl::string_view kLoraTargets[] = {
    "q_proj",    "k_proj",  "v_proj",   "o_proj",
    "gate_proj", "up_proj", "down_proj"};

// Kinds that train a language model have adapters, if there are any.
void AddLora(const Recipe& recipe, const Stage& stage, StageConfig* config) {
  if (!recipe.has_lora() && !stage.has_lora()) return;
  if (!stage.has_supervised() && !stage.has_rl()) return;
  LoraSection lora = Inherit(recipe.lora(), stage.lora());
  if (lora.rank() == 0) return;
  WriteDefaults(&lora);
  if (lora.targets().empty()) {
    for (absl::string_view name : kLoraTargets) {
      lora.add_targets(std::string(name));
    }
  }
  *config->mutable_lora() = std::move(lora);
}

// Kinds that train a language model have shards of its gradient.
void AddLearner(const Recipe& recipe, const Stage& stage, StageConfig* config) {
  if (!stage.has_supervised() && !stage.has_rl()) return;
  LearnerSection learner = Inherit(recipe.learner(), stage.learner());
  if (learner.gradient_shards() == 1) return;
  WriteDefaults(&learner);
  *config->mutable_learner() = std::move(learner);
}

// Data of a supervised stage that is another stage's.
void SplitData(const Recipe& recipe, StageConfig* config) {
  SupervisedSection* section = config->mutable_supervised();
  std::vector<std::string> files;
  for (const std::string& data : section->data()) {
    bool is_stage = false;
    for (const Stage& stage : recipe.stage()) is_stage |= stage.name() == data;
    if (is_stage) {
      config->add_data_stage(data);
    } else {
      files.push_back(data);
    }
  }
  section->clear_data();
  for (std::string& file : files) section->add_data(std::move(file));
}

// Without a stage all that train a model are compared.
void NameCompared(const Recipe& recipe, CompareSection* section) {
  if (!section->stage().empty()) return;
  for (const Stage& stage : recipe.stage()) {
    if (stage.has_supervised() || stage.has_rl()) {
      section->add_stage(stage.name());
    }
  }
}

}  // namespace

StageConfig ResolveStage(const Recipe& recipe, const Stage& stage) {
  StageConfig config;
  config.set_name(stage.name());
  config.set_from(stage.from());
  config.set_seed(StageSeed(recipe.seed(), stage.name()));
  config.set_threads(recipe.threads());
  if (recipe.device() != "cpu") config.set_device(recipe.device());
  config.set_dtype(recipe.dtype());
  config.set_keep(recipe.keep());
  *config.mutable_model() = Inherit(recipe.model(), stage.model());
  AddLora(recipe, stage, &config);
  AddLearner(recipe, stage, &config);
  AddTasks(recipe, stage, &config);
  if (recipe.task_size() > 1) config.set_tasks_bring_rules(true);
  if (stage.has_supervised()) {
    *config.mutable_supervised() = stage.supervised();
    WriteDefaults(config.mutable_supervised());
    SplitData(recipe, &config);
  }
  if (stage.has_rl()) {
    *config.mutable_rl() = stage.rl();
    WriteDefaults(config.mutable_rl());
  }
  if (stage.has_sample()) {
    *config.mutable_sample() = stage.sample();
    WriteDefaults(config.mutable_sample());
  }
  if (stage.has_reward_model()) {
    *config.mutable_reward_model() = stage.reward_model();
    WriteDefaults(config.mutable_reward_model());
  }
  if (stage.has_compare()) {
    *config.mutable_compare() = stage.compare();
    NameCompared(recipe, config.mutable_compare());
  }
  *config.mutable_rollout() = Inherit(recipe.rollout(), stage.rollout());
  *config.mutable_reward() = Inherit(recipe.reward(), stage.reward());
  *config.mutable_eval() = Inherit(recipe.eval(), stage.eval());
  *config.mutable_checkpoint() =
      Inherit(recipe.checkpoint(), stage.checkpoint());
  for (TaskSection& task : *config.mutable_task()) WriteDefaults(&task);
  AddModelRules(&config);
  WriteDefaults(config.mutable_model());
  WriteDefaults(config.mutable_rollout());
  WriteDefaults(config.mutable_reward());
  WriteDefaults(config.mutable_eval());
  WriteDefaults(config.mutable_checkpoint());
  return config;
}

StageConfig WithAllTasks(const Recipe& recipe, const StageConfig& stage) {
  if (recipe.task_size() <= 1) return stage;
  StageConfig config = stage;
  config.clear_task();
  config.clear_share();
  config.clear_model_rule();
  AddTasks(recipe, /*stage=*/Stage(), &config);
  for (TaskSection& task : *config.mutable_task()) WriteDefaults(&task);
  *config.mutable_reward()->mutable_rule() = recipe.reward().rule();
  AddModelRules(&config);
  WriteDefaults(config.mutable_reward());
  return config;
}

absl::Span<const absl::string_view> LoraTargetNames() { return kLoraTargets; }

bool DrawsSamples(const StageConfig& stage) {
  return stage.has_rl() || stage.has_sample() || stage.has_compare();
}

bool HasSamples(const StageConfig& stage) {
  return DrawsSamples(stage) && !(stage.has_rl() && stage.rl().steps() == 0);
}

std::string StageKind(const StageConfig& stage) {
  if (stage.has_rl()) return "rl";
  if (stage.has_sample()) return "sample";
  if (stage.has_compare()) return "compare";
  return stage.has_reward_model() ? "reward_model" : "supervised";
}

bool HasUpdates(const SupervisedSection& section) {
  return section.steps() > 0 || section.epochs() > 0;
}

std::vector<std::string> StageInputs(const StageConfig& stage) {
  std::vector<std::string> inputs;
  if (stage.from() != kFromModel) inputs.push_back(stage.from());
  for (const std::string& other : stage.data_stage()) inputs.push_back(other);
  for (const std::string& judge : RewardModelsOf(stage)) {
    inputs.push_back(judge);
  }
  for (const std::string& model : stage.compare().stage()) {
    inputs.push_back(model);
  }
  return inputs;
}

std::vector<std::string> RewardModelsOf(const StageConfig& stage) {
  std::vector<std::string> names;
  if (!DrawsSamples(stage)) return names;  // nothing is judged
  ForEachRule(stage, [&](const WeightedRule& rule) {
    const auto it = rule.option().find(kStageOption);
    if (it != rule.option().end()) names.push_back(it->second);
  });
  return names;
}

const ModelSection& RootModel(const StageConfig& stage,
                              const std::vector<StageConfig>& stages) {
  for (const StageConfig& other : stages) {
    if (other.name() == stage.from()) return RootModel(other, stages);
  }
  return stage.model();
}

std::vector<StageConfig> ResolveStages(const Recipe& recipe) {
  std::vector<StageConfig> waiting, ordered;
  for (const Stage& stage : recipe.stage()) {
    waiting.push_back(ResolveStage(recipe, stage));
  }
  // The first of the file that waits for nobody, again and again. Those of a
  // cycle are left over, which CheckConfigRules reports.
  std::set<std::string> done;
  for (bool found = true; found;) {
    found = false;
    for (auto it = waiting.begin(); it != waiting.end(); ++it) {
      bool is_ready = true;
      for (const std::string& input : StageInputs(*it)) {
        is_ready = is_ready && done.count(input) > 0;
      }
      if (!is_ready) continue;
      done.insert(it->name());
      ordered.push_back(std::move(*it));
      waiting.erase(it);
      found = true;
      break;
    }
  }
  return ordered;
}

StageConfig DefaultStage() {
  Recipe recipe;
  recipe.add_task();
  recipe.add_stage()->mutable_rl();
  FillNames(&recipe);
  return ResolveStage(recipe, recipe.stage(0));
}

absl::StatusOr<StageConfig> ConfigureStage(
    const StageConfig& stage, absl::Span<const std::string> overrides) {
  if (overrides.empty()) return stage;
  // A model that is there: the rules on what a new one needs are not asked.
  constexpr char kThere[] = "-";
  Recipe recipe;
  *recipe.mutable_model() = stage.model();
  if (stage.model().path().empty()) recipe.mutable_model()->set_path(kThere);
  recipe.set_dtype(stage.dtype());
  recipe.set_keep(stage.keep());
  *recipe.mutable_task() = stage.task();
  *recipe.mutable_rollout() = stage.rollout();
  *recipe.mutable_reward() = stage.reward();
  *recipe.mutable_eval() = stage.eval();
  Stage* only = recipe.add_stage();
  only->set_name(stage.name());
  only->set_from(kFromModel);
  if (stage.has_lora()) *only->mutable_lora() = stage.lora();
  if (stage.has_learner()) *only->mutable_learner() = stage.learner();
  if (stage.has_rl()) *only->mutable_rl() = stage.rl();
  if (stage.has_supervised()) {
    *only->mutable_supervised() = stage.supervised();
    for (const std::string& data : stage.data_stage()) {
      only->mutable_supervised()->add_data(data);
    }
  }
  if (stage.has_sample()) *only->mutable_sample() = stage.sample();
  if (stage.has_reward_model()) {
    *only->mutable_reward_model() = stage.reward_model();
  }
  for (int t = 0; t < stage.task_size(); ++t) {
    TaskUse* use = only->add_use();
    use->set_task(stage.task(t).name());
    use->set_share(stage.share(t));
  }
  R1_ASSIGN_OR_RETURN(recipe,
                      ParseRecipe(ConfigToText(recipe), "defaults", overrides));
  StageConfig configured = ResolveStage(recipe, recipe.stage(0));
  if (configured.model().path() == kThere) {
    configured.mutable_model()->set_path("");
  }
  configured.set_from(stage.from());
  *configured.mutable_data_stage() = stage.data_stage();
  if (stage.tasks_bring_rules()) configured.set_tasks_bring_rules(true);
  if (stage.has_supervised()) {
    *configured.mutable_supervised()->mutable_data() =
        stage.supervised().data();
  }
  *configured.mutable_checkpoint() = stage.checkpoint();
  if (!recipe.has_seed()) configured.set_seed(stage.seed());
  return configured;
}

const TaskSection& FirstTask(const StageConfig& stage) {
  static const auto* const defaults = [] {
    auto* const task = new TaskSection;
    WriteDefaults(task);
    return task;
  }();
  return stage.task().empty() ? *defaults : stage.task(0);
}

// --- The graph of stages

namespace {

const Stage* FindStage(const Recipe& recipe, const std::string& name) {
  for (const Stage& stage : recipe.stage()) {
    if (stage.name() == name) return &stage;
  }
  return nullptr;
}

}  // namespace

bool CheckGraph(const Recipe& recipe, ConfigReport* report) {
  const auto require = [&](bool holds, const std::string& path,
                           const std::string& what) {
    if (!holds) report->AddRule({path}, what);
    return holds;
  };
  if (recipe.stage().empty() && !report->ok()) return false;
  bool is_good = require(!recipe.stage().empty(), "stage",
                         "there is nothing to do: expected one or more, e.g. "
                         "stage { rl { steps: 100 } }");
  std::set<std::string> tasks, stages;
  const auto is_name = [](const std::string& name) {
    return !name.empty() && name.size() <= 64 &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") ==
               name.npos &&
           Recipe::descriptor()->FindFieldByName(name) == nullptr;
  };
  constexpr absl::string_view kNameRule =
      "expected small letters, digits, _ and -, no word of the recipe such as "
      "\"model\" and no task's name, got ";
  for (int i = 0; i < recipe.task_size(); ++i) {
    const std::string& name = recipe.task(i).name();
    const std::string path = absl::StrCat("task[", i, "].name");
    is_good &= require(is_name(name), path,
                       absl::StrCat(kNameRule, QuoteForMessage(name)));
    is_good &= require(tasks.insert(name).second, path,
                       absl::StrCat("expected each name once, got ",
                                    QuoteForMessage(name), " again"));
  }
  for (int i = 0; i < recipe.stage_size(); ++i) {
    const std::string& name = recipe.stage(i).name();
    const std::string path = absl::StrCat("stage[", i, "].name");
    is_good &= require(is_name(name) && tasks.count(name) == 0, path,
                       absl::StrCat(kNameRule, QuoteForMessage(name)));
    is_good &= require(stages.insert(name).second, path,
                       absl::StrCat("expected each name once, got ",
                                    QuoteForMessage(name), " again"));
  }
  for (int i = 0; i < recipe.stage_size(); ++i) {
    const Stage& stage = recipe.stage(i);
    const std::string path = absl::StrCat("stage[", i, "]");
    is_good &=
        require(stage.has_supervised() + stage.has_rl() + stage.has_sample() +
                        stage.has_reward_model() + stage.has_compare() ==
                    1,
                path,
                "expected one of supervised { ... }, rl { ... }, sample "
                "{ ... }, reward_model { ... }, compare { ... }");
    is_good &= require(
        stage.from() == kFromModel || stages.count(stage.from()) > 0,
        path + ".from",
        absl::StrCat("there is no stage ", QuoteForMessage(stage.from()),
                     ": expected \"model\" or one of ",
                     absl::StrJoin(stages, ", ")));
    std::set<std::string> used;
    for (int u = 0; u < stage.use_size(); ++u) {
      is_good &= require(used.insert(stage.use(u).task()).second,
                         absl::StrCat(path, ".use[", u, "]"),
                         absl::StrCat("expected each task once, got ",
                                      QuoteForMessage(stage.use(u).task()),
                                      " again; change the share of the first"));
      is_good &= require(
          tasks.count(stage.use(u).task()) > 0,
          absl::StrCat(path, ".use[", u, "]"),
          absl::StrCat(
              "there is no task ", QuoteForMessage(stage.use(u).task()),
              ": expected ",
              tasks.empty()
                  ? "a section task { ... } of this name"
                  : absl::StrCat("one of ", absl::StrJoin(tasks, ", "))));
    }
  }
  return is_good;
}

void CheckEdges(const Recipe& recipe, const StageConfig& stage,
                RuleChecker* check) {
  const Stage* from = FindStage(recipe, stage.from());
  check->Require(from == nullptr || !from->has_sample(), {"from"},
                 absl::StrCat(stage.from(),
                              " makes data and no model: expected "
                              "a stage that trains one, or \"model\""));
  check->Require(
      from == nullptr || !from->has_reward_model() || stage.has_reward_model(),
      {"from"},
      absl::StrCat(stage.from(),
                   " makes a reward model, which writes nothing: "
                   "expected a stage that trains a model"));
  check->Require(from == nullptr || !from->has_compare(), {"from"},
                 absl::StrCat(stage.from(),
                              " makes a table and no model: expected "
                              "a stage that trains one, or \"model\""));
  for (const std::string& model : stage.compare().stage()) {
    const Stage* source = FindStage(recipe, model);
    check->Require(
        source != nullptr && (source->has_supervised() || source->has_rl()),
        {"compare.stage"},
        absl::StrCat(QuoteForMessage(model),
                     " is no stage that trains a language model: "
                     "expected one with supervised or rl"));
  }
  for (const std::string& data : stage.data_stage()) {
    const Stage* source = FindStage(recipe, data);
    check->Require(source != nullptr && source->has_sample(),
                   {"supervised.data"},
                   absl::StrCat(data,
                                " makes a model and no data: expected a "
                                "stage that samples, or a JSONL file"));
  }
  for (const std::string& judge : RewardModelsOf(stage)) {
    const Stage* source = FindStage(recipe, judge);
    check->Require(
        source != nullptr && source->has_reward_model(), {"reward.rule", "use"},
        absl::StrCat("there is no reward model ", QuoteForMessage(judge),
                     ": expected a stage with reward_model { ... }"));
  }
}

int IndexOf(const std::string& stage, const Recipe& recipe) {
  for (int i = 0; i < recipe.stage_size(); ++i) {
    if (recipe.stage(i).name() == stage) return i;
  }
  return 0;
}

void CheckOrder(const Recipe& recipe, const std::vector<StageConfig>& ordered,
                ConfigReport* report) {
  std::set<std::string> placed;
  for (const StageConfig& stage : ordered) placed.insert(stage.name());
  std::vector<std::string> left;
  for (const Stage& stage : recipe.stage()) {
    if (placed.count(stage.name()) == 0) left.push_back(stage.name());
  }
  if (left.empty()) return;
  report->AddRule(
      {absl::StrCat("stage[", IndexOf(left.front(), recipe), "].from")},
      absl::StrCat("these stages wait for each other: ",
                   absl::StrJoin(left, ", ")));
}

}  // namespace r1
