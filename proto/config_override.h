// One --set argument applied to a recipe.
#ifndef R1_PROTO_CONFIG_OVERRIDE_H_
#define R1_PROTO_CONFIG_OVERRIDE_H_

#include <string>

#include "proto/config.pb.h"
#include "proto/config_report.h"

namespace r1 {

// `argument` is "key=value"; the key of a stage or task is named as PlaceOfKey
// (recipe_names.h) understands it. The value is written as in a file, except
// that text needs no quotes. Keys replace; `[a, b]` replaces a list, a single
// item is added to it; `{...}` merges into a section. A key that every stage
// inherits is refused where a stage says something else, which would win.
void ApplyOverride(const std::string& argument, Recipe* recipe,
                   ConfigReport* report);

}  // namespace r1

#endif  // R1_PROTO_CONFIG_OVERRIDE_H_
