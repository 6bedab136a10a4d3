// Malformed and unsupported tokenizer.json: refused, with the place named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "model/strict_json.h"
#include "model/tokenizer.h"
#include "tests/model/file_test_util.h"
#include "tests/model/small_tokenizer.h"

namespace r1 {
namespace {

using nlohmann::json;

// A change of the small tokenizer, and what must be said about it.
struct Case {
  const char* what;
  void (*edit)(json* j);
  const char* message;
};

constexpr Case kMalformed[] = {
    {"array", [](json* j) { *j = json::array(); }, "must be an object"},
    {"no model", [](json* j) { j->erase("model"); }, "\"model\" must be an"},
    {"model null", [](json* j) { (*j)["model"] = nullptr; }, "found nothing"},
    {"model string", [](json* j) { (*j)["model"] = "BPE"; }, "found \"BPE\""},
    {"no vocab", [](json* j) { (*j)["model"].erase("vocab"); },
     "\"vocab\" must be an object"},
    {"vocab list", [](json* j) { (*j)["model"]["vocab"] = {"a"}; },
     "\"vocab\" must be an object, found array"},
    {"empty vocab", [](json* j) { (*j)["model"]["vocab"] = json::object(); },
     "no token of a single byte"},
    {"unknown token missing",
     [](json* j) {
       (*j)["model"]["vocab"].erase("x");
       (*j)["model"]["unk_token"] = "<unk>";
     },
     "model.unk_token \"<unk>\" is not in model.vocab"},
    {"id string", [](json* j) { (*j)["model"]["vocab"]["he"] = "256"; },
     "id of token \"he\" must be an integer"},
    {"id negative", [](json* j) { (*j)["model"]["vocab"]["he"] = -1; },
     "found -1"},
    {"id fraction", [](json* j) { (*j)["model"]["vocab"]["he"] = 1.5; },
     "found 1.5"},
    {"id null", [](json* j) { (*j)["model"]["vocab"]["he"] = nullptr; },
     "found null"},
    {"id 2^31", [](json* j) { (*j)["model"]["vocab"]["he"] = 1u << 31; },
     "[0, 4194303], found 2147483648"},
    {"id 2^64 - 1",
     [](json* j) { (*j)["model"]["vocab"]["he"] = ~uint64_t{0}; },
     "found 18446744073709551615"},
    {"shared id", [](json* j) { (*j)["model"]["vocab"]["he"] = 257; },
     "share id 257"},
    {"empty token", [](json* j) { (*j)["model"]["vocab"][""] = 270; },
     "a token is empty"},
    {"no merges", [](json* j) { (*j)["model"].erase("merges"); },
     "\"merges\" must be an array"},
    {"merges object", [](json* j) { (*j)["model"]["merges"] = json::object(); },
     "\"merges\" must be an array"},
    {"merge of one", [](json* j) { (*j)["model"]["merges"][1] = "ll"; },
     "model.merges[1]: must be"},
    {"merge of three", [](json* j) { (*j)["model"]["merges"][1] = "l l l"; },
     "model.merges[1]: must be"},
    {"merge of two spaces",
     [](json* j) { (*j)["model"]["merges"][1] = "l  l"; },
     "model.merges[1]: must be"},
    {"merge number", [](json* j) { (*j)["model"]["merges"][0] = 7; },
     "model.merges[0]: must be"},
    {"merge triple",
     [](json* j) {
       (*j)["model"]["merges"][0] = {"h", "e", "l"};
     },
     "model.merges[0]: must be"},
    {"merge pair of numbers",
     [](json* j) {
       (*j)["model"]["merges"][0] = {1, 2};
     },
     "model.merges[0]: must be"},
    {"merge of empty", [](json* j) { (*j)["model"]["merges"][0] = " e"; },
     "\"\" is not in model.vocab"},
    {"unknown left", [](json* j) { (*j)["model"]["merges"][0] = "hx e"; },
     "\"hx\" is not in model.vocab"},
    {"unknown result", [](json* j) { (*j)["model"]["merges"][0] = "h l"; },
     "\"hl\" is not in model.vocab"},
    {"merge twice", [](json* j) { (*j)["model"]["merges"].push_back("l l"); },
     "are merged twice"},
    {"merge to a special token",
     [](json* j) {
       (*j)["added_tokens"][0]["content"] = "he";
       (*j)["added_tokens"][0]["id"] = 256;
     },
     "\"he\" is a special token"},
    {"byte is special",
     [](json* j) {
       (*j)["added_tokens"][0]["content"] = "x";
       (*j)["added_tokens"][0]["id"] = 120;
     },
     "the token of byte 120 is also an added token"},
    {"merge across spellings",
     [](json* j) {  // as an added token, "Ġa" stands for itself, not " a"
       (*j)["model"]["vocab"]
           ["\xC4\xA0"
            "a"] = 270;
       (*j)["model"]["merges"].push_back("\xC4\xA0 a");
       (*j)["added_tokens"].push_back({{"id", 270},
                                       {"content",
                                        "\xC4\xA0"
                                        "a"}});
     },
     "do not join to the bytes of their result"},
    {"added tokens object",
     [](json* j) { (*j)["added_tokens"] = json::object(); },
     "\"added_tokens\" must be an array"},
    {"added token string", [](json* j) { (*j)["added_tokens"][0] = "x"; },
     "added_tokens[0] must be an object"},
    {"added without id", [](json* j) { (*j)["added_tokens"][0].erase("id"); },
     "added_tokens[0] needs an \"id\""},
    {"added without content",
     [](json* j) { (*j)["added_tokens"][0].erase("content"); },
     "added_tokens[0] needs an \"id\" and a \"content\""},
    {"added empty", [](json* j) { (*j)["added_tokens"][0]["content"] = ""; },
     "added_tokens[0] needs"},
    {"added id huge", [](json* j) { (*j)["added_tokens"][0]["id"] = 1 << 30; },
     "\"id\" must be an integer in [0, 4194303]"},
    {"added id taken", [](json* j) { (*j)["added_tokens"][0]["id"] = 256; },
     "id 256 of \"<|end|>\" is taken by \"he\""},
    {"added under another id",
     [](json* j) { (*j)["added_tokens"][0]["content"] = "he"; },
     "has id 259, but 256 in model.vocab"},
    {"added twice",
     [](json* j) { (*j)["added_tokens"].push_back((*j)["added_tokens"][0]); },
     "given twice"},
    {"added flag", [](json* j) { (*j)["added_tokens"][0]["special"] = "yes"; },
     "\"special\" must be true or false"},
    {"normalizer string", [](json* j) { (*j)["normalizer"] = "NFC"; },
     "normalizer must be an object"},
    {"no pattern",
     [](json* j) {
       (*j)["pre_tokenizer"]["pretokenizers"][0].erase("pattern");
     },
     "\"pattern\" must be"},
    {"pattern of no kind",
     [](json* j) {
       (*j)["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {{"Glob", "*"}};
     },
     "neither Regex nor String"},
    {"no stages",
     [](json* j) { (*j)["pre_tokenizer"]["pretokenizers"] = json::array(); },
     "must be an array of 1 to 16"},
};

TEST(TokenizerJson, RefusesWhatIsMalformed) {
  for (const Case& c : kMalformed) {
    json value = SmallTokenizerJson();
    c.edit(&value);
    const auto tokenizer = Tokenizer::FromJson(value.dump());
    ExpectError(tokenizer.status(), c.message, c.what);
    EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kInvalidArgument)
        << c.what;
  }
}

constexpr Case kNotSupported[] = {
    {"unigram", [](json* j) { (*j)["model"]["type"] = "Unigram"; },
     "model type Unigram"},
    {"version", [](json* j) { (*j)["version"] = "2.0"; }, "version \"2.0\""},
    {"dropout", [](json* j) { (*j)["model"]["dropout"] = 0.1; }, "dropout"},
    {"prefix",
     [](json* j) { (*j)["model"]["continuing_subword_prefix"] = "##"; },
     "model.continuing_subword_prefix \"##\""},
    {"suffix", [](json* j) { (*j)["model"]["end_of_word_suffix"] = "</w>"; },
     "model.end_of_word_suffix"},
    {"no decoder", [](json* j) { (*j)["decoder"] = nullptr; }, "decoder"},
    {"metaspace", [](json* j) { (*j)["decoder"]["type"] = "Metaspace"; },
     "decoder \"Metaspace\""},
    {"lower case",
     [](json* j) {
       (*j)["normalizer"] = {{"type", "Lowercase"}};
     },
     "normalizer \"Lowercase\""},
    {"sequence of normalizers",
     [](json* j) {
       (*j)["normalizer"] = {
           {"type", "Sequence"},
           {"normalizers", {{{"type", "NFC"}}, {{"type", "Strip"}}}}};
     },
     "normalizer \"Strip\""},
    {"no splitter", [](json* j) { (*j)["pre_tokenizer"] = nullptr; },
     "pre_tokenizer: null"},
    {"whitespace",
     [](json* j) {
       (*j)["pre_tokenizer"] = {{"type", "Whitespace"}};
     },
     "the last stage of type \"Whitespace\""},
    {"bytes first",
     [](json* j) {
       auto& stages = (*j)["pre_tokenizer"]["pretokenizers"];
       std::swap(stages[0], stages[1]);
     },
     "an earlier stage of type \"ByteLevel\""},
    {"prefix space",
     [](json* j) {
       (*j)["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"] = true;
     },
     "add_prefix_space"},
    {"removing split",
     [](json* j) {
       (*j)["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed";
     },
     "Split behavior \"Removed\""},
    {"bytes as tokens",
     [](json* j) {
       (*j)["model"]["vocab"].erase("x");
       (*j)["model"]["byte_fallback"] = true;
     },
     "model.byte_fallback"},
    {"stripping token",
     [](json* j) { (*j)["added_tokens"][1]["lstrip"] = true; },
     "added_tokens[1].lstrip"},
    {"whole-word token",
     [](json* j) { (*j)["added_tokens"][1]["single_word"] = true; },
     "added_tokens[1].single_word"},
};

TEST(TokenizerJson, RefusesWhatIsNotSupported) {
  for (const Case& c : kNotSupported) {
    json value = SmallTokenizerJson();
    c.edit(&value);
    const auto tokenizer = Tokenizer::FromJson(value.dump());
    ExpectError(tokenizer.status(), c.message, c.what);
    EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kUnimplemented)
        << c.what;
  }
}

TEST(TokenizerJson, ARepeatedKeyIsRefused) {
  const std::string text = absl::StrReplaceAll(
      SmallTokenizerJson().dump(), {{"\"he\":256", "\"he\":256,\"he\":300"}});
  ExpectError(Tokenizer::FromJson(text).status(), "key \"he\" given twice",
              "vocabulary");
}

TEST(TokenizerJson, SurvivesTruncationAndBitFlips) {
  const std::string whole = SmallTokenizerJson().dump();
  for (size_t size = 0; size < whole.size(); size += 3) {
    EXPECT_FALSE(Tokenizer::FromJson(whole.substr(0, size)).ok()) << size;
  }
  for (size_t byte = 0; byte < whole.size(); ++byte) {
    std::string text = whole;
    text[byte] ^= 1 << (byte % 8);
    const auto tokenizer = Tokenizer::FromJson(text);
    if (!tokenizer.ok()) continue;
    const std::string sample = "hello \xFF 123 <|end|>";
    EXPECT_EQ(tokenizer->Decode(*tokenizer->Encode(sample)), sample)
        << "byte " << byte;
  }
}

}  // namespace
}  // namespace r1
