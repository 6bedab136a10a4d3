// Choices by share, and options that are shares.
#ifndef R1_ROLLOUT_TASKS_SHARES_H_
#define R1_ROLLOUT_TASKS_SHARES_H_

#include <cstddef>
#include <initializer_list>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/philox.h"

namespace r1 {

// True with this probability.
bool Chance(double probability, RandomSequence* random);

// A position, each as likely as its share of the sum says; one with share 0
// never. The shares must have passed CheckShares.
size_t DrawShare(std::initializer_list<double> shares, RandomSequence* random);

using NamedShares = std::initializer_list<std::pair<absl::string_view, double>>;

// InvalidArgument, with its name, for one that is not from 0 to 1; CheckShares
// also if all are 0.
absl::Status CheckChances(NamedShares chances);
absl::Status CheckShares(NamedShares shares);

}  // namespace r1

#endif  // R1_ROLLOUT_TASKS_SHARES_H_
