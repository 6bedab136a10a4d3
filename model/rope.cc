#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "absl/base/attributes.h"
#include "absl/synchronization/mutex.h"
#include "base/math.h"

namespace r1 {
namespace {

using Kind = RopeScaling::Kind;

// Slow rotations are divided by the factor, fast ones are left alone, those
// between the two wavelengths are interpolated.
double Llama3Frequency(const RopeScaling& s, double f) {
  const double wavelength = 2 * std::numbers::pi / f;
  const double length = s.original_max_position_embeddings;
  if (wavelength < length / s.high_freq_factor) return f;
  if (wavelength > length / s.low_freq_factor) return f / s.factor;
  const double smooth = (length / wavelength - s.low_freq_factor) /
                        (s.high_freq_factor - s.low_freq_factor);
  return (1 - smooth) * f / s.factor + smooth * f;
}

// The pairs between which YaRN goes over from the file's frequency to the
// divided one.
struct YarnRange {
  double low = 0, high = 0;
};

YarnRange FindYarnRange(const ModelConfig& config) {
  const RopeScaling& s = config.rope_scaling;
  // The pair, as a real number, that turns so often within the original
  // context.
  const auto pair_of = [&](double turns) {
    const double length = s.original_max_position_embeddings;
    return config.head_dim * Log(length / (turns * 2 * std::numbers::pi)) /
           (2 * Log(config.rope_theta));
  };
  YarnRange range = {pair_of(s.beta_fast), pair_of(s.beta_slow)};
  if (s.truncate) range = {std::floor(range.low), std::ceil(range.high)};
  range.low = std::max(range.low, 0.0);
  range.high = std::min(range.high, config.head_dim - 1.0);
  if (range.low == range.high) range.high += 0.001;  // no division by zero
  return range;
}

double YarnFrequency(const RopeScaling& s, const YarnRange& range, int pair,
                     double f) {
  const double divided =
      std::clamp((pair - range.low) / (range.high - range.low), 0.0, 1.0);
  return f / s.factor * divided + f * (1 - divided);
}

Buffer MakeRotaryTable(const ModelConfig& config, Device* device) {
  const std::vector<double> frequencies = InverseFrequencies(config);
  const double factor = config.rope_scaling.attention_factor;
  const int half = config.head_dim / 2;
  std::vector<float> table(config.max_positions * config.head_dim);
  for (int i = 0; i < half; ++i) {
    for (int64_t p = 0; p < config.max_positions; ++p) {
      const double angle = p * frequencies[i];
      float* row = table.data() + p * config.head_dim;
      row[i] = static_cast<float>(factor * Cos(angle));
      row[half + i] = static_cast<float>(factor * Sin(angle));
    }
  }
  Buffer buffer(device, table.size());
  device->Write(table, 0, buffer.Matrix(config.max_positions, config.head_dim));
  return buffer;
}

// A table that someone may still hold, and all that it is a function of.
struct HeldTable {
  int64_t max_positions;
  int head_dim;
  double theta;
  RopeScaling scaling;
  const Device* device;
  std::weak_ptr<const Buffer> table;

  bool IsOf(const ModelConfig& config, const Device* of) const {
    return device == of && max_positions == config.max_positions &&
           head_dim == config.head_dim && theta == config.rope_theta &&
           scaling == config.rope_scaling;
  }
};

}  // namespace

std::vector<double> InverseFrequencies(const ModelConfig& config) {
  const RopeScaling& s = config.rope_scaling;
  const YarnRange range =
      s.kind == Kind::kYarn ? FindYarnRange(config) : YarnRange();
  std::vector<double> frequencies(config.head_dim / 2);
  for (int i = 0; i < static_cast<int>(frequencies.size()); ++i) {
    const double f = Pow(config.rope_theta, -2.0 * i / config.head_dim);
    switch (s.kind) {
      case Kind::kNone:
        frequencies[i] = f;
        break;
      case Kind::kLinear:
        frequencies[i] = f / s.factor;
        break;
      case Kind::kLlama3:
        frequencies[i] = Llama3Frequency(s, f);
        break;
      case Kind::kYarn:
        frequencies[i] = YarnFrequency(s, range, i, f);
        break;
    }
  }
  return frequencies;
}

double YarnAttentionFactor(double factor, double mscale,
                           double mscale_all_dim) {
  const auto term = [factor](double scale) {
    return factor <= 1 ? 1.0 : 0.1 * scale * Log(factor) + 1.0;
  };
  if (mscale == 0 || mscale_all_dim == 0) return term(1);
  return term(mscale) / term(mscale_all_dim);
}

std::shared_ptr<const Buffer> RotaryTable(const ModelConfig& config,
                                          Device* device) {
  ABSL_CONST_INIT static absl::Mutex mutex(absl::kConstInit);
  static auto& held = *new std::vector<HeldTable>;  // guarded by mutex
  absl::MutexLock lock(&mutex);
  for (const HeldTable& entry : held) {
    auto table = entry.IsOf(config, device) ? entry.table.lock() : nullptr;
    if (table != nullptr) return table;
  }
  auto table = std::make_shared<const Buffer>(MakeRotaryTable(config, device));
  std::erase_if(held,
                [](const HeldTable& entry) { return entry.table.expired(); });
  held.push_back({config.max_positions, config.head_dim, config.rope_theta,
                  config.rope_scaling, device, table});
  return table;
}

}  // namespace r1
