#include "learner/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/math.h"
#include "kernels/buffer.h"

namespace r1 {
namespace {

// Elements per piece of the trial update; 4 MiB a buffer.
constexpr int64_t kPieceElements = int64_t{1} << 20;

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

// The update's arguments for one tensor.
struct TensorUpdate {
  absl::Span<float> params;
  absl::Span<const float> grads;
  absl::Span<float> m, v;
  AdamWParams adamw;
};

TensorUpdate UpdateOf(int tensor, const AdamWParams& adamw,
                      const ParamSet& grads, OptimizerState* state,
                      ParamSet* params) {
  TensorUpdate u{params->Elements(tensor), grads.Elements(tensor),
                 state->m.Elements(tensor), state->v.Elements(tensor), adamw};
  if (!params->layout().tensor(tensor).is_decayed) u.adamw.weight_decay = 0;
  return u;
}

// Whether the update leaves every weight and moment finite; changes nothing.
class Trial {
 public:
  explicit Trial(Ops* ops) : ops_(ops) {}

  bool IsFinite(const TensorUpdate& u) {
    const int64_t count = u.params.size();
    for (int64_t begin = 0; begin < count; begin += kPieceElements) {
      const int64_t n = std::min(kPieceElements, count - begin);
      const absl::Span<float> p = Copy(u.params.subspan(begin, n), &p_);
      const absl::Span<float> m = Copy(u.m.subspan(begin, n), &m_);
      const absl::Span<float> v = Copy(u.v.subspan(begin, n), &v_);
      ops_->AdamW(p, u.grads.subspan(begin, n), m, v, u.adamw);
      for (absl::Span<const float> x : {p, m, v}) {
        if (!std::isfinite(ops_->SumSquares(x))) return false;
      }
    }
    return true;
  }

 private:
  static absl::Span<float> Copy(absl::Span<const float> from, Buffer* to) {
    to->Reserve(from.size());
    std::memcpy(to->data(), from.data(), from.size() * sizeof(float));
    return absl::MakeSpan(to->data(), from.size());
  }

  Ops* ops_;
  Buffer p_, m_, v_;
};

// The first tensor that the update would make non-finite; "" if there is none.
std::string FindNonFinite(const AdamWParams& adamw, const ParamSet& grads,
                          Ops* ops, OptimizerState* state, ParamSet* params) {
  Trial trial(ops);
  const auto tensors = params->layout().tensors();
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!trial.IsFinite(UpdateOf(i, adamw, grads, state, params))) {
      return tensors[i].name;
    }
  }
  return "";
}

std::string ReasonToSkip(double loss, double grad_norm,
                         const AdamWParams& adamw, const ParamSet& grads,
                         Ops* ops, OptimizerState* state, ParamSet* params) {
  if (!std::isfinite(loss)) return absl::StrCat("the loss is ", loss);
  if (!std::isfinite(grad_norm)) {
    return absl::StrCat("the gradient norm is ", grad_norm);
  }
  const std::string tensor = FindNonFinite(adamw, grads, ops, state, params);
  if (tensor.empty()) return "";
  return absl::StrCat("the update would make ", tensor, " non-finite");
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
      ReasonToSkip(loss, result.grad_norm, adamw, grads, ops, state, params);
  ++state->updates;
  if (!result.skip_reason.empty()) {
    ++state->skipped_in_a_row;
    return result;
  }
  for (size_t i = 0; i < params->layout().tensors().size(); ++i) {
    const TensorUpdate u = UpdateOf(i, adamw, grads, state, params);
    ops->AdamW(u.params, u.grads, u.m, u.v, u.adamw);
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
