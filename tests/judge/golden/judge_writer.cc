// judge_writer FOLDER: writes a reward model per family into FOLDER, each with
// scores.json, what this program scores some texts with.
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "judge/judged_text.h"
#include "nlohmann/json.hpp"
#include "tests/judge/judge_testing.h"

namespace r1 {
namespace {

// As training leaves it: begun from a language model, then changed.
absl::StatusOr<ModelFolder> MakeJudge(const std::string& model_type) {
  ModelConfig config = TinyJudge(model_type);
  config.head = ModelHead::kVocabulary;
  ParamSet params(std::make_shared<const ParamLayout>(config));
  R1_ASSIGN_OR_RETURN(
      ModelFolder judge,
      StartRewardModel({config, std::move(params), ByteTokenizer()}));
  judge.params = RandomParams(judge.config);
  return judge;
}

absl::Status WriteJudge(const std::string& folder,
                        const std::string& model_type) {
  R1_ASSIGN_OR_RETURN(ModelFolder judge, MakeJudge(model_type));
  R1_RETURN_IF_ERROR(MakeDirectories(folder));
  R1_RETURN_IF_ERROR(
      WriteModelFolder(folder, judge.config, judge.params, *judge.tokenizer));
  const std::unique_ptr<Ops> ops = MakeCpuOps(1);
  const ModelConfig config = judge.config;
  PolicyWeights weights(config, CpuDevice());
  weights.Assign(judge.params, ops.get());
  SequenceScorer scorer(config, ops.get());
  nlohmann::json rows = nlohmann::json::array();
  for (const char* text : {"Because.", "x", "four, 四", "a  b\n\tc"}) {
    for (const char* prompt : {"", "Why?"}) {
      R1_ASSIGN_OR_RETURN(const std::vector<int32_t> tokens,
                          EncodeJudged(*judge.tokenizer, config, prompt, text));
      rows.push_back({{"prompt", prompt},
                      {"text", text},
                      {"score", scorer.Score(weights, {tokens})[0]}});
    }
  }
  return WriteFileAtomic(absl::StrCat(folder, "/scores.json"), rows.dump());
}

}  // namespace
}  // namespace r1

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: judge_writer FOLDER\n");
    return 2;
  }
  for (const char* model_type : {"llama", "qwen2", "qwen3"}) {
    const absl::Status status =
        r1::WriteJudge(absl::StrCat(argv[1], "/", model_type), model_type);
    if (status.ok()) continue;
    std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    return 1;
  }
  return 0;
}
