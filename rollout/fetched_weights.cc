#include "rollout/fetched_weights.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "rollout/weights_assembler.h"

namespace r1 {

FetchedWeights::FetchedWeights(const ModelConfig& config, Ops* ops)
    : ops_(ops),
      weights_(std::make_shared<PolicyWeights>(config, ops->device())) {}

absl::StatusOr<std::shared_ptr<const PolicyWeights>> FetchedWeights::Get(
    const WeightsId& id) {
  // Equal hashes are equal weights, whatever the version.
  if (is_valid_ && id.sha256() == hash_) return weights_;
  R1_CHECK(weights_.use_count() == 1, "nobody samples with the old weights");
  is_valid_ = false;
  absl::Status status = FetchOnce(id);
  if (absl::IsDataLoss(status)) {
    LogWarning(absl::StrCat(status.message(), "; fetching them again, once"));
    status = FetchOnce(id);
  }
  R1_RETURN_IF_ERROR(status);
  hash_ = id.sha256();
  is_valid_ = true;
  return weights_;
}

absl::Status FetchedWeights::FetchOnce(const WeightsId& id) {
  WeightsAssembler assembler(weights_.get());
  R1_RETURN_IF_ERROR(fetch_(
      id, [&](const WeightsChunk& chunk) { return assembler.Add(chunk); }));
  return assembler.Finish(id, ops_);
}

}  // namespace r1
