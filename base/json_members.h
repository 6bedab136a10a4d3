// The members of a JSON object as its text spells them: a number of any size
// and precision, and whatever is nested, passes through unchanged.
#ifndef R1_BASE_JSON_MEMBERS_H_
#define R1_BASE_JSON_MEMBERS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace r1 {

// The views point into the object's text.
struct JsonMember {
  std::string name;         // what the key says, its escapes resolved
  absl::string_view key;    // with its quotes
  absl::string_view value;  // without white space around it
};

// The members of the object that is the whole of `text`, in their order, one
// given twice included; nothing if it is no object. Of nested values only
// brackets and quotes are looked at: a JSON parser says whether they are valid.
// Linear time, no recursion.
std::optional<std::vector<JsonMember>> JsonMembers(absl::string_view text);

// The value of the last member with this name; nothing if there is none, or if
// `text` is no object.
std::optional<absl::string_view> JsonMemberValue(absl::string_view text,
                                                 absl::string_view name);

// The object of these members: {KEY:VALUE,KEY:VALUE}.
std::string JsonObject(const std::vector<JsonMember>& members);

// The names for a message: "answer, level", at most ten; "none".
std::string JsonMemberNames(const std::vector<JsonMember>& members);

}  // namespace r1

#endif  // R1_BASE_JSON_MEMBERS_H_
