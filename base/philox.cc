#include "base/philox.h"

#include <cmath>
#include <numbers>

#include "base/check.h"
#include "base/math.h"

namespace r1 {
namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53;
constexpr uint32_t kMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kWeyl0 = 0x9E3779B9;
constexpr uint32_t kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;

}  // namespace

std::array<uint32_t, 4> Philox4x32(uint64_t key, std::array<uint32_t, 4> c) {
  uint32_t k0 = static_cast<uint32_t>(key);
  uint32_t k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t p0 = uint64_t{kMultiplier0} * c[0];
    const uint64_t p1 = uint64_t{kMultiplier1} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k1,
         static_cast<uint32_t>(p0)};
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return c;
}

std::array<uint32_t, 4> RandomBits(uint64_t seed, RandomStream stream,
                                   uint64_t a, uint32_t b, uint32_t c) {
  R1_CHECK(a < (uint64_t{1} << 48), "stream index fits 48 bits");
  const uint32_t high =
      static_cast<uint32_t>(a >> 32) | static_cast<uint32_t>(stream) << 16;
  return Philox4x32(seed, {c, b, static_cast<uint32_t>(a), high});
}

uint32_t RandomSequence::NextBits() {
  if (used_ == 4) {
    block_ = RandomBits(seed_, stream_, a_, b_, counter_++);
    used_ = 0;
  }
  return block_[used_++];
}

uint32_t RandomSequence::NextBelow(uint32_t bound) {
  R1_CHECK(bound > 0, "bound is positive");
  // Lemire's method: reject the few values that would make some results
  // more likely than others.
  const uint32_t threshold = (0u - bound) % bound;
  for (;;) {
    const uint64_t product = uint64_t{NextBits()} * bound;
    if (static_cast<uint32_t>(product) >= threshold) return product >> 32;
  }
}

float RandomSequence::NextNormal() {
  const double u1 = (NextBits() + 1.0) * 0x1.0p-32;  // (0, 1]
  const double u2 = NextBits() * 0x1.0p-32;
  return static_cast<float>(std::sqrt(-2.0 * Log(u1)) *
                            Cos(2.0 * std::numbers::pi * u2));
}

}  // namespace r1
