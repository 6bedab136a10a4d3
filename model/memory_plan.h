// How much memory a model needs for what is done with it, known before any of
// it is taken.
#ifndef R1_MODEL_MEMORY_PLAN_H_
#define R1_MODEL_MEMORY_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "model/model_config.h"
#include "model/transformer.h"

namespace r1 {

// What is held at the same time; without the program itself, tokenizers, rows
// of data and samples.
struct MemoryPlan {
  struct Line {
    std::string role;  // "weights"
    int64_t bytes = 0;
    std::string why;  // "2 x fp32"
  };
  std::vector<Line> lines;

  int64_t total() const;
  // A line for each role, and the sum.
  std::string ToString() const;
  // ResourceExhausted, with the table, if that exceeds `bytes`.
  absl::Status Fits(int64_t bytes) const;
};

// "1.2 GiB", "310 MiB".
std::string FormatBytes(int64_t bytes);

// Of one PolicyWeights on a device.
int64_t WeightsBytes(const ModelConfig& config, const Device& device);

// Of a PackedModel that has seen batches of up to `rows` rows, with what its
// ops need. `is_trained`: it keeps activations and goes backward.
int64_t PackedModelBytes(const ModelConfig& config, int64_t rows, Keep keep,
                         bool is_trained);

// Of the keys and values of so many pages.
int64_t KvBytes(const ModelConfig& config, int64_t pages);

}  // namespace r1

#endif  // R1_MODEL_MEMORY_PLAN_H_
