// Trains byte-level BPE by counting: pieces are counted once, then pairs are
// updated merge by merge.
#include <algorithm>
#include <cstdint>
#include <queue>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "model/byte_level.h"
#include "model/pre_tokenizer.h"
#include "model/tokenizer.h"
#include "nlohmann/json.hpp"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

constexpr int32_t kFirstByteId = 1;  // after kEndOfText
constexpr int64_t kMinVocab = 257;
constexpr int64_t kMaxVocab = int64_t{1} << 20;
// Longer pieces (a line of one character, say) are cut for counting, so that
// no merge has to walk through a megabyte.
constexpr size_t kMaxCountedBytes = 256;
// A pair that occurs once teaches nothing.
constexpr int64_t kMinPairCount = 2;

std::string SplitPattern(bool single_digits) {
  return absl::StrCat("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+|",
                      single_digits ? "\\p{N}" : "\\p{N}{1,3}",
                      "| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+");
}

Json PreTokenizerJson(bool single_digits) {
  const Json split = {{"type", "Split"},
                      {"pattern", {{"Regex", SplitPattern(single_digits)}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  const Json bytes = {{"type", "ByteLevel"},
                      {"add_prefix_space", false},
                      {"trim_offsets", true},
                      {"use_regex", false}};
  return {{"type", "Sequence"}, {"pretokenizers", {split, bytes}}};
}

using Pair = std::pair<int32_t, int32_t>;

// The pieces of a corpus as token ids, and where each adjacent pair occurs.
class PairCounter {
 public:
  void AddWord(absl::string_view bytes, int64_t count) {
    Word word;
    word.count = count;
    for (char c : bytes) {
      word.ids.push_back(kFirstByteId + static_cast<uint8_t>(c));
    }
    words_.push_back(std::move(word));
    AddPairs(words_.size() - 1, 1);
  }

  // The most frequent pair, the smaller one of equals; count 0 if there is
  // none.
  std::pair<Pair, int64_t> Best() {
    // Counts only fall behind in the heap, so the top is right as soon as it
    // agrees with the table.
    PushChanged();
    while (!heap_.empty()) {
      const Candidate top = heap_.top();
      const int64_t count = pairs_[top.pair].count;
      if (count == top.count) return {top.pair, count};
      heap_.pop();
    }
    return {Pair(), 0};
  }

  // Replaces `pair` by `id` everywhere.
  void Merge(Pair pair, int32_t id) {
    std::vector<int32_t> places = std::move(pairs_[pair].words);
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
    for (int32_t place : places) {
      AddPairs(place, -1);
      Replace(pair, id, &words_[place].ids);
      AddPairs(place, 1);
    }
  }

 private:
  struct Word {
    std::vector<int32_t> ids;
    int64_t count = 0;
  };
  struct PairInfo {
    int64_t count = 0;
    std::vector<int32_t> words;  // that have held the pair; may repeat
    bool is_changed = false;
  };
  struct Candidate {
    int64_t count;
    Pair pair;
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };

  void AddPairs(size_t place, int sign) {
    const Word& word = words_[place];
    for (size_t i = 0; i + 1 < word.ids.size(); ++i) {
      const Pair pair(word.ids[i], word.ids[i + 1]);
      PairInfo& info = pairs_[pair];
      info.count += sign * word.count;
      const int32_t index = static_cast<int32_t>(place);
      if (sign > 0 && (info.words.empty() || info.words.back() != index)) {
        info.words.push_back(index);
      }
      if (!info.is_changed) changed_.push_back(pair);
      info.is_changed = true;
    }
  }

  void PushChanged() {
    for (const Pair& pair : changed_) {
      PairInfo& info = pairs_[pair];
      info.is_changed = false;
      if (info.count > 0) heap_.push({info.count, pair});
    }
    changed_.clear();
  }

  static void Replace(Pair pair, int32_t id, std::vector<int32_t>* ids) {
    size_t to = 0;
    for (size_t i = 0; i < ids->size(); ++to) {
      const bool is_pair = i + 1 < ids->size() && (*ids)[i] == pair.first &&
                           (*ids)[i + 1] == pair.second;
      (*ids)[to] = is_pair ? id : (*ids)[i];
      i += is_pair ? 2 : 1;
    }
    ids->resize(to);
  }

  std::vector<Word> words_;
  absl::flat_hash_map<Pair, PairInfo> pairs_;
  std::vector<Pair> changed_;
  std::priority_queue<Candidate> heap_;
};

// Pieces and how often they occur, in an order that depends on the texts alone.
absl::StatusOr<std::vector<std::pair<absl::string_view, int64_t>>> CountPieces(
    absl::Span<const std::string> texts, bool single_digits) {
  R1_ASSIGN_OR_RETURN(const PreTokenizer splitter,
                      PreTokenizer::FromJson(PreTokenizerJson(single_digits)));
  RegexSplitter::Scratch scratch;
  absl::flat_hash_map<absl::string_view, int64_t> counts;
  std::vector<absl::string_view> pieces;
  for (const std::string& text : texts) {
    const absl::string_view whole = text;
    for (absl::string_view part : absl::StrSplit(whole, kEndOfText)) {
      pieces.clear();
      splitter.Split(part, &scratch, &pieces);
      for (absl::string_view piece : pieces) {
        for (size_t i = 0; i < piece.size(); i += kMaxCountedBytes) {
          ++counts[piece.substr(i, kMaxCountedBytes)];
        }
      }
    }
  }
  std::vector<std::pair<absl::string_view, int64_t>> sorted(counts.begin(),
                                                            counts.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

std::string MakeJson(absl::Span<const std::string> spellings, Json merges,
                     bool single_digits) {
  Json vocab = Json::object();
  // Appended as a pair: the ordered object's lookup is linear.
  auto& members = vocab.get_ref<Json::object_t&>();
  for (size_t id = 0; id < spellings.size(); ++id) {
    members.std::vector<std::pair<const std::string, Json>>::emplace_back(
        spellings[id], id);
  }
  const Json end_of_text = {{"id", 0},
                            {"content", std::string(kEndOfText)},
                            {"single_word", false},
                            {"lstrip", false},
                            {"rstrip", false},
                            {"normalized", false},
                            {"special", true}};
  const Json json = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", Json::array({end_of_text})},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", PreTokenizerJson(single_digits)},
                     {"post_processor", nullptr},
                     {"decoder",
                      {{"type", "ByteLevel"},
                       {"add_prefix_space", false},
                       {"trim_offsets", true},
                       {"use_regex", false}}},
                     {"model",
                      {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"ignore_merges", false},
                       {"vocab", std::move(vocab)},
                       {"merges", std::move(merges)}}}};
  return json.dump(2) + "\n";
}

}  // namespace

absl::StatusOr<Tokenizer> TrainTokenizer(absl::Span<const std::string> texts,
                                         int64_t vocab_size,
                                         bool single_digits) {
  if (vocab_size < kMinVocab || vocab_size > kMaxVocab) {
    return absl::InvalidArgumentError(
        absl::StrCat("tokenizer: vocab_size must be in [", kMinVocab, ", ",
                     kMaxVocab, "], got ", vocab_size));
  }
  R1_ASSIGN_OR_RETURN(const auto counts, CountPieces(texts, single_digits));
  PairCounter counter;
  for (const auto& [piece, count] : counts) counter.AddWord(piece, count);
  std::vector<std::string> spellings = {std::string(kEndOfText)};
  for (int byte = 0; byte < 256; ++byte) {
    spellings.push_back(
        BytesToByteLevel(std::string(1, static_cast<char>(byte))));
  }
  absl::flat_hash_map<std::string, int32_t> ids;
  for (size_t id = 0; id < spellings.size(); ++id) {
    ids.emplace(spellings[id], static_cast<int32_t>(id));
  }
  Json merges = Json::array();
  while (static_cast<int64_t>(spellings.size()) < vocab_size) {
    const auto [pair, count] = counter.Best();
    if (count < kMinPairCount) break;
    const std::string left = spellings[pair.first];
    const std::string right = spellings[pair.second];
    merges.push_back(absl::StrCat(left, " ", right));
    // "ab" + "c" and "a" + "bc" are one token.
    const auto [it, is_new] =
        ids.emplace(left + right, static_cast<int32_t>(spellings.size()));
    if (is_new) spellings.push_back(left + right);
    counter.Merge(pair, it->second);
  }
  return Tokenizer::FromJson(MakeJson(spellings, merges, single_digits));
}

}  // namespace r1
