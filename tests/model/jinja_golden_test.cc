// Templates print what jinja2 prints, as golden/make_chat_golden.py wrote down.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "model/chat_template.h"
#include "model/jinja/template.h"
#include "nlohmann/json.hpp"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;
using jinja::Machine;
using jinja::Template;
using jinja::Value;

Json ReadGolden(absl::string_view name) {
  const auto text =
      ReadFile(absl::StrCat(R1_SOURCE_DIR, "/tests/model/golden/chat/", name));
  EXPECT_TRUE(text.ok()) << text.status();
  return Json::parse(text.value_or("null"));
}

Value ToValue(const Json& json, Machine* machine) {
  if (json.is_null()) return jinja::None();
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return machine->NewText(json.get<std::string>());
  if (json.is_array()) {
    std::vector<Value> items;
    for (const Json& item : json) items.push_back(ToValue(item, machine));
    return machine->NewList(std::move(items));
  }
  jinja::Dict* dict = machine->NewDict();
  for (const auto& [key, item] : json.items()) {
    dict->items.emplace_back(machine->NewText(key), ToValue(item, machine));
  }
  return dict;
}

absl::StatusOr<std::string> Render(const std::string& source,
                                   const Json& context) {
  auto parsed = Template::Parse(source);
  if (!parsed.ok()) return parsed.status();
  auto text = parsed->Render([&](Machine* machine) {
    Template::Variables variables;
    for (const auto& [name, value] : context.items()) {
      variables.emplace_back(name, ToValue(value, machine));
    }
    return variables;
  });
  if (!text.ok()) return text.status();
  return text->text;
}

// A null output: jinja2 raised an error.
void ExpectOutput(const absl::StatusOr<std::string>& got, const Json& output,
                  const std::string& what) {
  if (output.is_null()) {
    EXPECT_FALSE(got.ok()) << what << "\nprints: " << got.value_or("");
    EXPECT_THAT(std::string(got.status().message()),
                testing::ContainsRegex("line [0-9]+: "))
        << what;
    EXPECT_EQ(got.status().message().find('\n'), std::string::npos) << what;
    return;
  }
  ASSERT_TRUE(got.ok()) << what << "\n" << got.status();
  EXPECT_EQ(*got, output.get<std::string>()) << what;
}

TEST(JinjaGolden, ConstructsPrintWhatJinja2Prints) {
  const Json golden = ReadGolden("cases.json");
  ASSERT_GT(golden["cases"].size(), 200u);
  for (const Json& c : golden["cases"]) {
    const std::string source = c["template"].get<std::string>();
    ExpectOutput(Render(source, golden["context"]), c["output"], source);
  }
}

TEST(JinjaGolden, PublishedTemplatesPrintWhatJinja2Prints) {
  const Json golden = ReadGolden("templates.json");
  std::vector<std::pair<std::string, std::string>> tokens;
  for (const auto& [name, token] : golden["tokens"].items()) {
    tokens.emplace_back(name, token.get<std::string>());
  }
  ASSERT_GT(golden["templates"].size(), 5u);
  for (const auto& [name, cases] : golden["templates"].items()) {
    const auto source =
        ReadFile(absl::StrCat(R1_SOURCE_DIR, "/tests/model/golden/chat/",
                              "templates/", name, ".jinja"));
    ASSERT_TRUE(source.ok()) << source.status();
    const auto chat = ChatTemplate::Parse(*source, tokens);
    ASSERT_TRUE(chat.ok()) << name << ": " << chat.status();
    for (const Json& c : cases) {
      const std::string conversation = c["conversation"].get<std::string>();
      std::vector<ChatMessage> messages;
      for (const Json& m : golden["conversations"][conversation]) {
        messages.push_back({m["role"].get<std::string>(), {}});
        messages.back().content.AppendData(m["content"].get<std::string>());
      }
      const auto text = chat->Render(messages, c["prompt"].get<bool>());
      ExpectOutput(
          text.ok() ? absl::StatusOr<std::string>(text->text) : text.status(),
          c["output"], absl::StrCat(name, ", ", conversation));
    }
  }
}

}  // namespace
}  // namespace r1
