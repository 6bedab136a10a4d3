// Loads, checks, resolves and prints the recipe of a run. Format and error
// messages: proto/README.md.
#ifndef R1_PROTO_RECIPE_H_
#define R1_PROTO_RECIPE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "google/protobuf/message.h"
#include "proto/config.pb.h"

namespace r1 {

// What a stage's `from` says for the section `model`.
inline constexpr char kFromModel[] = "model";

// The recipe in the text-proto file `path`, changed by `overrides` in their
// order ("rl.steps=10", the arguments of --set). Stages and tasks have names,
// stages say where they start; of the other keys, those that were given are
// present.
// Errors: InvalidArgument with one line per mistake, all mistakes at once:
//   FILE:LINE: key: what is wrong: expected ..., got ...; did you mean "x"?
// For an override "--set key=value" stands in place of FILE:LINE. The codes of
// ReadFile (base/file.h) if the file cannot be read.
absl::StatusOr<Recipe> LoadRecipe(const std::string& path,
                                  absl::Span<const std::string> overrides);

// The same for `text`; `name` stands in place of the file's name.
absl::StatusOr<Recipe> ParseRecipe(absl::string_view text,
                                   absl::string_view name,
                                   absl::Span<const std::string> overrides);

// A stage with all that it inherits and every key present.
StageConfig ResolveStage(const Recipe& recipe, const Stage& stage);

// How the model of a stage is measured beside those of the others: on every
// task of the recipe, each by its own rules and those of the recipe, not those
// that the stage pays for. Where the recipe has one task or none: `stage`.
StageConfig WithAllTasks(const Recipe& recipe, const StageConfig& stage);

// The stages of a recipe that was loaded, each after those it needs, with all
// that they inherit and every key present.
std::vector<StageConfig> ResolveStages(const Recipe& recipe);

// The section `model` that a stage descends from: the shape of a new model, or
// a folder's.
const ModelSection& RootModel(const StageConfig& stage,
                              const std::vector<StageConfig>& stages);

// A stage that says nothing, with every default: for a model of no run.
StageConfig DefaultStage();

// `stage` changed by overrides, as if it were the only one of its recipe.
// Errors: those of LoadRecipe.
absl::StatusOr<StageConfig> ConfigureStage(
    const StageConfig& stage, absl::Span<const std::string> overrides);

// The task that a stage without any means: the first, or one with all defaults.
const TaskSection& FirstTask(const StageConfig& stage);

// Option of the rule "model" (and any other name it is served by): the stage
// whose reward model judges.
inline constexpr char kStageOption[] = "stage";

// The reward models that judge in this stage, by the names of their stages.
std::vector<std::string> RewardModelsOf(const StageConfig& stage);

// "supervised", "rl", "sample", "reward_model" or "compare".
std::string StageKind(const StageConfig& stage);

// Whether its kind samples and scores answers.
bool DrawsSamples(const StageConfig& stage);

// Whether it draws any: rl without steps hands its model on.
bool HasSamples(const StageConfig& stage);

// Whether a supervised stage makes any update; else it hands its model on.
bool HasUpdates(const SupervisedSection& section);

// The targets that LoraSection.targets may name, and all of which it means if
// it names none.
absl::Span<const absl::string_view> LoraTargetNames();

// Names of the stages that `stage` needs: where it starts, what it reads, who
// judges, whom it compares.
std::vector<std::string> StageInputs(const StageConfig& stage);

// A recipe or stage as text, its keys in the order of config.proto.
// ParseRecipe gives back the same bits.
std::string ConfigToText(const google::protobuf::Message& config);

}  // namespace r1

#endif  // R1_PROTO_RECIPE_H_
