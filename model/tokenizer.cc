#include "model/tokenizer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/tokenizer_impl.h"
#include "model/unicode.h"

namespace r1 {

namespace {

// Longer pieces are rare; remembering them would only cost memory.
constexpr size_t kMaxCachedBytes = 64;

struct CachedIds {
  size_t begin, count;  // in the ids of the call
};

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::Utf8SafeCHexEscape(text), "\"");
}

}  // namespace

// One call of Encode.
class Tokenizer::Encoder {
 public:
  Encoder(const Impl& impl, int64_t num_embeddings)
      : impl_(impl), num_embeddings_(num_embeddings) {}

  // Special tokens are not recognised in `data`.
  absl::StatusOr<std::vector<int32_t>> Run(absl::string_view text,
                                           absl::Span<const ByteRange> data) {
    ids_.reserve(text.size() / 3 + 1);
    CutOut(impl_.raw_tokens, text, data, 0, [&](size_t begin, size_t end) {
      const absl::string_view part = text.substr(begin, end - begin);
      const std::vector<ByteRange> inside = RangesIn(data, begin, end);
      if (!impl_.normalizes_nfc) return Normalized(part, inside, begin);
      // Pieces stay alive as cache keys.
      normalized_.push_back(std::make_unique<std::string>(NormalizeNfc(part)));
      Normalized(*normalized_.back(),
                 NormalizedRanges(part, *normalized_.back(), inside), begin);
    });
    if (!status_.ok()) return status_;
    return std::move(ids_);
  }

 private:
  // The parts of `ranges` within [begin, end), counted from `begin`. Only
  // tokens that are searched in the normalized text still need them.
  std::vector<ByteRange> RangesIn(absl::Span<const ByteRange> ranges,
                                  size_t begin, size_t end) const {
    std::vector<ByteRange> inside;
    if (impl_.normalized_tokens.empty()) return inside;
    for (const ByteRange& range : ranges) {
      if (range.end <= begin || range.begin >= end) continue;
      inside.push_back({std::max(range.begin, begin) - begin,
                        std::min(range.end, end) - begin});
    }
    return inside;
  }

  // Where `ranges` of `text` are in its normal form. A character that composed
  // across a border counts as data.
  static std::vector<ByteRange> NormalizedRanges(
      absl::string_view text, absl::string_view normalized,
      const std::vector<ByteRange>& ranges) {
    std::vector<ByteRange> result;
    for (const ByteRange& range : ranges) {
      const std::string before = NormalizeNfc(text.substr(0, range.begin));
      const std::string after = NormalizeNfc(text.substr(range.end));
      const size_t begin = std::mismatch(before.begin(), before.end(),
                                         normalized.begin(), normalized.end())
                               .first -
                           before.begin();
      const size_t end = normalized.size() -
                         (std::mismatch(after.rbegin(), after.rend(),
                                        normalized.rbegin(), normalized.rend())
                              .first -
                          after.rbegin());
      // Ranges that came to touch become one.
      if (!result.empty() && begin <= result.back().end) {
        result.back().end = std::max(end, result.back().end);
      } else if (begin < end) {
        result.push_back({begin, end});
      }
    }
    return result;
  }

  // Appends the added tokens found and hands the bounds of what lies between
  // to `rest`. `offset` is where `text` begins in the whole text.
  template <typename Rest>
  void CutOut(const AddedTokens& added, absl::string_view text,
              absl::Span<const ByteRange> data, size_t offset,
              const Rest& rest) {
    size_t from = 0;
    while (from < text.size() && status_.ok()) {
      const AddedTokens::Match match = added.Find(text, from, data);
      const size_t end = match.size > 0 ? match.begin : text.size();
      if (end > from) rest(from, end);
      if (match.size > 0) Added(match.id, offset + end);
      from = end + match.size;
    }
  }

  void Added(int32_t id, size_t at) {
    ids_.push_back(id);
    if (id < num_embeddings_ || !status_.ok()) return;
    status_ = absl::InvalidArgumentError(absl::StrCat(
        "the text has the added token ", Quoted(impl_.tokens[id].bytes),
        " at byte ", at, ", whose id ", id,
        " lies beyond the model's vocab_size of ", num_embeddings_,
        ": take it out of the text, or resize the model's embeddings"));
  }

  void Normalized(absl::string_view text, absl::Span<const ByteRange> data,
                  size_t offset) {
    const auto cut = [&](size_t begin, size_t end) {
      const absl::string_view part = text.substr(begin, end - begin);
      pieces_.clear();
      impl_.pre_tokenizer.Split(part, &scratch_, &pieces_);
      for (absl::string_view piece : pieces_) {
        if (impl_.lacks_bytes) CheckSpelling(piece, text, offset);
        Piece(piece);
      }
    };
    CutOut(impl_.normalized_tokens, text, data, offset, cut);
  }

  // Transformers would leave such a byte out without a word.
  void CheckSpelling(absl::string_view piece, absl::string_view text,
                     size_t offset) {
    const size_t at = impl_.bpe.FirstWithoutId(piece);
    if (at == piece.size() || !status_.ok()) return;
    const size_t in_text = piece.data() - text.data() + at;
    constexpr size_t kShown = 24;
    const size_t from = in_text - std::min(in_text, kShown);
    status_ = absl::InvalidArgumentError(absl::StrFormat(
        "the tokenizer has no token for byte 0x%02X, which the text has at "
        "byte %d, after %s, and no unknown token: take it out of the text",
        static_cast<uint8_t>(piece[at]), offset + in_text,
        Quoted(text.substr(from, in_text - from))));
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
  const int64_t num_embeddings_;
  absl::Status status_;  // of the first fault
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

std::string Tokenizer::ToJson() const { return impl_->files.tokenizer_json; }

absl::Status Tokenizer::LimitIds(int64_t num_embeddings) {
  for (int64_t id = vocab_size() - 1; id >= num_embeddings; --id) {
    const Impl::Token& token = impl_->tokens[id];
    if (token.bytes.empty() || token.is_added) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "token ", Quoted(token.bytes), " of the vocabulary has id ", id,
        ", but the model's vocab_size is ", num_embeddings,
        "; the tokenizer belongs to another model"));
  }
  num_embeddings_ = num_embeddings;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int32_t>> Tokenizer::Encode(
    absl::string_view text, bool allow_special) const {
  const ByteRange whole = {0, text.size()};
  return Encoder(*impl_, num_embeddings_)
      .Run(text, absl::MakeConstSpan(&whole, allow_special ? 0 : 1));
}

absl::StatusOr<std::vector<int32_t>> Tokenizer::Encode(
    const MarkedText& text) const {
  return Encoder(*impl_, num_embeddings_).Run(text.text, text.data);
}

absl::StatusOr<std::vector<int32_t>> Tokenizer::WithEnds(
    std::vector<int32_t> ids) const {
  const AroundText& around = impl_->around;
  for (const std::vector<int32_t>* added : {&around.before, &around.after}) {
    for (const int32_t id : *added) {
      if (id < num_embeddings_) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "the tokenizer adds token ", id, " (", Quoted(TokenBytes(id)),
          ") to every text, which lies beyond the model's vocab_size of ",
          num_embeddings_));
    }
  }
  ids.insert(ids.begin(), around.before.begin(), around.before.end());
  ids.insert(ids.end(), around.after.begin(), around.after.end());
  return ids;
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

const absl::StatusOr<ChatTemplate>& Tokenizer::chat_template() const {
  return impl_->chat_template;
}

const TokenizerFiles& Tokenizer::files() const { return impl_->files; }

const std::string& Tokenizer::hash() const { return impl_->hash; }

}  // namespace r1
