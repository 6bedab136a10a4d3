// Finds, before the first sample, rows whose rewards cannot be earned.
#ifndef R1_PIPELINE_RUN_CHECK_REFERENCES_H_
#define R1_PIPELINE_RUN_CHECK_REFERENCES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "learner/reward_source.h"
#include "proto/reward.pb.h"

namespace r1 {

// A row of a data file as its rewards see it.
struct CheckedRow {
  std::string source;  // names it in messages
  std::string question;
  std::string reference;
};

// At most 512 of the rows, spread evenly.
std::vector<CheckedRow> SampleRows(std::vector<CheckedRow> rows);

// The outlook (reward/outlook.h) of the rows' references for the rules whose
// score is required. A few bad ones are a warning in the log. `file` names the
// data in messages. A rule is asked about the rows that it is for; one that is
// for none, and rows that no rule with weight is for, are a warning, too.
// Errors: InvalidArgument if more than half of a rule's rows have no answer
// that could earn the best score, naming rule, row, reason and remedy; or if no
// rule with weight is for any row.
absl::Status CheckReferences(const std::vector<RewardRuleSpec>& rules,
                             const std::vector<CheckedRow>& rows,
                             absl::string_view file);

// Lets `source`, which asks these rules, score up to 16 rows with their own
// golds as answers, if one of the rules is not built in: what such a rule needs
// of a row shows when it is called. Errors of some rows are a warning.
// Errors: InvalidArgument if all of them are errors, with the first one's
// reason.
absl::Status ProbeRewards(const std::vector<RewardRuleSpec>& rules,
                          const std::vector<CheckedRow>& rows,
                          absl::string_view file, RewardSource* source);

}  // namespace r1

#endif  // R1_PIPELINE_RUN_CHECK_REFERENCES_H_
