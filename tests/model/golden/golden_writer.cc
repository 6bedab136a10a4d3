// Writes what other programs are asked to read:
//   golden_writer tokenizer CORPUS FILE   the tokenizer trained here
//   golden_writer models CORPUS FOLDER    a model folder per family, each with
//                                         logits.safetensors {tokens, logits}
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/philox.h"
#include "base/status_macros.h"
#include "model/checkpoint.h"
#include "model/safetensors.h"
#include "tests/model/golden/logits.h"
#include "tests/model/golden/own_tokenizer.h"
#include "tests/model/host_params.h"

namespace r1 {
namespace {

ModelConfig TinyConfig(const std::string& model_type, bool is_tied) {
  ModelConfig c;
  c.model_type = model_type;
  c.vocab_size = 331;
  c.hidden_size = 40;
  c.intermediate_size = 72;
  c.num_layers = 2;
  c.num_heads = 5;
  c.num_kv_heads = 1;
  c.head_dim = model_type == "qwen3" ? 12 : 8;
  c.max_positions = 128;
  c.tie_embeddings = is_tied;
  c.eos_token_ids = {0};
  return c;
}

absl::Status WriteModel(const std::string& folder, const ModelConfig& config,
                        const Tokenizer& tokenizer) {
  R1_RETURN_IF_ERROR(MakeDirectories(folder));
  ParamSet params(std::make_shared<const ParamLayout>(config));
  RandomSequence random(3, RandomStream::kInit, 0, 0);
  for (float& p : Flat(params)) p = 0.2f * random.NextNormal();
  R1_RETURN_IF_ERROR(WriteModelFolder(folder, config, params, tokenizer));
  const std::unique_ptr<Ops> ops = MakeCpuOps(1);
  PolicyWeights weights(config, CpuDevice());
  weights.Assign(params, ops.get());
  std::vector<int32_t> tokens(100);
  for (int32_t& t : tokens) t = random.NextBelow(config.vocab_size);
  const std::vector<float> logits = AllLogits(weights, tokens, ops.get());
  const std::vector<float> token_values(tokens.begin(), tokens.end());
  const int64_t T = tokens.size();
  return WriteSafetensors(
      absl::StrCat(folder, "/logits.safetensors"),
      {FileTensor("tokens", {T}, token_values),
       FileTensor("logits", {T, config.vocab_size}, logits)});
}

absl::Status WriteModels(const std::string& out, const Tokenizer& tokenizer) {
  R1_RETURN_IF_ERROR(WriteModel(absl::StrCat(out, "/llama"),
                                TinyConfig("llama", false), tokenizer));
  ModelConfig scaled = TinyConfig("llama", true);
  scaled.rope_scaling = {RopeScaling::Kind::kLlama3, 4, 48};
  R1_RETURN_IF_ERROR(
      WriteModel(absl::StrCat(out, "/llama_scaled"), scaled, tokenizer));
  R1_RETURN_IF_ERROR(WriteModel(absl::StrCat(out, "/qwen2"),
                                TinyConfig("qwen2", true), tokenizer));
  return WriteModel(absl::StrCat(out, "/qwen3"), TinyConfig("qwen3", false),
                    tokenizer);
}

absl::Status Main(const std::string& what, const std::string& corpus,
                  const std::string& out) {
  R1_ASSIGN_OR_RETURN(const std::string text, ReadFile(corpus));
  R1_ASSIGN_OR_RETURN(const Tokenizer tokenizer, TrainOwnTokenizer(text));
  if (what == "models") return WriteModels(out, tokenizer);
  return WriteFileAtomic(out, tokenizer.ToJson());
}

}  // namespace
}  // namespace r1

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: golden_writer tokenizer|models CORPUS OUT\n");
    return 2;
  }
  const absl::Status status = r1::Main(argv[1], argv[2], argv[3]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
