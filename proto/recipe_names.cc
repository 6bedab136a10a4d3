#include "proto/recipe_names.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

// The sections of which a stage has one, and whose name, where only one stage
// has it, stands for that stage.
const std::vector<std::string>& Kinds() {
  static const auto* const kinds = new std::vector<std::string>{
      "supervised", "rl", "sample", "reward_model", "compare"};
  return *kinds;
}

bool HasSection(const Stage& stage, const std::string& section) {
  return stage.GetReflection()->HasField(
      stage, Stage::descriptor()->FindFieldByName(section));
}

std::string KindOf(const Stage& stage) {
  for (const std::string& kind : Kinds()) {
    if (HasSection(stage, kind)) return kind;
  }
  return "";
}

std::string PathOf(absl::string_view list, int index) {
  return absl::StrCat(list, "[", index, "]");
}

}  // namespace

void FillNames(Recipe* recipe) {
  for (TaskSection& task : *recipe->mutable_task()) {
    if (task.name().empty()) {
      task.set_name(absl::AsciiStrToLower(Task_Name(task.kind())));
    }
  }
  std::string before = kFromModel;
  for (int i = 0; i < recipe->stage_size(); ++i) {
    Stage& stage = *recipe->mutable_stage(i);
    if (stage.name().empty()) stage.set_name(KindOf(stage));
    // Without a kind, too, which CheckConfigRules reports.
    if (stage.name().empty()) stage.set_name(absl::StrCat("stage-", i + 1));
    // A comparison starts from no model, and none comes of it.
    if (stage.from().empty()) {
      stage.set_from(stage.has_compare() ? kFromModel : before);
    }
    if (!stage.has_compare()) before = stage.name();
  }
}

KeyPlace PlaceOfKey(const Recipe& recipe, absl::string_view path) {
  const size_t dot = path.find('.');
  const std::string head(path.substr(0, dot));
  const absl::string_view rest =
      dot == path.npos ? absl::string_view() : path.substr(dot);
  const std::string next(
      rest.substr(rest.empty() ? 0 : 1, rest.find('.', 1) - 1));
  std::vector<std::string> places, names;
  const auto add = [&](std::string place, absl::string_view name) {
    places.push_back(absl::StrCat(place, rest));
    names.push_back(absl::StrCat(name, ".", path));
  };
  // A stage or task by its name.
  for (int i = 0; i < recipe.stage_size(); ++i) {
    if (recipe.stage(i).name() == head &&
        Stage::descriptor()->FindFieldByName(next) != nullptr) {
      return {absl::StrCat(PathOf("stage", i), rest), ""};
    }
  }
  for (int i = 0; i < recipe.task_size(); ++i) {
    if (recipe.task(i).name() == head &&
        TaskSection::descriptor()->FindFieldByName(next) != nullptr) {
      return {absl::StrCat(PathOf("task", i), rest), ""};
    }
  }
  // The section of a kind, or the only task.
  for (const std::string& kind : Kinds()) {
    if (head != kind) continue;
    for (int i = 0; i < recipe.stage_size(); ++i) {
      const Stage& stage = recipe.stage(i);
      if (HasSection(stage, kind)) {
        add(absl::StrCat(PathOf("stage", i), ".", kind), stage.name());
      }
    }
  }
  if (head == "task" && !rest.empty()) {
    for (int i = 0; i < recipe.task_size(); ++i) {
      places.push_back(absl::StrCat(PathOf("task", i), rest));
      names.push_back(absl::StrCat(recipe.task(i).name(), rest));
    }
  }
  if (places.size() == 1) return {places[0], ""};
  if (!places.empty()) return {"", absl::StrJoin(names, ", ")};
  return {std::string(path), ""};
}

std::vector<std::pair<std::string, std::string>> ShortPaths(
    const Recipe& recipe) {
  std::vector<std::pair<std::string, std::string>> shorter;
  for (const std::string& kind : Kinds()) {
    std::vector<int> having;
    for (int i = 0; i < recipe.stage_size(); ++i) {
      if (HasSection(recipe.stage(i), kind)) having.push_back(i);
    }
    if (having.size() != 1) continue;
    shorter.emplace_back(absl::StrCat(PathOf("stage", having[0]), ".", kind),
                         kind);
  }
  for (int i = 0; i < recipe.stage_size(); ++i) {
    shorter.emplace_back(PathOf("stage", i), recipe.stage(i).name());
  }
  for (int i = 0; i < recipe.task_size(); ++i) {
    shorter.emplace_back(PathOf("task", i), recipe.task_size() == 1
                                                ? "task"
                                                : recipe.task(i).name());
  }
  return shorter;
}

}  // namespace r1
