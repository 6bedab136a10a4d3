#include "learner/optimizer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "base/math.h"

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

NormBounds MeasureNorms(const OptimizerState& state, const ParamSet& params,
                        Ops* ops) {
  const auto norm = [&](const ParamSet& x) {
    return std::sqrt(ops->SumSquares(x.flat()));
  };
  return {norm(params), norm(state.m), norm(state.v)};
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

// The tensor with the gradient's largest element.
std::string LargestGradient(const ParamSet& grads) {
  const TensorSpec* largest = nullptr;
  float most = -1;
  for (size_t i = 0; i < grads.layout().tensors().size(); ++i) {
    for (float g : grads.Read(i)) {
      if (std::abs(g) <= most) continue;
      most = std::abs(g);
      largest = &grads.layout().tensor(i);
    }
  }
  return largest == nullptr ? "no tensor" : largest->name;
}

// "" if the update may be applied; then state->bounds hold after it.
std::string ReasonToSkip(double loss, double grad_norm, const AdamWParams& p,
                         const ParamSet& grads, const ParamSet& params,
                         Ops* ops, OptimizerState* state) {
  if (!std::isfinite(loss)) return absl::StrCat("the loss is ", loss);
  if (!std::isfinite(grad_norm)) {
    return absl::StrCat("the gradient norm is ", grad_norm);
  }
  const double clipped = grad_norm * p.gradient_scale;
  NormBounds after = BoundsAfter(state->bounds, clipped, p);
  if (!IsSafe(after, p)) {
    // Of bounds that grew update by update, or were never known, the state's
    // own norms are the better ones.
    const NormBounds measured = MeasureNorms(*state, params, ops);
    after = BoundsAfter(measured, clipped, p);
    if (!IsSafe(after, p)) {
      return absl::StrCat(
          "the update could make a weight or a moment non-finite: norms are ",
          measured.weights, " of the weights, ", measured.m, " and ",
          measured.v, " of the moments, ", grad_norm,
          " of the gradient, whose largest element is in ",
          LargestGradient(grads));
    }
  }
  state->bounds = after;
  return "";
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

UpdateResult ApplyUpdate(const OptimizerConfig& config, double loss,
                         const ParamSet& grads, Ops* ops, OptimizerState* state,
                         ParamSet* params) {
  UpdateResult result;
  result.learning_rate = config.schedule.At(state->updates);
  result.grad_norm = std::sqrt(ops->SumSquares(grads.flat()));
  const AdamWParams adamw =
      MakeAdamWParams(config, *state, result.learning_rate, result.grad_norm);
  result.skip_reason =
      ReasonToSkip(loss, result.grad_norm, adamw, grads, *params, ops, state);
  ++state->updates;
  if (!result.skip_reason.empty()) {
    ++state->skipped_in_a_row;
    return result;
  }
  for (size_t i = 0; i < params->layout().tensors().size(); ++i) {
    AdamWParams of_tensor = adamw;
    if (!params->layout().tensor(i).is_decayed) of_tensor.weight_decay = 0;
    ops->AdamW(params->tensor(i), grads.tensor(i), state->m.tensor(i),
               state->v.tensor(i), of_tensor);
  }
  ++state->step;
  state->skipped_in_a_row = 0;
  result.is_applied = true;
  return result;
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
