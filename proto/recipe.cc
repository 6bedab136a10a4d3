#include "proto/recipe.h"

#include <google/protobuf/text_format.h>

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/nearest_name.h"
#include "base/status_macros.h"
#include "proto/config_binder.h"
#include "proto/config_rules.h"
#include "proto/config_text.h"
#include "proto/recipe_names.h"

namespace r1 {

// --- Loading

namespace {

constexpr size_t kMaxConfigBytes = 1 << 20;

}  // namespace

absl::StatusOr<Recipe> LoadRecipe(const std::string& path,
                                  absl::Span<const std::string> overrides) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return Annotate(text.status(), "configuration");
  return ParseRecipe(*text, path, overrides);
}

absl::StatusOr<Recipe> ParseRecipe(absl::string_view text,
                                   absl::string_view name,
                                   absl::Span<const std::string> overrides) {
  if (text.size() > kMaxConfigBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": too large for a configuration: expected at most ",
                     kMaxConfigBytes, " bytes, got ", text.size()));
  }
  ConfigReport report{std::string(name)};
  std::vector<TextError> errors;
  const std::vector<TextField> fields = ParseTextFields(text, &errors);
  for (const TextError& error : errors) {
    report.Add(error.line, absl::StrCat(name, ":", error.line), error.path,
               error.what);
  }
  Recipe recipe;
  ConfigBinder binder(BindMode::kFile, std::string(name), &report);
  binder.BindFields(fields, "", &recipe);
  FillNames(&recipe);
  for (const std::string& override : overrides) {
    ApplyOverride(override, &recipe, &report);
  }
  report.SetShortPaths(ShortPaths(recipe));
  // Text that could not be read leaves defaults behind, and rules would blame
  // those.
  if (errors.empty()) CheckConfigRules(recipe, &report);
  R1_RETURN_IF_ERROR(report.ToStatus());
  return recipe;
}

std::string ConfigToText(const google::protobuf::Message& config) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  printer.PrintToString(config, &text);
  return text;
}

// --- Names

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

// --- Overrides

namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

constexpr absl::string_view kUsage =
    "expected --set section.key=value, e.g. --set rl.steps=10";

struct Target {
  const FieldDescriptor* field = nullptr;
  Message* section = nullptr;
};

// "stage[1]" is the item 1 of the list "stage"; -1 without brackets.
struct PathPart {
  std::string name;
  int index = -1;
};

PathPart ParsePart(absl::string_view part) {
  PathPart parsed;
  const size_t bracket = part.find('[');
  parsed.name = std::string(part.substr(0, bracket));
  if (bracket != part.npos && part.back() == ']' &&
      !absl::SimpleAtoi(part.substr(bracket + 1, part.size() - bracket - 2),
                        &parsed.index)) {
    parsed.index = -1;
  }
  return parsed;
}

// The field that `path` names and the section it lies in; a null field if
// there is none, or if the path leads through a list.
Target FindTarget(const std::string& path, Message* config) {
  Target target;
  Message* section = config;
  int index = -1;
  for (absl::string_view part : absl::StrSplit(path, '.')) {
    if (target.field != nullptr) {
      const FieldDescriptor* field = target.field;
      if (field->message_type() == nullptr ||
          field->is_repeated() != (index >= 0)) {
        return {};
      }
      const auto* r = section->GetReflection();
      section = index >= 0 ? r->MutableRepeatedMessage(section, field, index)
                           : r->MutableMessage(section, field);
    }
    const PathPart parsed = ParsePart(part);
    index = parsed.index;
    target.field = section->GetDescriptor()->FindFieldByName(parsed.name);
    if (target.field == nullptr) return {};
  }
  if (index >= 0) return {};
  target.section = section;
  return target;
}

// Whether the key at `path` is given in this section.
bool IsGiven(const std::string& path, const Message& section) {
  const Message* message = &section;
  const FieldDescriptor* field = nullptr;
  for (absl::string_view part : absl::StrSplit(path, '.')) {
    if (field != nullptr) {
      message = &message->GetReflection()->GetMessage(*message, field);
    }
    field = message->GetDescriptor()->FindFieldByName(std::string(part));
    if (field == nullptr) return false;
    const auto* r = message->GetReflection();
    if (field->is_repeated()) return r->FieldSize(*message, field) > 0;
    if (!r->HasField(*message, field)) return false;
  }
  return field->message_type() == nullptr;
}

// The stages that say for themselves what they would inherit.
std::vector<std::string> StagesThatSay(const std::string& path,
                                       const Recipe& recipe) {
  std::vector<std::string> names;
  for (const Stage& stage : recipe.stage()) {
    if (IsGiven(path, stage)) names.push_back(stage.name());
  }
  return names;
}

// True if the value is text without quotes for a string key.
bool IsBareText(const FieldDescriptor& field, absl::string_view value) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_STRING) return false;
  if (value.empty()) return true;
  const char first = value.front();
  return first != '"' && first != '\'' &&
         !(field.is_repeated() && first == '[');
}

// `place` is where the schema would have it.
std::string DescribeUnknown(const std::string& path, const std::string& place) {
  for (const SchemaKey& key : SchemaKeys(*Recipe::descriptor())) {
    if (!key.field->is_repeated()) continue;
    if (key.path == "stage" || key.path == "task") {
      if (absl::StartsWith(path, absl::StrCat(key.path, ".")) ||
          absl::StartsWith(path, absl::StrCat(key.path, "["))) {
        return absl::StrCat("expected the name of a ", key.path,
                            " instead, as in --set NAME",
                            key.path == "stage" ? ".rl.steps=9" : ".file=F");
      }
      continue;
    }
    if (absl::StartsWith(path, absl::StrCat(key.path, ".")) ||
        absl::StartsWith(path, absl::StrCat(key.path, "["))) {
      return absl::StrCat("part of a list, which is set as a whole: expected ",
                          "--set '", key.path, "=[...]'");
    }
  }
  return absl::StrCat("unknown key",
                      DidYouMean(SuggestKeys(WithoutIndices(place))));
}

}  // namespace

void ApplyOverride(const std::string& argument, Recipe* recipe,
                   ConfigReport* report) {
  const std::string where =
      absl::StrCat("--set ", absl::Utf8SafeCEscape(argument.substr(0, 80)));
  const size_t equals = argument.find('=');
  if (equals == std::string::npos) {
    return report->Add(kOverrideLine, where, "", kUsage);
  }
  const std::string path(absl::StripAsciiWhitespace(
      absl::string_view(argument).substr(0, equals)));
  const absl::string_view text = absl::StripAsciiWhitespace(
      absl::string_view(argument).substr(equals + 1));
  const KeyPlace place = PlaceOfKey(*recipe, path);
  if (!place.which.empty()) {
    return report->Add(
        kOverrideLine, where, path,
        absl::StrCat("there are several: expected one of ", place.which));
  }
  const bool has_index = path.find('[') != path.npos;
  const Target target = has_index ? Target() : FindTarget(place.path, recipe);
  if (target.field == nullptr) {
    return report->Add(kOverrideLine, where, path,
                       DescribeUnknown(path, place.path));
  }
  const bool is_inherited = place.path == path;
  const std::vector<std::string> stages =
      is_inherited ? StagesThatSay(path, *recipe) : std::vector<std::string>();
  if (!stages.empty()) {
    return report->Add(
        kOverrideLine, where, path,
        absl::StrCat("would change nothing for ", absl::StrJoin(stages, ", "),
                     ", which says it for itself: expected --set ",
                     stages.front(), ".", path, "=..."));
  }
  std::vector<TextError> errors;
  TextValue value;
  if (IsBareText(*target.field, text)) {
    value.kind = TextValue::Kind::kString;
    value.text = std::string(text);
  } else {
    value = ParseTextValue(text, &errors);
  }
  for (const TextError& error : errors) {
    report->Add(kOverrideLine, where, JoinPath(path, error.path), error.what);
  }
  if (!errors.empty()) return;
  ConfigBinder binder(BindMode::kOverride, where, report);
  binder.BindValue(*target.field, value, place.path, target.section);
}

}  // namespace r1
