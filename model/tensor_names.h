// What tensors of files that other programs wrote are called here.
#ifndef R1_MODEL_TENSOR_NAMES_H_
#define R1_MODEL_TENSOR_NAMES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1 {

// Names of ParamLayout ("model.layers.0.…", "lm_head.weight") -> names in the
// file. Components of wrappers ("_orig_mod", "module", …) are dropped wherever
// they stand; the decoder is found wherever its first layer stands
// ("layers.0.…", "language_model.model.layers.0.…"). What is neither in the
// decoder nor its head keeps its name.
// Errors: InvalidArgument, naming both, if there are two decoders or two
// tensors of one name.
absl::StatusOr<std::map<std::string, std::string>> OwnTensorNames(
    const std::vector<std::string>& names);

// Whether leaving out the tensor (by its name here) could change what a model
// of so many layers computes: it stands in one of them, in the embeddings, the
// last norm or the head, and is no buffer that older programs saved. The rest
// (value heads, layers that predict further tokens, …) computes other things.
bool IsOfComputedPart(absl::string_view name, int num_layers);

// The tensors in one line: numbers of layers as "*", the commonest forms first,
// at most four.
std::string DescribeTensors(const std::vector<std::string>& names);

}  // namespace r1

#endif  // R1_MODEL_TENSOR_NAMES_H_
