#include "proto/graph_rules.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/config_text.h"
#include "proto/recipe.h"

namespace r1 {
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
