#include "pipeline/stages/epoch_steps.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "pipeline/process/stop_signal.h"

namespace r1 {

absl::StatusOr<int64_t> StepsOfEpochs(const StageContext& context,
                                      const ExampleSource& examples,
                                      uint64_t num_examples) {
  constexpr char kKey[] = "steps";
  const std::string& stage = context.config->name();
  if (const std::string known = context.folder->Fact(kKey); !known.empty()) {
    int64_t steps = 0;
    if (absl::SimpleAtoi(known, &steps) && steps > 0) return steps;
    return absl::DataLossError(absl::StrCat(
        context.folder->path(), "/stage.json: steps is ", known,
        ", expected a number: --redo ", stage, " computes the stage anew"));
  }
  LogInfo(absl::StrCat(stage, ": counting the steps of ",
                       context.config->supervised().epochs(), " epochs, ",
                       num_examples, " rows"));
  const ExampleSource watched =
      [&](uint64_t index) -> absl::StatusOr<TrainSequence> {
    if (StopRequested()) {
      return InterruptedError(
          absl::StrCat("while counting the rows of ", stage));
    }
    context.run->progress->Activity("counting rows",
                                    static_cast<int64_t>(index),
                                    static_cast<int64_t>(num_examples));
    return examples(index);
  };
  R1_ASSIGN_OR_RETURN(
      const int64_t steps,
      CountBatches(watched, num_examples,
                   context.config->supervised().batch_tokens()));
  R1_RETURN_IF_ERROR(context.folder->Pin(kKey, absl::StrCat(steps),
                                         "how many steps its epochs are"));
  return steps;
}

}  // namespace r1
