#include "rollout/tasks/animals.h"

#include <utility>

#include "base/check.h"

namespace r1 {

absl::Span<const absl::string_view> Animals() {
  static constexpr absl::string_view kAnimals[] = {"fox", "owl", "bee", "cat",
                                                   "dog", "hen", "ant", "cow",
                                                   "pig", "rat", "bat", "elk"};
  return kAnimals;
}

std::vector<std::string> DrawAnimals(int count, RandomSequence* random) {
  std::vector<std::string> animals(Animals().begin(), Animals().end());
  R1_CHECK(count >= 0 && count <= static_cast<int>(animals.size()),
           "there are so many animals");
  for (int i = 0; i < count; ++i) {
    std::swap(animals[i], animals[i + random->NextBelow(animals.size() - i)]);
  }
  animals.resize(count);
  return animals;
}

}  // namespace r1
