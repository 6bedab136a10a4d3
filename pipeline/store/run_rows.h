// How messages become columns of run.db and come back.
#ifndef R1_PIPELINE_STORE_RUN_ROWS_H_
#define R1_PIPELINE_STORE_RUN_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "learner/journal.h"
#include "pipeline/store/sqlite.h"
#include "reward/core/json_lines.h"

namespace r1 {

// A recorded training sample with its reward and advantage, once known.
struct SampleView {
  int64_t step = 0;
  SampleRecord record;
  std::optional<double> advantage;
};

// A query of samples, up to WHERE; ReadSample reads its rows. Tables: t
// trajectories, p prompts, r rewards, a advantages.
extern const char kSelectSamples[];
SampleView ReadSample(const Statement& row);

// The elements as little-endian bytes (the byte order of every machine this
// program runs on).
template <typename T>
absl::string_view AsBlob(const google::protobuf::RepeatedField<T>& values) {
  return absl::string_view(reinterpret_cast<const char*>(values.data()),
                           values.size() * sizeof(T));
}

// "end_token", "stop_string", "length"; kinds are named by RewardKindName.
// Other text reads as UNSPECIFIED.
const char* FinishReasonName(FinishReason reason);
FinishReason FinishReasonFromName(absl::string_view name);
RewardKind RewardKindFromName(absl::string_view name);

// The parts of a RewardResult as JSON: its maps and its components (in their
// order) as objects, not_applicable as an array.
struct RewardColumns {
  std::string components, versions, not_applicable, metrics, extracted;
};
RewardColumns ColumnsOf(const RewardResult& reward);

}  // namespace r1

#endif  // R1_PIPELINE_STORE_RUN_ROWS_H_
