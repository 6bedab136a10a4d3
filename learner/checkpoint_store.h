// A folder of checkpoints, step-N each: a Hugging Face model folder plus
// trainer/, which holds what training continues from.
//
//   step-N/config.json, model.safetensors, tokenizer.json, …
//   step-N/trainer/state.json               counters; SHA-256 of every file
//   step-N/trainer/optimizer.safetensors    m.NAME and v.NAME
//   step-N/trainer/reference.safetensors    only with a reference policy; of
//                                           adapters not while it is W0
//   step-N/adapter/                         where adapters are trained, PEFT's
//                                           folder of them; W0 is step-0's
#ifndef R1_LEARNER_CHECKPOINT_STORE_H_
#define R1_LEARNER_CHECKPOINT_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/training_state.h"
#include "model/tokenizer.h"

namespace r1 {

// The N of the folder PATH/step-N; -1 for a name of another form.
int64_t StepOfCheckpoint(const std::string& path);

// Threads: one learner thread. One process per folder (the run's lock).
class CheckpointStore {
 public:
  // `keep`: newest checkpoints kept beside step 0. `head`: of the model that
  // is trained. `dtype`: of the weights that are made of what is loaded.
  // `lora`: what is trained are adapters, and step 0 is saved first.
  CheckpointStore(std::string folder, int keep,
                  ModelHead head = ModelHead::kVocabulary,
                  DType dtype = DType::kF32,
                  std::optional<LoraConfig> lora = std::nullopt)
      : folder_(std::move(folder)),
        keep_(keep),
        head_(head),
        dtype_(dtype),
        lora_(std::move(lora)) {}

  // Writes step-N of `state.step` under a temporary name, syncs it, and makes
  // it visible by one rename; only then removes the ones no longer kept. A
  // whole checkpoint of that step is left alone, since a run is a function; a
  // damaged one is replaced. A failed save leaves nothing behind.
  absl::Status Save(const TrainingState& state, const Tokenizer& tokenizer);

  // The newest whole checkpoint. One that is damaged is named in a warning and
  // the next older one is used. Leftovers of interrupted saves are removed.
  // Errors: NotFound if the folder holds no checkpoint at all; DataLoss if all
  // are damaged, naming the fault of the newest.
  absl::StatusOr<TrainingState> LoadNewest(bool with_reference, Ops* ops);

  // One checkpoint; the continuation has the same bits as if it had never
  // stopped.
  // Errors: DataLoss naming the file whose hash differs; NotFound for a
  // missing one; FailedPrecondition if it has no reference policy and
  // `with_reference` asks for one.
  absl::StatusOr<TrainingState> Load(int64_t step, bool with_reference,
                                     Ops* ops) const;

  // Steps that have a checkpoint, ascending; whole or not.
  absl::StatusOr<std::vector<int64_t>> Steps() const;
  std::string PathOf(int64_t step) const;

 private:
  absl::Status Write(const std::string& temporary, const TrainingState& state,
                     const Tokenizer& tokenizer) const;
  absl::Status RemoveLeftovers() const;
  absl::Status Remove(int64_t step) const;
  // Of the model at `path`, without what trainer/ holds.
  absl::StatusOr<TrainingState> Start(const std::string& path, Ops* ops) const;
  // Removes all but the newest up to `newest`, and step 0.
  absl::Status RemoveOld(int64_t newest) const;

  std::string folder_;
  int keep_;
  ModelHead head_;
  DType dtype_;
  std::optional<LoraConfig> lora_;
};

}  // namespace r1

#endif  // R1_LEARNER_CHECKPOINT_STORE_H_
