// Philox4x32-10, a counter-based random number generator: a pure function of
// (key, counter), so no generator state exists anywhere and any draw can be
// repeated in any order, on any worker.
// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC11).
#ifndef R1_BASE_PHILOX_H_
#define R1_BASE_PHILOX_H_

#include <array>
#include <cstdint>

namespace r1 {

// The 128 random bits of one (key, counter) pair.
std::array<uint32_t, 4> Philox4x32(uint64_t key,
                                   std::array<uint32_t, 4> counter);

// What a stream of draws is for: one value for each use in the program, and
// part of the counter, so that two uses with the same numbers never meet.
enum class RandomStream : uint32_t {
  kSampling = 1,        // tokens: a = prompt id, b = sample index, c = position
  kInit = 2,            // weights: a = tensor, b and c = element / 4
  kData = 3,            // training problems: a = problem, c = draw
  kHeldOutData = 4,     // held-out problems: a = problem, c = draw
  kCorpus = 5,          // documents to pretrain on: a = document, c = draw
  kGeneratorCheck = 6,  // whether a generator has problems: c = draw
  kPromptOrder = 7,     // a file's prompts: a = epoch, b = round, c = half
  kExampleOrder = 8,    // a file's documents: a = epoch, c = draw
  kMinibatches = 9,     // deal of samples: a = step, b = inner epoch, c = draw
  kRewardCheck = 10,    // generated problems for the reward's check: c = draw
  kPreferenceOrder = 11,  // a reward model's examples: a = epoch, c = draw
  kWriters = 12,          // documents of the toy world: a = document, c = draw
  kDemonstrations = 13,   // a = demonstration, c = draw
  kPreferencePairs = 14,  // a = pair, c = draw
  kSafetyLabels = 15,     // a = label, c = draw
  kAdapters = 16,         // a = hash of the tensor's name, c = draw
};

// The draw (stream, a, b, c) of a run's seed, as 128 bits.
// a < 2^48 (checked): its upper bits share a word with the stream.
std::array<uint32_t, 4> RandomBits(uint64_t seed, RandomStream stream,
                                   uint64_t a, uint32_t b, uint32_t c);

// Uniform in [0, 1) with 24 bits, from one 32-bit word.
inline float UniformFloat(uint32_t bits) {
  return static_cast<float>(bits >> 8) * 0x1.0p-24f;
}

// A sequence of draws within one (stream, a, b): convenient for generators.
// Threads: not thread-safe; make one per use.
class RandomSequence {
 public:
  RandomSequence(uint64_t seed, RandomStream stream, uint64_t a, uint32_t b)
      : seed_(seed), stream_(stream), a_(a), b_(b) {}

  uint32_t NextBits();
  // Uniform in [0, bound), without modulo bias. bound > 0.
  uint32_t NextBelow(uint32_t bound);
  // Uniform in [0, 1).
  float NextUniform() { return UniformFloat(NextBits()); }
  // Standard normal (Box-Muller).
  float NextNormal();

 private:
  uint64_t seed_;
  RandomStream stream_;
  uint64_t a_;
  uint32_t b_;
  uint32_t counter_ = 0;
  int used_ = 4;
  std::array<uint32_t, 4> block_{};
};

}  // namespace r1

#endif  // R1_BASE_PHILOX_H_
