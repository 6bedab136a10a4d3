#include "model/tokenizer_folder.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "model/bounded_file.h"
#include "model/tokenizer_config.h"

namespace r1 {
namespace {

struct NamedFile {
  const char* name;
  int64_t max_bytes;
  std::string TokenizerFiles::*content;
};

constexpr int64_t kMaxTokenizerBytes = int64_t{256} << 20;

constexpr NamedFile kFiles[] = {
    {"tokenizer.json", kMaxTokenizerBytes, &TokenizerFiles::tokenizer_json},
    {"tokenizer_config.json", kMaxConfigBytes,
     &TokenizerFiles::tokenizer_config_json},
    {"special_tokens_map.json", kMaxConfigBytes,
     &TokenizerFiles::special_tokens_map_json},
    {"chat_template.jinja", kMaxConfigBytes,
     &TokenizerFiles::chat_template_jinja},
};

}  // namespace

absl::StatusOr<Tokenizer> ReadTokenizerFolder(const std::string& folder,
                                              int64_t num_embeddings) {
  TokenizerFiles files;
  for (const NamedFile& file : kFiles) {
    const std::string path = absl::StrCat(folder, "/", file.name);
    const bool is_needed = file.content == &TokenizerFiles::tokenizer_json;
    if (!is_needed && !FileExists(path)) continue;
    R1_ASSIGN_OR_RETURN(files.*file.content, ReadBounded(path, file.max_bytes));
  }
  auto tokenizer = Tokenizer::FromFiles(std::move(files));
  if (!tokenizer.ok()) return Annotate(tokenizer.status(), folder);
  R1_RETURN_IF_ERROR(Annotate(tokenizer->LimitIds(num_embeddings),
                              absl::StrCat(folder, "/tokenizer.json")));
  return tokenizer;
}

absl::Status WriteTokenizerFolder(const std::string& folder,
                                  const Tokenizer& tokenizer,
                                  const std::string& own_config_json) {
  TokenizerFiles files = tokenizer.files();
  if (files.tokenizer_config_json.empty()) {
    files.tokenizer_config_json = own_config_json;
  }
  for (const NamedFile& file : kFiles) {
    const std::string& content = files.*file.content;
    if (content.empty()) continue;
    R1_RETURN_IF_ERROR(
        WriteFileAtomic(absl::StrCat(folder, "/", file.name), content));
  }
  return absl::OkStatus();
}

}  // namespace r1
