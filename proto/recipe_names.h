// How the parts of a recipe are called, in overrides and in messages, and what
// --set does to it.
#ifndef R1_PROTO_RECIPE_NAMES_H_
#define R1_PROTO_RECIPE_NAMES_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "proto/config.pb.h"
#include "proto/config_text.h"

namespace r1 {

// Names stages and tasks that have no name after their kind, and says where
// each stage starts.
void FillNames(Recipe* recipe);

// A key as people name it, to its place in the schema with positions in lists:
// "rl.steps" of the only stage with a section rl is "stage[1].rl.steps", as is
// "zero.rl.steps" of the stage zero; "task.file" of the only task is
// "task[0].file". A path that names a key of the recipe stays as it is.
struct KeyPlace {
  std::string path;   // empty if several stages or tasks are meant
  std::string which;  // then: "zero.rl.steps, dev2.rl.steps"
};
KeyPlace PlaceOfKey(const Recipe& recipe, absl::string_view path);

// The other way round, as prefixes: {"stage[1].rl", "rl"}, {"stage[1]",
// "zero"}, {"task[0]", "task"}; the first that matches counts.
std::vector<std::pair<std::string, std::string>> ShortPaths(
    const Recipe& recipe);

// `argument` is "key=value"; the key of a stage or task is named as PlaceOfKey
// understands it. The value is written as in a file, except
// that text needs no quotes. Keys replace; `[a, b]` replaces a list, a single
// item is added to it; `{...}` merges into a section. A key that every stage
// inherits is refused where a stage says something else, which would win.
void ApplyOverride(const std::string& argument, Recipe* recipe,
                   ConfigReport* report);

}  // namespace r1

#endif  // R1_PROTO_RECIPE_NAMES_H_
