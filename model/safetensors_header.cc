#include "model/safetensors_header.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"

namespace r1 {
namespace {

using Json = nlohmann::json;
using Entries = std::map<std::string, SafetensorsEntry>;

constexpr absl::string_view kMetadata = "__metadata__";
constexpr size_t kMaxRank = 64;

struct DTypeInfo {
  absl::string_view name;
  int bits;
  FileDType dtype;
};
constexpr std::array<DTypeInfo, 21> kDTypes = {{
    {"F32", 32, FileDType::kF32},
    {"F16", 16, FileDType::kF16},
    {"BF16", 16, FileDType::kBF16},
    {"F64", 64, FileDType::kOther},
    {"BOOL", 8, FileDType::kOther},
    {"U8", 8, FileDType::kOther},
    {"I8", 8, FileDType::kOther},
    {"U16", 16, FileDType::kOther},
    {"I16", 16, FileDType::kOther},
    {"U32", 32, FileDType::kOther},
    {"I32", 32, FileDType::kOther},
    {"U64", 64, FileDType::kOther},
    {"I64", 64, FileDType::kOther},
    {"C64", 64, FileDType::kOther},
    {"F8_E4M3", 8, FileDType::kOther},
    {"F8_E5M2", 8, FileDType::kOther},
    {"F8_E8M0", 8, FileDType::kOther},
    {"F8_E4M3FNUZ", 8, FileDType::kOther},
    {"F8_E5M2FNUZ", 8, FileDType::kOther},
    {"F6_E2M3", 6, FileDType::kOther},
    {"F4", 4, FileDType::kOther},
}};

// A name from the file for a message: printable and short.
std::string Quoted(absl::string_view name) {
  constexpr size_t kMaxShown = 80;
  const bool is_long = name.size() > kMaxShown;
  return absl::StrCat("\"", absl::CHexEscape(name.substr(0, kMaxShown)),
                      is_long ? "…\"" : "\"");
}

const DTypeInfo* FindDType(absl::string_view name) {
  for (const DTypeInfo& info : kDTypes) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

// Accepts exactly the header's schema, event by event.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("a boolean"); }
  bool number_integer(int64_t) override {
    return Unexpected("a negative number");
  }
  bool number_float(double, const std::string& text) override {
    return Unexpected(absl::StrCat("the number ", text.substr(0, 40)));
  }
  bool binary(Json::binary_t&) override { return Unexpected("binary"); }

  bool number_unsigned(uint64_t value) override {
    if (state_ == State::kShape) {
      if (value > uint64_t{INT64_MAX}) return Fail("a dimension overflows");
      if (entry_.shape.size() >= kMaxRank) {
        return Fail(absl::StrCat("more than ", kMaxRank, " dimensions"));
      }
      entry_.shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (state_ == State::kOffsets) {
      if (num_offsets_ == 2) return Fail("data_offsets has over 2 numbers");
      (num_offsets_++ == 0 ? entry_.begin : entry_.end) = value;
      return true;
    }
    return Unexpected("a number");
  }

  bool string(std::string& value) override {
    if (state_ == State::kMetadataValue) {
      state_ = State::kMetadata;
      return true;
    }
    if (state_ != State::kDType) return Unexpected("a string");
    const DTypeInfo* info = FindDType(value);
    if (info == nullptr) return Fail("unknown dtype " + Quoted(value));
    bits_ = info->bits;
    entry_.dtype = info->dtype;
    entry_.dtype_name = std::move(value);
    state_ = State::kEntry;
    return true;
  }

  bool start_object(size_t) override {
    switch (state_) {
      case State::kStart:
        state_ = State::kTop;
        return true;
      case State::kEntryValue:
        state_ = State::kEntry;
        return true;
      case State::kMetadataObject:
        state_ = State::kMetadata;
        return true;
      default:
        return Unexpected("an object");
    }
  }

  bool end_object() override {
    if (state_ == State::kTop) {
      state_ = State::kEnd;
      return true;
    }
    const bool is_entry = state_ == State::kEntry;
    state_ = State::kTop;
    return is_entry ? FinishEntry() : true;
  }

  bool start_array(size_t) override {
    if (state_ == State::kShapeValue) {
      state_ = State::kShape;
      return true;
    }
    if (state_ == State::kOffsetsValue) {
      state_ = State::kOffsets;
      return true;
    }
    return Unexpected("an array");
  }

  bool end_array() override {
    if (state_ == State::kOffsets && num_offsets_ != 2) {
      return Fail("data_offsets must be [begin, end]");
    }
    state_ = State::kEntry;
    return true;
  }

  bool key(std::string& name) override {
    if (state_ == State::kTop) return TopKey(name);
    if (state_ == State::kMetadata) {
      if (!metadata_keys_.emplace(name, true).second) {
        return Fail("key " + Quoted(name) + " given twice");
      }
      state_ = State::kMetadataValue;
      return true;
    }
    return EntryKey(name);
  }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    if (error_.empty()) {
      error_ = absl::StrCat("header is not valid JSON at byte ", position);
    }
    return false;
  }

  const std::string& error() const { return error_; }
  Entries Take() { return std::move(entries_); }

 private:
  enum class State {
    kStart,
    kTop,
    kEnd,
    kEntryValue,
    kEntry,
    kDType,
    kShapeValue,
    kShape,
    kOffsetsValue,
    kOffsets,
    kMetadataObject,
    kMetadata,
    kMetadataValue,
  };

  bool Fail(absl::string_view what) {
    error_ = in_entry_
                 ? absl::StrCat("tensor ", Quoted(entry_.name), ": ", what)
                 : std::string(what);
    return false;
  }

  bool Unexpected(absl::string_view found) {
    absl::string_view expected;
    switch (state_) {
      case State::kStart:
        expected = "an object";
        break;
      case State::kEntryValue:
        expected = "an object";
        break;
      case State::kDType:
        expected = "a dtype name";
        break;
      case State::kShapeValue:
        expected = "an array as shape";
        break;
      case State::kShape:
        expected = "whole numbers in shape";
        break;
      case State::kOffsetsValue:
        expected = "an array as data_offsets";
        break;
      case State::kOffsets:
        expected = "whole numbers in data_offsets";
        break;
      case State::kMetadataObject:
        expected = "an object";
        break;
      case State::kMetadataValue:
        expected = "a string in __metadata__";
        break;
      default:
        expected = "the end";
        break;
    }
    return Fail(absl::StrCat("expected ", expected, ", found ", found));
  }

  bool TopKey(const std::string& name) {
    in_entry_ = false;
    if (name == kMetadata) {
      if (has_metadata_) return Fail("__metadata__ given twice");
      has_metadata_ = true;
      state_ = State::kMetadataObject;
      return true;
    }
    entry_ = SafetensorsEntry();
    entry_.name = name;
    in_entry_ = true;
    has_dtype_ = has_shape_ = has_offsets_ = false;
    num_offsets_ = 0;
    if (entries_.count(name) > 0) return Fail("given twice");
    state_ = State::kEntryValue;
    return true;
  }

  bool EntryKey(const std::string& name) {
    bool* seen = name == "dtype"          ? &has_dtype_
                 : name == "shape"        ? &has_shape_
                 : name == "data_offsets" ? &has_offsets_
                                          : nullptr;
    if (seen == nullptr) return Fail("unknown key " + Quoted(name));
    if (*seen) return Fail(absl::StrCat("key \"", name, "\" given twice"));
    *seen = true;
    state_ = name == "dtype"   ? State::kDType
             : name == "shape" ? State::kShapeValue
                               : State::kOffsetsValue;
    return true;
  }

  bool FinishEntry() {
    if (!has_dtype_) return Fail("has no dtype");
    if (!has_shape_) return Fail("has no shape");
    if (!has_offsets_) return Fail("has no data_offsets");
    if (entry_.begin > entry_.end) return Fail("data_offsets are reversed");
    uint64_t bits = bits_;
    bool is_empty = false;
    for (int64_t dimension : entry_.shape) is_empty |= dimension == 0;
    for (int64_t dimension : entry_.shape) {
      if (!is_empty && __builtin_mul_overflow(
                           bits, static_cast<uint64_t>(dimension), &bits)) {
        return Fail("the size of its shape overflows");
      }
    }
    if (is_empty) bits = 0;
    if (bits % 8 != 0) return Fail("its size is no whole number of bytes");
    if (bits / 8 != entry_.end - entry_.begin) {
      return Fail(absl::StrCat("dtype and shape need ", bits / 8,
                               " bytes, data_offsets give ",
                               entry_.end - entry_.begin));
    }
    in_entry_ = false;
    std::string name = entry_.name;
    entries_.emplace(std::move(name), std::move(entry_));
    return true;
  }

  State state_ = State::kStart;
  Entries entries_;
  std::map<std::string, bool> metadata_keys_;
  bool has_metadata_ = false;
  SafetensorsEntry entry_;  // being read
  bool in_entry_ = false;
  bool has_dtype_ = false, has_shape_ = false, has_offsets_ = false;
  int num_offsets_ = 0;
  int bits_ = 0;
  std::string error_;
};

// Sorted by their place, the tensors must tile [0, data_bytes).
absl::Status CheckCoverage(const Entries& entries, uint64_t data_bytes) {
  std::vector<const SafetensorsEntry*> order;
  order.reserve(entries.size());
  for (const auto& [name, entry] : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  uint64_t covered = 0;
  for (const SafetensorsEntry* entry : order) {
    if (entry->begin != covered) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tensor ", Quoted(entry->name), ": begins at byte ", entry->begin,
          entry->begin < covered ? ", inside another tensor (expected "
                                 : ", after a hole (expected ",
          covered, ")"));
    }
    covered = entry->end;
  }
  if (covered == data_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the tensors need ", covered,
                   " bytes of data, the file has ", data_bytes));
}

}  // namespace

absl::StatusOr<Entries> ParseSafetensorsHeader(absl::string_view header,
                                               uint64_t data_bytes) {
  if (header.empty() || header[0] != '{') {
    return absl::InvalidArgumentError("the header does not start with '{'");
  }
  const size_t last = header.find_last_not_of(' ');
  if (header[last] != '}') {
    return absl::InvalidArgumentError(
        "the header does not end with '}' and spaces");
  }
  HeaderReader reader;
  if (!Json::sax_parse(header.begin(), header.end(), &reader)) {
    return absl::InvalidArgumentError(reader.error());
  }
  Entries entries = reader.Take();
  R1_RETURN_IF_ERROR(CheckCoverage(entries, data_bytes));
  return entries;
}

}  // namespace r1
