// What a reward server answered, checked: it may be anybody's program.
#ifndef R1_REWARD_SERVICE_REPLY_CHECK_H_
#define R1_REWARD_SERVICE_REPLY_CHECK_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/reward.pb.h"

namespace r1 {

// One result for each item of the request, in the order of its items. Where
// the reply has none for an item, several, or one that breaks the contract of
// proto/reward.proto (unknown kind, a total or component that is not finite,
// components that are not the rules in their order, a SCORE without a rule of
// weight other than 0), the item's result is an ERROR whose detail names the
// sample, the server and the fault. Results for ids that were not asked for are
// dropped and counted in *num_unknown_ids. A result that is NOT_APPLICABLE as a
// whole becomes an ABSTAIN to which no rule applies.
std::vector<RewardResult> CheckedResults(const ScoreRequest& request,
                                         const ScoreReply& reply,
                                         absl::string_view server,
                                         int* num_unknown_ids);

}  // namespace r1

#endif  // R1_REWARD_SERVICE_REPLY_CHECK_H_
