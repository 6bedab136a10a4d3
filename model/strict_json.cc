#include "model/strict_json.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/utf8.h"

namespace r1 {
namespace {

using Json = nlohmann::json;

// Builds the tree from parser events and stops at the first thing it refuses.
// A container is built on the stack and moved into its parent when it ends, so
// no pointer into a growing tree is ever kept.
class TreeBuilder : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return Put(nullptr); }
  bool boolean(bool value) override { return Put(value); }
  bool number_integer(int64_t value) override { return Put(value); }
  bool number_unsigned(uint64_t value) override { return Put(value); }
  bool number_float(double value, const std::string&) override {
    return Put(value);
  }
  bool string(std::string& value) override { return Put(std::move(value)); }
  bool binary(Json::binary_t&) override { return Fail("binary value"); }
  bool start_object(size_t) override { return Open(Json::object()); }
  bool start_array(size_t) override { return Open(Json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(std::string& name) override {
    if (stack_.back().value.contains(name)) {
      return Fail(absl::StrCat("key \"", name, "\" given twice"));
    }
    stack_.back().key = std::move(name);
    return true;
  }

  bool parse_error(size_t position, const std::string& token,
                   const nlohmann::detail::exception& error) override {
    if (!error_.empty()) return false;
    // The library's text reads "[json.exception…] parse error at line…: why".
    const std::string what = error.what();
    const size_t why = what.rfind("; ");
    // What it echoes may begin or end inside of a character.
    error_ = ToValidUtf8(absl::StrCat(
        "not valid JSON at byte ", position, ", after '",
        token.substr(token.size() > 20 ? token.size() - 20 : 0),
        why == std::string::npos ? "'" : "': " + what.substr(why + 2)));
    return false;
  }

  const std::string& error() const { return error_; }
  Json Take() { return std::move(root_); }

 private:
  struct Level {
    Json value;
    std::string key;  // of the member being read
  };

  bool Fail(std::string what) {
    error_ = std::move(what);
    return false;
  }

  bool Open(Json container) {
    if (stack_.size() >= kMaxJsonDepth) {
      return Fail(absl::StrCat("nested deeper than ", kMaxJsonDepth));
    }
    stack_.push_back({std::move(container), {}});
    return true;
  }

  bool Close() {
    Json done = std::move(stack_.back().value);
    stack_.pop_back();
    return Put(std::move(done));
  }

  bool Put(Json value) {
    if (stack_.empty()) {
      root_ = std::move(value);
    } else if (stack_.back().value.is_array()) {
      stack_.back().value.push_back(std::move(value));
    } else {
      stack_.back().value.emplace(std::move(stack_.back().key),
                                  std::move(value));
    }
    return true;
  }

  Json root_;
  std::vector<Level> stack_;
  std::string error_;
};

absl::Status WrongType(absl::string_view where, absl::string_view key,
                       absl::string_view expected, const Json& found) {
  return absl::InvalidArgumentError(
      absl::StrCat(where, ": \"", key, "\" must be ", expected, ", found ",
                   DescribeJson(found)));
}

}  // namespace

absl::StatusOr<Json> ParseStrictJson(absl::string_view text) {
  // The library takes it for the end, whatever follows.
  if (const size_t nul = text.find('\0'); nul != text.npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("not valid JSON at byte ", nul + 1, ": a NUL"));
  }
  TreeBuilder builder;
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    return absl::InvalidArgumentError(builder.error());
  }
  return builder.Take();
}

std::string DescribeJson(const Json& value) {
  constexpr size_t kMaxShown = 40;
  std::string text;
  if (!value.is_structured()) {
    text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  }
  if (text.empty() || text.size() > kMaxShown) return value.type_name();
  return text;
}

const Json* FindMember(const Json& object, absl::string_view key) {
  const auto it = object.find(std::string(key));
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

absl::StatusOr<bool> ReadInt(const Json& object, absl::string_view where,
                             absl::string_view key, int64_t low, int64_t high,
                             int64_t* out) {
  const Json* value = FindMember(object, key);
  if (value == nullptr) return false;
  const std::string expected =
      absl::StrCat("an integer in [", low, ", ", high, "]");
  if (!value->is_number_integer()) {
    return WrongType(where, key, expected, *value);
  }
  const bool is_huge = value->is_number_unsigned() &&
                       value->get<uint64_t>() > uint64_t{INT64_MAX};
  const int64_t number = is_huge ? INT64_MAX : value->get<int64_t>();
  if (is_huge || number < low || number > high) {
    return WrongType(where, key, expected, *value);
  }
  *out = number;
  return true;
}

absl::StatusOr<bool> ReadDouble(const Json& object, absl::string_view where,
                                absl::string_view key, double low, double high,
                                double* out) {
  const Json* value = FindMember(object, key);
  if (value == nullptr) return false;
  const std::string expected =
      absl::StrCat("a number in [", low, ", ", high, "]");
  if (!value->is_number()) return WrongType(where, key, expected, *value);
  const double number = value->get<double>();
  if (!std::isfinite(number) || number < low || number > high) {
    return WrongType(where, key, expected, *value);
  }
  *out = number;
  return true;
}

absl::StatusOr<bool> ReadBool(const Json& object, absl::string_view where,
                              absl::string_view key, bool* out) {
  const Json* value = FindMember(object, key);
  if (value == nullptr) return false;
  if (!value->is_boolean()) {
    return WrongType(where, key, "true or false", *value);
  }
  *out = value->get<bool>();
  return true;
}

absl::StatusOr<bool> ReadString(const Json& object, absl::string_view where,
                                absl::string_view key, std::string* out) {
  const Json* value = FindMember(object, key);
  if (value == nullptr) return false;
  if (!value->is_string()) return WrongType(where, key, "a string", *value);
  *out = value->get<std::string>();
  return true;
}

}  // namespace r1
