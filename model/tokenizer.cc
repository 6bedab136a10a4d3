#include "model/tokenizer.h"

#include <utility>

#include "model/tokenizer_impl.h"
#include "model/unicode.h"

namespace r1 {

namespace {

// Longer pieces are rare; remembering them would only cost memory.
constexpr size_t kMaxCachedBytes = 64;

struct CachedIds {
  size_t begin, count;  // in the ids of the call
};

}  // namespace

// One call of Encode.
class Tokenizer::Encoder {
 public:
  Encoder(const Impl& impl, bool allow_special)
      : impl_(impl), allow_special_(allow_special) {}

  std::vector<int32_t> Run(absl::string_view text) {
    ids_.reserve(text.size() / 3 + 1);
    CutOut(impl_.raw_tokens, text, [this](absl::string_view part) {
      if (!impl_.normalizes_nfc) {
        Normalized(part);
      } else {
        // Pieces stay alive as cache keys.
        normalized_.push_back(
            std::make_unique<std::string>(NormalizeNfc(part)));
        Normalized(*normalized_.back());
      }
    });
    return std::move(ids_);
  }

 private:
  // Appends the added tokens found and hands what lies between to `rest`.
  template <typename Rest>
  void CutOut(const AddedTokens& added, absl::string_view text,
              const Rest& rest) {
    size_t from = 0;
    while (from < text.size()) {
      const AddedTokens::Match match = added.Find(text, from, allow_special_);
      const size_t end = match.size > 0 ? match.begin : text.size();
      if (end > from) rest(text.substr(from, end - from));
      if (match.size > 0) ids_.push_back(match.id);
      from = end + match.size;
    }
  }

  void Normalized(absl::string_view text) {
    CutOut(impl_.normalized_tokens, text, [this](absl::string_view part) {
      pieces_.clear();
      impl_.pre_tokenizer.Split(part, &scratch_, &pieces_);
      for (absl::string_view piece : pieces_) Piece(piece);
    });
  }

  void Piece(absl::string_view piece) {
    if (piece.size() > kMaxCachedBytes) return Merge(piece);
    const auto [it, is_new] = cache_.try_emplace(piece, CachedIds{});
    if (is_new) {
      const size_t begin = ids_.size();
      Merge(piece);
      it->second = {begin, ids_.size() - begin};
      return;
    }
    for (size_t i = 0; i < it->second.count; ++i) {
      ids_.push_back(ids_[it->second.begin + i]);
    }
  }

  void Merge(absl::string_view piece) {
    if (!impl_.whole_pieces.empty()) {
      const auto it = impl_.whole_pieces.find(piece);
      if (it != impl_.whole_pieces.end()) return ids_.push_back(it->second);
    }
    impl_.bpe.Encode(piece, &ids_);
  }

  const Impl& impl_;
  const bool allow_special_;
  std::vector<int32_t> ids_;
  RegexSplitter::Scratch scratch_;
  std::vector<absl::string_view> pieces_;
  std::vector<std::unique_ptr<std::string>> normalized_;
  absl::flat_hash_map<absl::string_view, CachedIds> cache_;
};

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl)
    : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

std::string Tokenizer::ToJson() const { return impl_->json; }

std::vector<int32_t> Tokenizer::Encode(absl::string_view text,
                                       bool allow_special) const {
  return Encoder(*impl_, allow_special).Run(text);
}

std::string Tokenizer::Decode(absl::Span<const int32_t> ids,
                              bool skip_special) const {
  std::string text;
  for (int32_t id : ids) {
    const absl::string_view bytes = TokenBytes(id);
    if (bytes.empty()) continue;
    if (skip_special && impl_->tokens[id].is_special) continue;
    text.append(bytes.data(), bytes.size());
  }
  return text;
}

absl::string_view Tokenizer::TokenBytes(int32_t id) const {
  if (id < 0 || id >= vocab_size()) return {};
  return impl_->tokens[id].bytes;
}

int64_t Tokenizer::vocab_size() const {
  return static_cast<int64_t>(impl_->tokens.size());
}

int32_t Tokenizer::SpecialId(absl::string_view token) const {
  const auto it = impl_->special_ids.find(token);
  return it == impl_->special_ids.end() ? -1 : it->second;
}

const std::string& Tokenizer::hash() const { return impl_->hash; }

}  // namespace r1
