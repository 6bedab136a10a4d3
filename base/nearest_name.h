// "Did you mean ...?": the known names closest to a mistyped one.
#ifndef R1_BASE_NEAREST_NAME_H_
#define R1_BASE_NEAREST_NAME_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace r1 {

// Edits that turn one name into the other: insert, delete, replace, swap two
// neighbours (optimal string alignment). Case does not count and '-' equals
// '_'. A name cut short after three or more letters counts as one edit.
int NameDistance(absl::string_view a, absl::string_view b);

// The distance up to which a name of this length passes for a typo.
int TypoLimit(absl::string_view given);

// The names at the smallest distance, in the order of `known`, at most three;
// none if that distance is beyond TypoLimit(given).
std::vector<std::string> NearestNames(absl::string_view given,
                                      absl::Span<const std::string> known);

// `; did you mean "a", "b" or "c"?`; empty for no names.
std::string DidYouMean(absl::Span<const std::string> names);

}  // namespace r1

#endif  // R1_BASE_NEAREST_NAME_H_
