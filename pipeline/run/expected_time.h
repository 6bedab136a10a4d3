// How long the stages of a run that are not done may take, by what those that
// are took.
#ifndef R1_PIPELINE_RUN_EXPECTED_TIME_H_
#define R1_PIPELINE_RUN_EXPECTED_TIME_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "proto/config.pb.h"

namespace r1 {

// Parameters of the model that each stage has at work, by its name.
using StageParameters = std::map<std::string, double>;

// What a stage has to do, in units that take a time each: each passes through
// all parameters of a model.
struct StageWork {
  enum class Unit {
    kToken,          // trained on: supervised
    kPair,           // trained on: reward_model
    kAnswer,         // generated: sample, compare
    kAnswerLearned,  // generated and trained on: rl
  };
  Unit unit;
  double amount = 0;  // units x parameters; kUnknownAmount of epochs, whose
                      // tokens nobody knows before they are read
};
inline constexpr double kUnknownAmount = -1;
StageWork WorkOfStage(const StageConfig& stage,
                      const StageParameters& parameters);

struct TimedWork {
  StageWork work;
  std::optional<absl::Duration> took;  // absent: not done
};

// What each took or may take: its amount at the rate, amount over time, of all
// that is done of its unit. Where none is, answers go at the rate of answers
// learned from, and the other way round. Absent where nothing is known.
std::vector<std::optional<absl::Duration>> ExpectedTimes(
    absl::Span<const TimedWork> stages);

}  // namespace r1

#endif  // R1_PIPELINE_RUN_EXPECTED_TIME_H_
