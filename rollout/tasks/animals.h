// The nouns of the generated tasks that are about words: few, so that a model
// of some 100,000 parameters knows them all.
#ifndef R1_ROLLOUT_TASKS_ANIMALS_H_
#define R1_ROLLOUT_TASKS_ANIMALS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/philox.h"

namespace r1 {

// Twelve lower-case words of three letters, all different.
absl::Span<const absl::string_view> Animals();

// `count` different ones (at most twelve), in random order.
std::vector<std::string> DrawAnimals(int count, RandomSequence* random);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_ANIMALS_H_
