// The files of a checkpoint's trainer/ folder; see checkpoint_store.h.
#ifndef R1_LEARNER_TRAINER_FILES_H_
#define R1_LEARNER_TRAINER_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/training_state.h"

namespace r1 {

// Writes trainer/ into the model folder at `path`, whose other files are
// complete. state.json lists the SHA-256 of all other files below `path`, and
// of itself.
absl::Status WriteTrainerFiles(const std::string& path,
                               const TrainingState& state);

// Checks every file that state.json lists.
// Errors: NotFound or DataLoss naming the file, expected and found hash.
absl::Status VerifyCheckpoint(const std::string& path);

// Fills all but the weights of `state`, which are those of the folder.
// Errors: as VerifyCheckpoint; InvalidArgument for a tensor that is missing,
// has another shape or holds a value that is not finite; FailedPrecondition if
// the reference is missing.
absl::Status ReadTrainerFiles(const std::string& path, bool with_reference,
                              TrainingState* state);

}  // namespace r1

#endif  // R1_LEARNER_TRAINER_FILES_H_
