// Reads Hugging Face tokenizer.json: byte-level BPE and what it needs.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "model/byte_level.h"
#include "model/strict_json.h"
#include "model/tokenizer_impl.h"
#include "model/unicode.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

// Sixteen times the largest vocabulary in use; bounds the table by id.
constexpr int64_t kMaxId = (int64_t{1} << 22) - 1;

std::string Quoted(absl::string_view token) {
  return absl::StrCat("\"", absl::Utf8SafeCHexEscape(token.substr(0, 80)),
                      "\"");
}

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("tokenizer.json: ", what));
}

absl::Status NotSupported(absl::string_view what) {
  return absl::UnimplementedError(absl::StrCat(
      "tokenizer.json: ", what,
      " is not supported; this program reads byte-level BPE tokenizers"));
}

// Refuses the settings of "model" that would change the ids.
absl::Status CheckModel(const Json& model) {
  std::string type = "BPE";
  R1_RETURN_IF_ERROR(ReadString(model, "model", "type", &type).status());
  if (type != "BPE") return NotSupported(absl::StrCat("model type ", type));
  double dropout = 0;
  R1_RETURN_IF_ERROR(
      ReadDouble(model, "model", "dropout", 0, 1, &dropout).status());
  if (dropout != 0) return NotSupported("merge dropout");
  for (absl::string_view key :
       {"continuing_subword_prefix", "end_of_word_suffix"}) {
    std::string affix;
    R1_RETURN_IF_ERROR(ReadString(model, "model", key, &affix).status());
    if (!affix.empty()) {
      return NotSupported(absl::StrCat("model.", key, " ", Quoted(affix)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTop(const Json& json) {
  if (!json.is_object()) {
    return Malformed(
        absl::StrCat("must be an object, found ", DescribeJson(json)));
  }
  std::string version = "1.0";
  R1_RETURN_IF_ERROR(
      ReadString(json, "tokenizer.json", "version", &version).status());
  if (version != "1.0") {
    return NotSupported(absl::StrCat("version ", Quoted(version)));
  }
  const Json* decoder = FindMember(json, "decoder");
  std::string type;
  if (decoder != nullptr && decoder->is_object()) {
    R1_RETURN_IF_ERROR(ReadString(*decoder, "decoder", "type", &type).status());
  }
  if (type != "ByteLevel") {
    return NotSupported(absl::StrCat("decoder ", Quoted(type)));
  }
  return absl::OkStatus();
}

// True for NFC; a Sequence may hold nothing else.
absl::StatusOr<bool> ReadNormalizer(const Json& json) {
  const Json* normalizer = FindMember(json, "normalizer");
  if (normalizer == nullptr) return false;
  if (!normalizer->is_object()) {
    return Malformed(absl::StrCat("normalizer must be an object, found ",
                                  DescribeJson(*normalizer)));
  }
  std::string type;
  R1_RETURN_IF_ERROR(
      ReadString(*normalizer, "normalizer", "type", &type).status());
  if (type == "NFC") return true;
  const Json* list = FindMember(*normalizer, "normalizers");
  if (type != "Sequence" || list == nullptr || !list->is_array()) {
    return NotSupported(absl::StrCat("normalizer ", Quoted(type)));
  }
  for (const Json& item : *list) {
    type.clear();
    if (item.is_object()) {
      R1_RETURN_IF_ERROR(
          ReadString(item, "normalizer", "type", &type).status());
    }
    if (type != "NFC") {
      return NotSupported(absl::StrCat("normalizer ", Quoted(type)));
    }
  }
  return !list->empty();
}

// A member that must be there, of one kind.
absl::StatusOr<const Json*> Require(const Json& object, absl::string_view where,
                                    absl::string_view key, Json::value_t kind) {
  const Json* value = FindMember(object, key);
  if (value == nullptr || value->type() != kind) {
    return Malformed(absl::StrCat(
        where, "\"", key, "\" must be an ", Json(kind).type_name(), ", found ",
        value == nullptr ? "nothing" : DescribeJson(*value)));
  }
  return value;
}

}  // namespace

// Fills an Impl step by step; each step needs the ones before it.
class Tokenizer::Loader {
 public:
  absl::StatusOr<std::unique_ptr<const Impl>> Run(TokenizerFiles files) {
    auto parsed = ParseStrictJson(files.tokenizer_json);
    if (!parsed.ok()) return Annotate(parsed.status(), "tokenizer.json");
    const Json& json = *parsed;
    R1_RETURN_IF_ERROR(CheckTop(json));
    R1_ASSIGN_OR_RETURN(const Json* model,
                        Require(json, "", "model", Json::value_t::object));
    R1_RETURN_IF_ERROR(CheckModel(*model));
    R1_ASSIGN_OR_RETURN(impl_->normalizes_nfc, ReadNormalizer(json));
    const Json* splitter = FindMember(json, "pre_tokenizer");
    auto pre_tokenizer =
        PreTokenizer::FromJson(splitter == nullptr ? Json() : *splitter);
    if (!pre_tokenizer.ok()) {
      return Annotate(pre_tokenizer.status(), "tokenizer.json");
    }
    impl_->pre_tokenizer = *std::move(pre_tokenizer);
    R1_RETURN_IF_ERROR(ReadVocab(*model));
    R1_RETURN_IF_ERROR(ReadAddedTokens(json));
    R1_RETURN_IF_ERROR(CollectBytes(*model));
    R1_RETURN_IF_ERROR(ReadMerges(*model));
    R1_RETURN_IF_ERROR(ReadWholePieces(*model));
    R1_RETURN_IF_ERROR(ReadAround(json));
    R1_RETURN_IF_ERROR(ReadFilesBeside(files));
    impl_->files = std::move(files);
    return std::move(impl_);
  }

 private:
  Impl::Token& TokenAt(int64_t id) {
    if (id >= static_cast<int64_t>(impl_->tokens.size())) {
      impl_->tokens.resize(id + 1);
    }
    return impl_->tokens[id];
  }

  // Spellings outside the byte alphabet (special tokens in the vocabulary)
  // stand for their own text.
  absl::Status ReadVocab(const Json& model) {
    R1_ASSIGN_OR_RETURN(const Json* vocab, Require(model, "model: ", "vocab",
                                                   Json::value_t::object));
    ids_.reserve(vocab->size());
    for (const auto& [spelling, value] : vocab->items()) {
      if (!value.is_number_unsigned() ||
          value.get<uint64_t>() > uint64_t{kMaxId}) {
        return Malformed(absl::StrCat("id of token ", Quoted(spelling),
                                      " must be an integer in [0, ", kMaxId,
                                      "], found ", DescribeJson(value)));
      }
      if (spelling.empty()) return Malformed("a token is empty");
      const int32_t id = value.get<int32_t>();
      Impl::Token& token = TokenAt(id);
      if (!token.bytes.empty()) {
        return Malformed(absl::StrCat("tokens ", Quoted(token.bytes), " and ",
                                      Quoted(spelling), " share id ", id));
      }
      token.bytes = ByteLevelToBytes(spelling).value_or(spelling);
      ids_.emplace(spelling, id);
    }
    return absl::OkStatus();
  }

  absl::Status ReadAddedTokens(const Json& json) {
    if (FindMember(json, "added_tokens") == nullptr) return absl::OkStatus();
    R1_ASSIGN_OR_RETURN(const Json* list, Require(json, "", "added_tokens",
                                                  Json::value_t::array));
    for (size_t i = 0; i < list->size(); ++i) {
      R1_RETURN_IF_ERROR(
          ReadAddedToken((*list)[i], absl::StrCat("added_tokens[", i, "]")));
    }
    return absl::OkStatus();
  }

  absl::Status ReadAddedToken(const Json& json, const std::string& where) {
    if (!json.is_object()) return Malformed(where + " must be an object");
    int64_t id = -1;
    std::string content;
    R1_ASSIGN_OR_RETURN(const bool has_id,
                        ReadInt(json, where, "id", 0, kMaxId, &id));
    R1_RETURN_IF_ERROR(ReadString(json, where, "content", &content).status());
    if (!has_id || content.empty()) {
      return Malformed(where + " needs an \"id\" and a \"content\"");
    }
    bool is_special = false, is_normalized = false;
    R1_RETURN_IF_ERROR(ReadBool(json, where, "special", &is_special).status());
    R1_RETURN_IF_ERROR(
        ReadBool(json, where, "normalized", &is_normalized).status());
    for (absl::string_view key : {"lstrip", "rstrip", "single_word"}) {
      bool is_on = false;
      R1_RETURN_IF_ERROR(ReadBool(json, where, key, &is_on).status());
      // Stripping swallows blanks that decoding could not give back.
      if (is_on) return NotSupported(absl::StrCat(where, ".", key));
    }
    const auto known = ids_.find(content);
    if (known != ids_.end() && known->second != id) {
      return Malformed(absl::StrCat(where, ": ", Quoted(content), " has id ",
                                    id, ", but ", known->second,
                                    " in model.vocab"));
    }
    Impl::Token& token = TokenAt(id);
    if (known == ids_.end() && !token.bytes.empty()) {
      return Malformed(absl::StrCat(where, ": id ", id, " of ", Quoted(content),
                                    " is taken by ", Quoted(token.bytes)));
    }
    token = {content, is_special, /*is_added=*/true};
    ids_.emplace(content, static_cast<int32_t>(id));
    if (is_special) impl_->special_ids.emplace(content, id);
    const std::string searched = is_normalized && impl_->normalizes_nfc
                                     ? NormalizeNfc(content)
                                     : content;
    AddedTokens& tokens =
        is_normalized ? impl_->normalized_tokens : impl_->raw_tokens;
    if (!tokens.Add(searched, static_cast<int32_t>(id), is_special)) {
      return Malformed(
          absl::StrCat(where, ": ", Quoted(content), " given twice"));
    }
    return absl::OkStatus();
  }

  // The tokens of single bytes. A vocabulary may lack those that its corpus
  // never had: then some text has no ids.
  absl::Status CollectBytes(const Json& model) {
    std::array<int32_t, 256> byte_ids;
    byte_ids.fill(kNoToken);
    int num_lacking = 0;
    for (int byte = 0; byte < 256; ++byte) {
      const std::string bytes(1, static_cast<char>(byte));
      const auto it = ids_.find(BytesToByteLevel(bytes));
      if (it == ids_.end()) {
        ++num_lacking;
        continue;
      }
      const Impl::Token& token = impl_->tokens[it->second];
      if (token.bytes != bytes || token.is_special) {
        return Malformed(absl::StrCat("the token of byte ", byte,
                                      " is also an added token"));
      }
      byte_ids[byte] = it->second;
    }
    impl_->bpe = Bpe(byte_ids);
    if (num_lacking == 0) return absl::OkStatus();
    if (num_lacking == 256) {
      return Malformed("model.vocab has no token of a single byte");
    }
    impl_->lacks_bytes = true;
    return ReadUnknownToken(model);
  }

  // What stands for the bytes that the vocabulary lacks.
  absl::Status ReadUnknownToken(const Json& model) {
    bool falls_back = false, fuses = false;
    R1_RETURN_IF_ERROR(
        ReadBool(model, "model", "byte_fallback", &falls_back).status());
    if (falls_back) {
      return NotSupported(
          "model.byte_fallback of a vocabulary without all bytes");
    }
    R1_RETURN_IF_ERROR(ReadBool(model, "model", "fuse_unk", &fuses).status());
    std::string unknown;
    R1_ASSIGN_OR_RETURN(const bool has_unknown,
                        ReadString(model, "model", "unk_token", &unknown));
    if (!has_unknown) return absl::OkStatus();
    const auto it = ids_.find(unknown);
    if (it == ids_.end()) {
      return Malformed(absl::StrCat("model.unk_token ", Quoted(unknown),
                                    " is not in model.vocab"));
    }
    impl_->bpe.SetUnknown(it->second, fuses);
    impl_->lacks_bytes = false;
    return absl::OkStatus();
  }

  absl::Status ReadMerges(const Json& model) {
    R1_ASSIGN_OR_RETURN(const Json* merges, Require(model, "model: ", "merges",
                                                    Json::value_t::array));
    for (size_t i = 0; i < merges->size(); ++i) {
      const absl::Status status = ReadMerge((*merges)[i]);
      if (!status.ok()) {
        return Malformed(
            absl::StrCat("model.merges[", i, "]: ", status.message()));
      }
    }
    return absl::OkStatus();
  }

  // "left right" or ["left", "right"].
  static std::optional<std::pair<std::string, std::string>> SplitMerge(
      const Json& merge) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
        merge[1].is_string()) {
      return std::pair(merge[0].get<std::string>(),
                       merge[1].get<std::string>());
    }
    if (!merge.is_string()) return std::nullopt;
    const std::string& text = merge.get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space == std::string::npos ||
        text.find(' ', space + 1) != std::string::npos) {
      return std::nullopt;
    }
    return std::pair(text.substr(0, space), text.substr(space + 1));
  }

  absl::Status ReadMerge(const Json& merge) {
    const auto pair = SplitMerge(merge);
    if (!pair) {
      return absl::InvalidArgumentError(
          absl::StrCat("must be \"left right\" or [left, right], found ",
                       DescribeJson(merge)));
    }
    const auto& [left, right] = *pair;
    int32_t ids[3];
    const std::string spellings[3] = {left, right, left + right};
    for (int i = 0; i < 3; ++i) {
      const auto it = ids_.find(spellings[i]);
      if (it == ids_.end()) {
        return absl::InvalidArgumentError(
            absl::StrCat(Quoted(spellings[i]), " is not in model.vocab"));
      }
      ids[i] = it->second;
      if (impl_->tokens[ids[i]].is_special) {
        return absl::InvalidArgumentError(
            absl::StrCat(Quoted(spellings[i]), " is a special token"));
      }
    }
    const auto& tokens = impl_->tokens;
    if (tokens[ids[0]].bytes + tokens[ids[1]].bytes != tokens[ids[2]].bytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(Quoted(left), " and ", Quoted(right),
                       " do not join to the bytes of their result"));
    }
    if (!impl_->bpe.AddMerge(ids[0], ids[1], ids[2])) {
      return absl::InvalidArgumentError(absl::StrCat(
          Quoted(left), " and ", Quoted(right), " are merged twice"));
    }
    return absl::OkStatus();
  }

  absl::Status ReadWholePieces(const Json& model) {
    bool ignores_merges = false;
    R1_RETURN_IF_ERROR(
        ReadBool(model, "model", "ignore_merges", &ignores_merges).status());
    if (!ignores_merges) return absl::OkStatus();
    for (const auto& [spelling, id] : ids_) {
      const Impl::Token& token = impl_->tokens[id];
      // Added tokens are found in the text, never spelled out of bytes.
      if (token.is_special || ByteLevelToBytes(spelling) != token.bytes) {
        continue;
      }
      impl_->whole_pieces.emplace(token.bytes, id);
    }
    return absl::OkStatus();
  }

  absl::Status ReadAround(const Json& json) {
    const Json* post_processor = FindMember(json, "post_processor");
    if (post_processor == nullptr) return absl::OkStatus();
    auto around = ReadPostProcessor(*post_processor);
    if (!around.ok()) return Annotate(around.status(), "tokenizer.json");
    impl_->around = *std::move(around);
    for (const auto* ids : {&impl_->around.before, &impl_->around.after}) {
      for (const int32_t id : *ids) {
        if (id < static_cast<int64_t>(impl_->tokens.size()) &&
            !impl_->tokens[id].bytes.empty()) {
          continue;
        }
        return Malformed(absl::StrCat("post_processor: adds token ", id,
                                      ", which there is not"));
      }
    }
    return absl::OkStatus();
  }

  // Chat template and flags. What they change is part of the hash.
  absl::Status ReadFilesBeside(const TokenizerFiles& files) {
    R1_ASSIGN_OR_RETURN(const TokenizerConfig config,
                        ReadTokenizerConfig(files));
    impl_->hash = Sha256Hex(files.tokenizer_json);
    if (config.add_bos_token || config.add_eos_token) {
      R1_RETURN_IF_ERROR(ReplaceAround(config));
    }
    if (config.chat_template.empty()) {
      impl_->chat_template = absl::NotFoundError(
          "the model has no chat template (neither chat_template.jinja nor "
          "chat_template in tokenizer_config.json)");
    } else {
      impl_->chat_template =
          ChatTemplate::Parse(config.chat_template, config.special_tokens);
      Json decisive = config.special_tokens;
      decisive.push_back(config.chat_template);
      impl_->hash = Sha256Hex(absl::StrCat(impl_->hash, decisive.dump()));
    }
    return absl::OkStatus();
  }

  // Either flag given replaces the post-processor.
  absl::Status ReplaceAround(const TokenizerConfig& config) {
    AroundText around;
    const struct {
      bool is_on;
      const char* name;
      std::vector<int32_t>* ids;
    } kEnds[] = {
        {config.add_bos_token.value_or(false), "bos_token", &around.before},
        {config.add_eos_token.value_or(false), "eos_token", &around.after}};
    for (const auto& end : kEnds) {
      const absl::string_view token = config.Token(end.name);
      // Without the token the flag means nothing.
      if (!end.is_on || token.empty()) continue;
      const auto it = ids_.find(token);
      if (it == ids_.end()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "tokenizer_config.json: add_", end.name, " adds ", Quoted(token),
            ", which tokenizer.json does not have"));
      }
      end.ids->push_back(it->second);
    }
    if (around.before != impl_->around.before ||
        around.after != impl_->around.after) {
      impl_->around = std::move(around);
      impl_->hash = Sha256Hex(absl::StrCat(
          impl_->hash,
          Json({impl_->around.before, impl_->around.after}).dump()));
    }
    return absl::OkStatus();
  }

  std::unique_ptr<Impl> impl_ = std::make_unique<Impl>();
  absl::flat_hash_map<std::string, int32_t> ids_;  // by spelling
};

absl::StatusOr<Tokenizer> Tokenizer::FromJson(absl::string_view json) {
  TokenizerFiles files;
  files.tokenizer_json = std::string(json);
  return FromFiles(std::move(files));
}

absl::StatusOr<Tokenizer> Tokenizer::FromFiles(TokenizerFiles files) {
  R1_ASSIGN_OR_RETURN(std::unique_ptr<const Impl> impl,
                      Loader().Run(std::move(files)));
  return Tokenizer(std::move(impl));
}

}  // namespace r1
