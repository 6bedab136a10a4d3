#include "learner/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/math.h"
#include "base/status_macros.h"
#include "kernels/buffer.h"

namespace r1 {
namespace {

AdamWParams MakeAdamWParams(const OptimizerConfig& config,
                            const OptimizerState& state, double learning_rate,
                            double grad_norm) {
  AdamWParams p;
  p.learning_rate = static_cast<float>(learning_rate);
  p.beta1 = kAdamBeta1;
  p.beta2 = kAdamBeta2;
  p.epsilon = kAdamEpsilon;
  p.weight_decay = static_cast<float>(config.weight_decay);
  p.step = state.step + 1;
  if (config.max_grad_norm > 0 && grad_norm > config.max_grad_norm) {
    p.gradient_scale = static_cast<float>(config.max_grad_norm / grad_norm);
  }
  return p;
}

// One rank's part of an update.
struct RankPart {
  Tensor gradient;  // of this rank's slice
  const RankSlices& slices;
  Communicator* ranks;
  Ops* ops;

  int64_t begin() const { return slices.begin(ranks->rank()); }
  int64_t end() const { return begin() + slices.size(ranks->rank()); }
  Tensor Of(const ParamSet& params) const {
    return slices.Of(params.flat(), ranks->rank());
  }
};

// The sum of squares of a flat buffer of which this is the rank's slice, as if
// it were in one place: ranks own whole blocks of that sum, whose sums are
// added in the order of Ops::SumSquares.
absl::StatusOr<double> SumSquares(Tensor slice, const RankPart& part) {
  if (part.ranks->size() == 1) return part.ops->SumSquares(slice);
  constexpr int64_t kBlock = RankSlices::kBlock;
  std::string mine;
  for (int64_t begin = 0; begin < slice.count(); begin += kBlock) {
    const double sum = part.ops->SumSquares(
        slice.Cols(begin, std::min(kBlock, slice.count() - begin)));
    mine.append(reinterpret_cast<const char*>(&sum), sizeof(sum));
  }
  std::vector<std::string> all;
  R1_RETURN_IF_ERROR(part.ranks->Gather(mine, &all));
  std::vector<double> sums;
  for (const std::string& bytes : all) {
    const size_t had = sums.size(), got = bytes.size() / sizeof(double);
    sums.resize(had + got);
    std::memcpy(sums.data() + had, bytes.data(), got * sizeof(double));
  }
  for (size_t s = 1; s < sums.size(); s *= 2) {
    for (size_t b = 0; b + s < sums.size(); b += 2 * s) sums[b] += sums[b + s];
  }
  return sums.empty() ? 0 : sums[0];
}

absl::StatusOr<NormBounds> MeasureNorms(const OptimizerState& state,
                                        const ParamSet& params,
                                        const RankPart& part) {
  NormBounds norms;
  // All ranks have all weights.
  norms.weights = std::sqrt(part.ops->SumSquares(params.flat()));
  R1_ASSIGN_OR_RETURN(const double m, SumSquares(part.Of(state.m), part));
  R1_ASSIGN_OR_RETURN(const double v, SumSquares(part.Of(state.v), part));
  norms.m = std::sqrt(m);
  norms.v = std::sqrt(v);
  return norms;
}

// The norms after an update, at most. With |.| the 2-norm, g the clipped
// gradient, b1, b2 and e Adam's constants, s = rate / (1 - b1^step), AdamW is
//   m' = b1 m + (1 - b1) g              |m'| <= max(|m|, |g|)
//   v' = b2 v + (1 - b2) g^2            |v'| <= max(|v|, |g|^2), |g^2| <= |g|^2
//   p' = (1 - rate decay) p - s m' / (sqrt(v' / (1 - b2^step)) + e)
//                    |p'| <= max(1, |1 - rate decay|) |p| + s |m'| / e
// since the root is no less than 0 and some tensors have no decay. Some ten
// operations round by 2^-24 of their result each, for which kRounding allows.
NormBounds BoundsAfter(const NormBounds& before, double gradient,
                       const AdamWParams& p) {
  constexpr double kRounding = 1 + 0x1p-20;
  const double rate = p.learning_rate;
  const double decay = std::abs(1 - rate * p.weight_decay);
  const double step_size = rate / (1 - Pow(p.beta1, p.step));
  NormBounds after;
  after.m = kRounding * std::max(before.m, gradient);
  after.v = kRounding * std::max(before.v, gradient * gradient);
  after.weights = kRounding * (std::max(1.0, decay) * before.weights +
                               step_size * after.m / p.epsilon);
  return after;
}

// Whether an update with these norms behind it has overflowed nowhere: no
// element exceeds the norm of its tensor, and what AdamW computes on the way
// to p' and does not divide by e > 0 at last is s and v' / (1 - b2^step). The
// limit is a tenth of the largest float. False for NaN.
bool IsSafe(const NormBounds& after, const AdamWParams& p) {
  constexpr double kLimit = 0.1 * std::numeric_limits<float>::max();
  return after.m <= kLimit && after.v / (1 - Pow(p.beta2, p.step)) <= kLimit &&
         after.weights <= kLimit &&
         p.learning_rate / (1 - Pow(p.beta1, p.step)) <= kLimit;
}

// The elements of a tensor of the layout that are in this rank's slice.
struct TensorPart {
  int64_t begin = 0, size = 0;  // in the flat layout
};
TensorPart PartOf(const TensorSpec& tensor, const RankPart& part) {
  const int64_t begin = std::max(tensor.offset, part.begin());
  const int64_t end = std::min(tensor.offset + tensor.count(), part.end());
  return {begin, std::max<int64_t>(0, end - begin)};
}

// The tensor with the gradient's largest element.
absl::StatusOr<std::string> LargestGradient(const ParamSet& params,
                                            const RankPart& part) {
  struct Largest {
    float most = -1;
    int32_t tensor = -1;
  };
  const ParamLayout& layout = params.layout();
  Largest mine;
  for (size_t i = 0; i < layout.tensors().size(); ++i) {
    const TensorPart here = PartOf(layout.tensor(i), part);
    std::vector<float> values(here.size);
    params.device()->Read(part.gradient, here.begin - part.begin(),
                          absl::MakeSpan(values));
    for (float g : values) {
      if (std::abs(g) > mine.most) mine = {std::abs(g), static_cast<int>(i)};
    }
  }
  std::vector<std::string> all;
  R1_RETURN_IF_ERROR(part.ranks->Gather(
      {reinterpret_cast<const char*>(&mine), sizeof(mine)}, &all));
  Largest largest;
  for (const std::string& bytes : all) {
    Largest theirs;
    std::memcpy(&theirs, bytes.data(), std::min(sizeof(theirs), bytes.size()));
    if (theirs.most > largest.most) largest = theirs;
  }
  return largest.tensor < 0 ? "no tensor" : layout.tensor(largest.tensor).name;
}

// "" if the update may be applied; then state->bounds hold after it.
absl::StatusOr<std::string> ReasonToSkip(double loss, double grad_norm,
                                         const AdamWParams& p,
                                         const ParamSet& params,
                                         const RankPart& part,
                                         OptimizerState* state) {
  if (!std::isfinite(loss)) return absl::StrCat("the loss is ", loss);
  if (!std::isfinite(grad_norm)) {
    return absl::StrCat("the gradient norm is ", grad_norm);
  }
  const double clipped = grad_norm * p.gradient_scale;
  NormBounds after = BoundsAfter(state->bounds, clipped, p);
  if (!IsSafe(after, p)) {
    // Of bounds that grew update by update, or were never known, the state's
    // own norms are the better ones.
    R1_ASSIGN_OR_RETURN(const NormBounds measured,
                        MeasureNorms(*state, params, part));
    after = BoundsAfter(measured, clipped, p);
    if (!IsSafe(after, p)) {
      R1_ASSIGN_OR_RETURN(const std::string largest,
                          LargestGradient(params, part));
      return absl::StrCat(
          "the update could make a weight or a moment non-finite: norms are ",
          measured.weights, " of the weights, ", measured.m, " and ",
          measured.v, " of the moments, ", grad_norm,
          " of the gradient, whose largest element is in ", largest);
    }
  }
  state->bounds = after;
  return std::string();
}

}  // namespace

double LearningRateSchedule::At(int64_t update) const {
  if (update < warmup) return peak * (update + 1) / warmup;
  if (!is_cosine) return peak;
  const int64_t span = std::max<int64_t>(1, total - 1 - warmup);
  const double progress =
      std::min(1.0, static_cast<double>(update - warmup) / span);
  return peak * (0.1 + 0.45 * (1 + Cos(std::numbers::pi * progress)));
}

absl::StatusOr<UpdateResult> ApplyUpdateOnRanks(const OptimizerConfig& config,
                                                double loss, Tensor gradient,
                                                const RankSlices& slices,
                                                Communicator* ranks, Ops* ops,
                                                OptimizerState* state,
                                                ParamSet* params) {
  const RankPart part = {gradient, slices, ranks, ops};
  UpdateResult result;
  result.learning_rate = config.schedule.At(state->updates);
  R1_ASSIGN_OR_RETURN(const double squares, SumSquares(gradient, part));
  result.grad_norm = std::sqrt(squares);
  const AdamWParams adamw =
      MakeAdamWParams(config, *state, result.learning_rate, result.grad_norm);
  R1_ASSIGN_OR_RETURN(
      result.skip_reason,
      ReasonToSkip(loss, result.grad_norm, adamw, *params, part, state));
  ++state->updates;
  if (!result.skip_reason.empty()) {
    ++state->skipped_in_a_row;
    return result;
  }
  for (const TensorSpec& tensor : params->layout().tensors()) {
    const TensorPart here = PartOf(tensor, part);
    if (here.size == 0) continue;
    const auto of = [&](const ParamSet& set) {
      return set.flat().Cols(here.begin, here.size);
    };
    AdamWParams of_tensor = adamw;
    if (!tensor.is_decayed) of_tensor.weight_decay = 0;
    ops->AdamW(of(*params), gradient.Cols(here.begin - part.begin(), here.size),
               of(state->m), of(state->v), of_tensor);
  }
  R1_RETURN_IF_ERROR(AllGather(slices, params->flat(), ranks));
  ++state->step;
  state->skipped_in_a_row = 0;
  result.is_applied = true;
  return result;
}

UpdateResult ApplyUpdate(const OptimizerConfig& config, double loss,
                         const ParamSet& grads, Ops* ops, OptimizerState* state,
                         ParamSet* params) {
  SoloCommunicator solo(ops->device());
  const RankSlices all(grads.layout().count(), 1);
  absl::StatusOr<UpdateResult> result = ApplyUpdateOnRanks(
      config, loss, grads.flat(), all, &solo, ops, state, params);
  R1_CHECK(result.ok(), "one rank has nobody to lose");
  return *std::move(result);
}

absl::Status CheckNotStuck(const OptimizerState& state,
                           const UpdateResult& last) {
  if (state.skipped_in_a_row < kMaxSkippedInARow) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "stopped: ", state.skipped_in_a_row,
      " updates in a row were not applied; the last (update ", state.updates,
      "): ", last.skip_reason,
      ". Lower the learning rate or max_grad_norm and start from a "
      "checkpoint"));
}

}  // namespace r1
