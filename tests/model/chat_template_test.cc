// Chat templates: what comes from data, limits, and messages of faults. What
// constructs print is compared with jinja2 in jinja_golden_test.cc.
#include "model/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace r1 {
namespace {

using testing::HasSubstr;

MarkedText Data(absl::string_view text) {
  MarkedText marked;
  marked.AppendData(text);
  return marked;
}

absl::StatusOr<MarkedText> Render(const std::string& source,
                                  absl::string_view question = "Why?") {
  auto chat = ChatTemplate::Parse(source, {{"bos_token", "<s>"}});
  if (!chat.ok()) return chat.status();
  return chat->Render({{"user", Data(question)}}, true);
}

// The text with its data in brackets.
std::string Bracketed(const absl::StatusOr<MarkedText>& text) {
  if (!text.ok()) return text.status().ToString();
  std::string result;
  size_t at = 0;
  for (const ByteRange& range : text->data) {
    absl::StrAppend(&result, text->text.substr(at, range.begin - at), "[",
                    text->text.substr(range.begin, range.end - range.begin),
                    "]");
    at = range.end;
  }
  return result + text->text.substr(at);
}

TEST(ChatTemplate, DataStaysDataThroughEveryOperation) {
  const std::pair<const char*, const char*> kCases[] = {
      {"{{ bos_token }}<u>{{ messages[0].content }}</u>",
       "<s><u>[ a<b>A ]</u>"},
      {"{{ '<u>' + messages[0].content | trim + '</u>' }}", "<u>[a<b>A]</u>"},
      {"{{ '<u>' ~ messages[0]['content'] ~ '</u>' }}", "<u>[ a<b>A ]</u>"},
      {"{{ messages[0].content[1:3] ~ 'x' }}", "[a<]x"},
      {"{{ '<{}>'.format(messages[0].content) }}", "<[ a<b>A ]>"},
      {"{{ messages[0].content[::-1] }}", "[ A>b<a ]"},
      {"{{ messages[0].content.split('<')[1] ~ '<' }}", "[b>A ]<"},
      {"{{ '<'.join(messages[0].content.split('<')) }}", "[ a]<[b>A ]"},
      {"{{ messages[0].content | replace('b', 'own') }}", "[ a<]own[>A ]"},
      {"{{ 'x-y' | replace('-', messages[0].content) }}", "x[ a<b>A ]y"},
      {"{{ (messages[0].content ~ '!') | upper }}", "[ A<B>A ]!"},
      {"{{ messages[0].content | tojson }}", "\"[ a<b>A ]\""},
      {"{{ messages | tojson }}",
       "[{\"role\": \"user\", \"content\": \"[ a<b>A ]\"}]"},
      {"{{ [messages[0].content] }}", "['[ a<b>A ]']"},
      {"{{ messages[0].content | list | join('.') }}",
       "[ ].[a].[<].[b].[>].[A].[ ]"},
      {"{{ [messages[0].content, 'own'] | join('|') }}", "[ a<b>A ]|own"},
      {"{{ messages[0].content * 2 }}", "[ a<b>A  a<b>A ]"},
      {"{{ messages[0].content | indent(2, true) }}", "  [ a<b>A ]"},
      {"{{ messages[0].content | e }}", "[ a&lt;b&gt;A ]"},
      {"{% for c in messages[0].content %}{{ c }}{% endfor %}", "[ a<b>A ]"},
      {"{% for m in messages %}{{ m.values() | last }}{% endfor %}",
       "[ a<b>A ]"},
      {"{% set x %}own {{ messages[0].content }}{% endset %}{{ x | trim }}",
       "own [ a<b>A]"},
      {"{% macro m(t) %}({{ t }}){% endmacro %}{{ m(messages[0].content) }}",
       "([ a<b>A ])"},
      {"{% filter lower %}X{{ messages[0].content }}{% endfilter %}",
       "x[ a<b>a ]"},
      {"{{ messages[0].content if messages[0].content == ' a<b>A ' }}",
       "[ a<b>A ]"},
      {"{% set ns = namespace(t='') %}{% for m in messages %}"
       "{% set ns.t = ns.t + '<' + m.content %}{% endfor %}{{ ns.t }}",
       "<[ a<b>A ]"},
      {"{{ messages[0].content.partition('b') | join('/') }}", "[ a<]/b/[>A ]"},
      {"{{ {'k': messages[0].content}.k }}{{ messages[0].role }}",
       "[ a<b>A ]user"},
  };
  for (const auto& [source, expected] : kCases) {
    EXPECT_EQ(Bracketed(Render(source, " a<b>A ")), expected) << source;
  }
}

TEST(ChatTemplate, FaultsAreOneLineWithTheTemplatesLine) {
  const std::pair<const char*, const char*> kCases[] = {
      {"a\n{{ raise_exception('only ' ~ bos_token) }}",
       "chat template: line 2: the template says: only <s>"},
      {"a\nb\n{% if %}{% endif %}", "line 3: expected an expression"},
      {"{% for a in b %}\n\n{{ a }}",
       "line 3: the template ends inside \"for\""},
      {"\n{{ messages[0].content.swapcase() }}",
       "line 2: \"swapcase\" is undefined and cannot be called"},
      {"{{ '{0.__class__}'.format(1) }}", "no value for {0.__class__}"},
      {"{{ messages.append(1) }}", "append() would change a list"},
      {"{% include 'x' %}", "line 1: \"include\" is not supported"},
      {"{{ foo.bar.baz }}", "has no attribute \"bar\""},
      {"{{ 1 | frobnicate }}", "there is no filter \"frobnicate\""},
      {"{{ cycler('a') }}", "\"cycler\" is undefined and cannot be called"},
      {"{{ messages.__class__.__mro__ }}", "has no attribute"},
      {"{{ m(*messages) }}", "unpacking of arguments is not supported"},
      {"\xFF", "is not UTF-8"},
  };
  for (const auto& [source, message] : kCases) {
    const auto text = Render(source);
    ASSERT_FALSE(text.ok()) << source << " prints " << text->text;
    EXPECT_THAT(std::string(text.status().message()), HasSubstr(message));
    EXPECT_EQ(text.status().message().find('\n'), absl::string_view::npos);
  }
}

std::string Repeated(absl::string_view text, int count) {
  return absl::StrJoin(std::vector<absl::string_view>(count, text), "");
}

TEST(ChatTemplate, NothingRunsOrGrowsWithoutEnd) {
  const std::pair<std::string, const char*> kCases[] = {
      {"{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}"
       "{% endfor %}",
       "more than 100000 steps"},
      {"{{ range(1000000) | length }}", "more than 100000 items"},
      {"{{ 'x' * 2000000 }}", "grows beyond 1048576 bytes"},
      {"{% set x = 'x' * 1000000 %}{{ x }}{{ x }}", "prints more than 1048576"},
      {"{% set ns = namespace(x='xxxxxxxx') %}{% for i in range(60) %}"
       "{% set ns.x = ns.x + ns.x %}{% endfor %}",
       "grows beyond 1048576 bytes"},
      {"{% set ns = namespace(x=[1, 1]) %}{% for i in range(60) %}"
       "{% set ns.x = ns.x + ns.x %}{% endfor %}",
       "more than 100000 steps"},
      {"{{ ('x' * 100000) | replace('x', 'x' * 100000) }}",
       "grows beyond 1048576 bytes"},
      {"{{ ('x' * 1000) | indent('y' * 1000000) | length }}", ""},
      {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nested deeper than"},
      {"{% set ns = namespace(x=[]) %}{% for i in range(100) %}"
       "{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
       "nested deeper than"},
      {"{% set ns = namespace(x=[]) %}{% for i in range(100) %}"
       "{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x == [ns.x] }}",
       "nested too deeply"},
      {"{{ " + Repeated("(", 1000) + "1" + Repeated(")", 1000) + " }}",
       "nested deeper than"},
      {"{{ " + Repeated("[", 100000), "has no end"},
      {"{{ " + Repeated("not ", 60000) + "1 }}", "nested deeper than"},
      {"{{ " + Repeated("- ", 60000) + "1 }}", "nested deeper than"},
      {"{{ 1" + Repeated(" + 1", 5000) + " }}", "operators in a row"},
      {"{{ x" + Repeated("|d", 50000) + " }}", "operators in a row"},
      {"{{ x" + Repeated(".a", 50000) + " }}", "operators in a row"},
      {Repeated("{% if x %}", 1000), "nested deeper than"},
      {"{% if x %}" + Repeated("{% elif x %}", 5000) + "{% endif %}",
       "too many \"elif\""},
      {Repeated("x", 300000), "at most 262144 are read"},
      {"{{ 9223372036854775807 + 1 }}", "beyond 64 bits"},
      {"{{ 2 ** 1000000 }}", "beyond 64 bits"},
      {"{{ 1 ** 1000000 }}", "more than 100000 steps"},
      {"{{ 99999999999999999999 }}", "is too large"},
  };
  for (const auto& [source, message] : kCases) {
    const auto text = Render(source);
    if (text.ok()) {
      EXPECT_STREQ(message, "") << source.substr(0, 100);
      continue;
    }
    EXPECT_THAT(std::string(text.status().message()), HasSubstr(message))
        << source.substr(0, 100);
  }
}

TEST(ChatTemplate, OnlyKnownRolesArePart) {
  for (const char* role : {"system", "user", "assistant", "tool"}) {
    EXPECT_TRUE(IsChatRole(role));
  }
  for (const char* role : {"", "User", "endoftext", "user|>"}) {
    EXPECT_FALSE(IsChatRole(role));
  }
}

}  // namespace
}  // namespace r1
