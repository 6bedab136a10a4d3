// What a reward model learns from: rows of a JSON Lines file, all of one form,
// {"prompt", "chosen", "rejected"} or {"prompt", "completion", "safe"}.
#ifndef R1_JUDGE_PREFERENCE_ROWS_H_
#define R1_JUDGE_PREFERENCE_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "judge/judged_text.h"
#include "judge/preference_loss.h"
#include "judge/reward_model_trainer.h"
#include "model/model_config.h"
#include "model/tokenizer.h"

namespace r1 {

struct PreferenceRow {
  std::string prompt;
  std::string better, worse;  // of a labelled text the other one is empty
  int line = 0;               // in the file, from 1
};

// Prompts may be empty, completions not. "safe" is true, false, 1 or 0. Other
// fields are ignored.
// Errors: InvalidArgument "NAME:LINE: reason", all bad lines (up to 20) at
// once: a field that is missing, empty or of another type, fields of both forms
// in one row, a row of another form than the first, equal texts in a pair; also
// for a file without rows.
absl::StatusOr<std::vector<PreferenceRow>> ParsePreferenceRows(
    absl::string_view text, absl::string_view name);

// The rows as the reward model reads them: that part of their completions, in
// tokens.
// Errors: InvalidArgument "NAME:LINE: reason" for the first text without that
// part, or that is longer than the model's context, or a pair whose parts are
// equal.
absl::StatusOr<std::vector<Preference>> EncodePreferences(
    const std::vector<PreferenceRow>& rows, absl::string_view name,
    JudgedPart part, const Tokenizer& tokenizer, const ModelConfig& config);

// Rows to train on, and those whose prompt is held out (rollout/tasks/split.h:
// one prompt in ten, by its hash), so that no prompt is in both; rows without a
// prompt go by their texts. Each in the order of the rows. Few rows may leave
// none held out.
// Errors: InvalidArgument if all are held out.
struct SplitRows {
  std::vector<PreferenceRow> train, held_out;
};
absl::StatusOr<SplitRows> SplitByPrompt(std::vector<PreferenceRow> rows,
                                        absl::string_view name);

// The examples epoch after epoch, each in a random order of its own, which is a
// function of (seed, epoch). At least one example. Threads: one caller at a
// time.
PreferenceSource ShuffledPreferences(std::vector<Preference> examples,
                                     uint64_t seed);

}  // namespace r1

#endif  // R1_JUDGE_PREFERENCE_ROWS_H_
