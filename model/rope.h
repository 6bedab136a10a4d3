// Rotary position embeddings: the frequencies that a config asks for, and the
// table of their cosines and sines. The stretched forms are those of
// transformers (modeling_rope_utils): linear (position interpolation), llama3
// (Llama 3.1 model card), yarn (Peng et al. 2023, arXiv 2309.00071).
#ifndef R1_MODEL_ROPE_H_
#define R1_MODEL_ROPE_H_

#include <memory>
#include <vector>

#include "kernels/buffer.h"
#include "model/model_config.h"

namespace r1 {

// Radians per position of the D/2 rotary pairs.
std::vector<double> InverseFrequencies(const ModelConfig& config);

// YaRN's factor on cosines and sines for a context stretched by `factor`:
// 0.1 ln(factor) + 1, or the ratio of two such terms where a file gives both
// mscale and mscale_all_dim (0: not given).
double YarnAttentionFactor(double factor, double mscale, double mscale_all_dim);

// [max_positions, D]: D/2 cosines, then D/2 sines, of position * frequency,
// times RopeScaling::attention_factor. Whoever asks for the same settings while
// a table of them is held is given that one: making one of a long context takes
// up to a second. Thread-safe.
std::shared_ptr<const Buffer> RotaryTable(const ModelConfig& config,
                                          Device* device);

}  // namespace r1

#endif  // R1_MODEL_ROPE_H_
