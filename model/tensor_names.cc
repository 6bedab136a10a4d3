#include "model/tensor_names.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace r1 {
namespace {

// Attributes in which PyTorch's wrappers keep the module that they wrap.
constexpr std::array<absl::string_view, 5> kWrappers = {
    "_orig_mod",                   // torch.compile
    "module",                      // DataParallel, DeepSpeed
    "_fsdp_wrapped_module",        // FullyShardedDataParallel
    "_checkpoint_wrapped_module",  // activation checkpointing
    "_forward_module",             // Lightning
};

constexpr absl::string_view kFirstTensor = "layers.0.input_layernorm.weight";
constexpr absl::string_view kDecoder = "model.";
constexpr absl::string_view kHead = "lm_head.";
// Modules of the decoder, under "model.".
constexpr std::array<absl::string_view, 4> kDecoderParts = {
    "embed_tokens.", "layers.", "norm.", "rotary_emb."};

// What layers hold beside their parameters: tables that are computed anew.
constexpr std::array<absl::string_view, 7> kBuffers = {
    "inv_freq",   "original_inv_freq", "masked_bias", "position_ids",
    "cos_cached", "sin_cached",        "_extra_state"};
// Causal masks that attention modules once saved under the name "bias".
constexpr std::array<absl::string_view, 4> kMasks = {
    "self_attn.bias", "self_attn.attn.bias", "attn.bias", "attention.bias"};

template <typename List>
bool Contains(const List& list, absl::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

std::string WithoutWrappers(absl::string_view name) {
  std::vector<absl::string_view> kept;
  for (absl::string_view part : absl::StrSplit(name, '.')) {
    if (!Contains(kWrappers, part)) kept.push_back(part);
  }
  return absl::StrJoin(kept, ".");
}

// Where the decoder's modules stand: "model.", "" or another prefix.
absl::StatusOr<std::string> FindDecoder(
    const std::map<std::string, std::string>& names) {
  std::vector<std::string> found;
  for (const auto& [name, in_file] : names) {
    absl::string_view prefix = name;
    if (!absl::ConsumeSuffix(&prefix, kFirstTensor)) continue;
    if (prefix.empty() || prefix.back() == '.') found.emplace_back(prefix);
  }
  // The usual places win: beside them stand drafts, averages and teachers.
  for (absl::string_view usual : {kDecoder, absl::string_view()}) {
    if (found.empty() || Contains(found, usual)) return std::string(usual);
  }
  if (found.size() == 1) return found[0];
  return absl::InvalidArgumentError(absl::StrCat(
      "has ", found.size(), " models, under \"", found[0], "\" and \"",
      found[1], "\", and none under \"model.\": keep the tensors of one"));
}

// The name here of a tensor, given where decoder and head stand.
std::string OwnName(absl::string_view name, absl::string_view decoder,
                    absl::string_view head) {
  absl::string_view rest = name;
  if (absl::ConsumePrefix(&rest, head)) return absl::StrCat(kHead, rest);
  if (!absl::ConsumePrefix(&rest, decoder)) return std::string(name);
  for (absl::string_view part : kDecoderParts) {
    if (absl::StartsWith(rest, part)) return absl::StrCat(kDecoder, rest);
  }
  return std::string(name);
}

// "…lm_head." with the longest prefix that the decoder's has, too.
std::string FindHead(const std::map<std::string, std::string>& names,
                     absl::string_view decoder) {
  for (size_t size = decoder.size() + 1; size-- > 0;) {
    const std::string head = absl::StrCat(decoder.substr(0, size), kHead);
    const auto next = names.lower_bound(head);
    if (next != names.end() && absl::StartsWith(next->first, head)) return head;
  }
  return std::string(kHead);
}

// Keys by a change of theirs.
template <typename Rename>
absl::StatusOr<std::map<std::string, std::string>> Renamed(
    const std::map<std::string, std::string>& names, const Rename& rename) {
  std::map<std::string, std::string> renamed;
  for (const auto& [name, in_file] : names) {
    const auto [at, is_new] = renamed.emplace(rename(name), in_file);
    if (is_new) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("tensors \"", at->second, "\" and \"", in_file,
                     "\" are both \"", at->first, "\": remove one"));
  }
  return renamed;
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> OwnTensorNames(
    const std::vector<std::string>& names) {
  std::map<std::string, std::string> in_file;
  for (const std::string& name : names) in_file.emplace(name, name);
  auto unwrapped = Renamed(in_file, WithoutWrappers);
  if (!unwrapped.ok()) return unwrapped.status();
  const auto decoder = FindDecoder(*unwrapped);
  if (!decoder.ok()) return decoder.status();
  const std::string head = FindHead(*unwrapped, *decoder);
  return Renamed(*unwrapped, [&](absl::string_view name) {
    return OwnName(name, *decoder, head);
  });
}

bool IsOfComputedPart(absl::string_view name, int num_layers) {
  if (absl::StartsWith(name, kHead)) return true;
  if (!absl::ConsumePrefix(&name, kDecoder)) return false;
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '.');
  if (Contains(kBuffers, parts.back()) || Contains(parts, "rotary_emb")) {
    return false;
  }
  if (parts[0] == "embed_tokens" || parts[0] == "norm") return true;
  int64_t layer = 0;
  if (parts[0] != "layers" || parts.size() < 3 ||
      !absl::SimpleAtoi(parts[1], &layer)) {
    return false;
  }
  const std::string in_layer =
      absl::StrJoin(parts.begin() + 2, parts.end(), ".");
  return layer < num_layers && !Contains(kMasks, in_layer);
}

std::string DescribeTensors(const std::vector<std::string>& names) {
  constexpr size_t kShown = 4, kMaxFormBytes = 120;  // a stranger's text
  std::map<std::string, size_t> counts;
  for (const std::string& name : names) {
    std::vector<absl::string_view> parts = absl::StrSplit(name, '.');
    int64_t number = 0;
    for (absl::string_view& part : parts) {
      if (absl::SimpleAtoi(part, &number)) part = "*";
    }
    ++counts[absl::StrJoin(parts, ".")];
  }
  std::vector<std::pair<size_t, std::string>> forms;
  for (const auto& [form, count] : counts) forms.emplace_back(count, form);
  std::stable_sort(
      forms.begin(), forms.end(),
      [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text;
  size_t rest = names.size();
  for (size_t i = 0; i < std::min(kShown, forms.size()); ++i) {
    const auto& [count, form] = forms[i];
    absl::StrAppend(&text, i > 0 ? ", " : "",
                    absl::CHexEscape(form.substr(0, kMaxFormBytes)));
    if (count > 1) absl::StrAppend(&text, " (", count, " times)");
    rest -= count;
  }
  if (rest > 0) absl::StrAppend(&text, " and ", rest, " more");
  return text;
}

}  // namespace r1
