// Tokenizers: round trips, special tokens, merges against a plain oracle,
// training. Equality with Hugging Face's library is
// in golden_test.cc.
#include "model/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "base/philox.h"
#include "base/sha256.h"
#include "model/byte_level.h"
#include "model/strict_json.h"
#include "tests/base/time_enough.h"
#include "tests/model/file_test_util.h"
#include "tests/model/small_tokenizer.h"

namespace r1 {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;

Tokenizer Make(const json& value) {
  auto tokenizer = Tokenizer::FromJson(value.dump());
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *std::move(tokenizer);
}

std::string RandomBytes(uint64_t seed, uint32_t size, uint32_t bound) {
  RandomSequence random(seed, RandomStream::kData, 0, 0);
  std::string bytes;
  for (uint32_t i = 0; i < size; ++i) bytes.push_back(random.NextBelow(bound));
  return bytes;
}

std::vector<std::string> SomeText() {
  return {"The number of the numbers is the number 12345, the others' are 67.",
          "def f(x):\n    return x ** 2 + 17  # the square\n",
          "Über den Wäldern, über den Feldern; 快速的棕色狐狸 и лиса."};
}

TEST(Tokenizer, MergesInOrderOfRank) {
  const Tokenizer t = Make(SmallTokenizerJson());
  EXPECT_THAT(*t.Encode("hello"), ElementsAre(258, 'o'));
  EXPECT_THAT(*t.Encode("hel"), ElementsAre(256, 'l'));
  EXPECT_THAT(*t.Encode("lll"), ElementsAre(257, 'l'));
  EXPECT_THAT(*t.Encode("he llo"), ElementsAre(256, ' ', 257, 'o'));
  EXPECT_THAT(*t.Encode(""), IsEmpty());
  EXPECT_EQ(t.vocab_size(), 261);
}

// SmolLM2's vocabulary lacks 21 bytes.
TEST(Tokenizer, NamesTheByteThatItCannotSpell) {
  json value = SmallTokenizerJson();
  for (const int byte : {0x00, 0x0B, 0xC0, 0xF5, 0xFF}) {
    value["model"]["vocab"].erase(
        BytesToByteLevel(std::string(1, static_cast<char>(byte))));
  }
  const Tokenizer t = Make(value);
  EXPECT_THAT(*t.Encode("hello"), ElementsAre(258, 'o'));
  EXPECT_EQ(t.Decode(*t.Encode("any \xC3\xBC text")), "any \xC3\xBC text");
  ExpectError(t.Encode("he<|end|>ll\x0B").status(),
              "no token for byte 0x0B, which the text has at byte 11, after "
              "\"he<|end|>ll\"",
              "vertical tab");
  ExpectError(t.Encode(std::string("\0hell", 5)).status(),
              "byte 0x00, which the text has at byte 0, after \"\"", "nul");
  ExpectError(t.Encode("hell\xFF<|end|>\xC0", true).status(),
              "byte 0xFF, which the text has at byte 4", "the first of two");
  // A long piece, beyond what is scanned for the best pair.
  ExpectError(t.Encode(std::string(500, 'a') + "\xF5").status(),
              "byte 0xF5, which the text has at byte 500", "long");
}

TEST(Tokenizer, AByteThatItCannotSpellBecomesTheUnknownToken) {
  json value = SmallTokenizerJson();
  value["model"]["vocab"].erase("x");
  value["model"]["vocab"].erase("z");
  value["model"]["vocab"]["<unk>"] = 270;
  value["model"]["unk_token"] = "<unk>";
  EXPECT_THAT(*Make(value).Encode("hexzll"), ElementsAre(256, 270, 270, 257));
  value["model"]["fuse_unk"] = true;
  EXPECT_THAT(*Make(value).Encode("hexzll"), ElementsAre(256, 270, 257));
  // Runs do not reach over pieces.
  EXPECT_THAT(*Make(value).Encode("xx x"), ElementsAre(270, ' ', 270));
  const std::vector<int32_t> ids = *Make(value).Encode(
      absl::StrCat(std::string(50, 'a'), "xzx", std::string(50, 'a')));
  EXPECT_EQ(ids.size(), 101);
  EXPECT_EQ(ids[50], 270);
}

// <pad> and the like, added without resizing the model's embeddings.
TEST(Tokenizer, AddedTokensMayLieBeyondTheEmbeddings) {
  json value = SmallTokenizerJson();
  value["added_tokens"].push_back(
      {{"id", 261}, {"content", "<pad>"}, {"special", true}});
  value["added_tokens"].push_back(
      {{"id", 300}, {"content", "[PAD]"}, {"special", false}});
  Tokenizer t = Make(value);
  ASSERT_TRUE(t.LimitIds(261).ok());
  EXPECT_THAT(*t.Encode("he<think>ll<|end|>", true),
              ElementsAre(256, 260, 257, 259));
  EXPECT_EQ(t.Decode(*t.Encode("<pad>", false)), "<pad>");  // as letters
  ExpectError(t.Encode("he<pad>", true).status(),
              "the added token \"<pad>\" at byte 2, whose id 261 lies beyond "
              "the model's vocab_size of 261",
              "special");
  ExpectError(t.Encode("hell [PAD]").status(),
              "the added token \"[PAD]\" at byte 5, whose id 300", "plain");
  ExpectError(Make(value).LimitIds(258),
              "token \"hell\" of the vocabulary has id 258, but the model's "
              "vocab_size is 258; the tokenizer belongs to another model",
              "vocabulary");
}

MarkedText Marked(
    std::initializer_list<std::pair<const char*, bool>> parts_of_data) {
  MarkedText text;
  for (const auto& [part, is_data] : parts_of_data) {
    is_data ? text.AppendData(part) : text.AppendOwn(part);
  }
  return text;
}

TEST(Tokenizer, SpecialTokensAreRecognisedOutsideDataOnly) {
  const Tokenizer t = Make(SmallTokenizerJson());
  const std::vector<int32_t> letters = *t.Encode("<|end|>", false);
  std::vector<int32_t> expected = {259};
  expected.insert(expected.end(), letters.begin(), letters.end());
  expected.push_back(259);
  EXPECT_EQ(*t.Encode(Marked(
                {{"<|end|>", false}, {"<|end|>", true}, {"<|end|>", false}})),
            expected);
  // Halves of a token on both sides of a border make none.
  for (const size_t cut : {1, 3, 6}) {
    const std::string whole = "<|end|>";
    EXPECT_EQ(*t.Encode(Marked({{whole.substr(0, cut).c_str(), false},
                                {whole.substr(cut).c_str(), true}})),
              letters);
    EXPECT_EQ(*t.Encode(Marked({{whole.substr(0, cut).c_str(), true},
                                {whole.substr(cut).c_str(), false}})),
              letters);
  }
  // Plain added tokens are text like any other.
  EXPECT_THAT(*t.Encode(Marked({{"<thi", false}, {"nk>", true}})),
              ElementsAre(260));
}

TEST(Tokenizer, TextAndDataAreCutAsOneText) {
  const Tokenizer t = Make(SmallTokenizerJson());
  EXPECT_THAT(*t.Encode(Marked({{"he", false}, {"llo", true}})),
              ElementsAre(258, 'o'));
  EXPECT_THAT(*t.Encode(Marked({{"<|end|>he", false}, {"llo", true}})),
              ElementsAre(259, 258, 'o'));
}

TEST(Tokenizer, DataIsKnownUnderNfcToo) {
  json value = SmallTokenizerJson();
  value["normalizer"] = {{"type", "NFC"}};
  value["added_tokens"][0]["normalized"] = true;  // <|end|>
  const Tokenizer t = Make(value);
  EXPECT_THAT(*t.Encode(Marked({{"u\xCC\x88<|end|>", false}, {"x", true}})),
              ElementsAre(0xC3, 0xBC, 259, 'x'));
  EXPECT_EQ(
      t.Decode(
          *t.Encode(Marked({{"u\xCC\x88", false}, {"<|end|>u\xCC\x88", true}})),
          /*skip_special=*/true),
      "\xC3\xBC<|end|>\xC3\xBC");
  // The accent of the data joins the letter before it.
  EXPECT_THAT(
      *t.Encode(Marked(
          {{"<|end|>u", false}, {"\xCC\x88", true}, {"<|end|>", false}})),
      ElementsAre(259, 0xC3, 0xBC, 259));
}

TEST(Tokenizer, MergesMayBePairs) {
  json value = SmallTokenizerJson();
  value["model"]["merges"] =
      json::parse(R"([["h", "e"], ["l", "l"], ["he", "ll"]])");
  EXPECT_THAT(*Make(value).Encode("hello"), ElementsAre(258, 'o'));
}

TEST(Tokenizer, SpecialTokensAreTextUnlessAllowed) {
  const Tokenizer t = Make(SmallTokenizerJson());
  EXPECT_THAT(*t.Encode("he<|end|>he", true), ElementsAre(256, 259, 256));
  const std::vector<int32_t> plain = *t.Encode("<|end|>", false);
  EXPECT_THAT(plain, ElementsAre('<', '|', 'e', 'n', 'd', '|', '>'));
  EXPECT_EQ(t.Decode(plain), "<|end|>");
  // Added tokens that are not special are always found.
  EXPECT_THAT(*t.Encode("<think>he"), ElementsAre(260, 256));
  EXPECT_EQ(t.SpecialId("<|end|>"), 259);
  EXPECT_EQ(t.SpecialId("<think>"), -1);
  EXPECT_EQ(t.SpecialId("he"), -1);
}

TEST(Tokenizer, DecodePrintsOrSkipsSpecialTokens) {
  const Tokenizer t = Make(SmallTokenizerJson());
  const std::vector<int32_t> ids = {256, 259, 260, 257};
  EXPECT_EQ(t.Decode(ids), "he<|end|><think>ll");
  EXPECT_EQ(t.Decode(ids, true), "he<think>ll");
}

TEST(Tokenizer, IdsOutOfRangeDecodeToNothing) {
  json value = SmallTokenizerJson();
  value["added_tokens"][1]["id"] = 300;  // leaves a hole
  const Tokenizer t = Make(value);
  EXPECT_EQ(t.vocab_size(), 301);
  EXPECT_EQ(t.Decode({256, 301, -1, 299, INT32_MAX, INT32_MIN, 'x'}), "hex");
  EXPECT_EQ(t.TokenBytes(299), "");
  EXPECT_EQ(t.TokenBytes(301), "");
  EXPECT_EQ(t.TokenBytes(-1), "");
  EXPECT_EQ(t.TokenBytes(258), "hell");
}

TEST(Tokenizer, TheLongestOfSeveralAddedTokensWins) {
  json value = SmallTokenizerJson();
  value["added_tokens"].push_back({{"id", 261}, {"content", "<thi"}});
  value["added_tokens"].push_back(
      {{"id", 262}, {"content", "<think>he"}, {"special", true}});
  const Tokenizer t = Make(value);
  EXPECT_THAT(*t.Encode("<think>hell", true), ElementsAre(262, 257));
  EXPECT_THAT(*t.Encode("<think>hell", false), ElementsAre(260, 258));
  EXPECT_THAT(*t.Encode("<thin<thi"), ElementsAre(261, 'n', 261));
}

TEST(Tokenizer, IgnoreMergesTakesWholePieces) {
  json value = SmallTokenizerJson();
  value["model"]["vocab"]["world"] = 270;  // no merge makes it
  EXPECT_EQ(Make(value).Encode("world")->size(), 5);
  value["model"]["ignore_merges"] = true;
  EXPECT_THAT(*Make(value).Encode("world"), ElementsAre(270));
  // A special token is never spelled out of text.
  value["added_tokens"].push_back(
      {{"id", 270}, {"content", "world"}, {"special", true}});
  EXPECT_EQ(Make(value).Encode("world")->size(), 5);
}

TEST(Tokenizer, NfcComposesAndLeavesInvalidBytes) {
  json value = SmallTokenizerJson();
  value["normalizer"] = {{"type", "NFC"}};
  const Tokenizer t = Make(value);
  EXPECT_EQ(t.Decode(*t.Encode("u\xCC\x88 x")), "\xC3\xBC x");
  EXPECT_EQ(t.Decode(*t.Encode("\xFFu\xCC\x88\xCC")), "\xFF\xC3\xBC\xCC");
  EXPECT_EQ(t.Decode(*t.Encode("\xC3\xBC")), "\xC3\xBC");
}

TEST(Tokenizer, ToJsonIsWhatWasRead) {
  const std::string text = " " + SmallTokenizerJson().dump(3) + "\n\n";
  const auto t = Tokenizer::FromJson(text);
  ASSERT_TRUE(t.ok()) << t.status();
  EXPECT_EQ(t->ToJson(), text);
  EXPECT_EQ(t->hash(), Sha256Hex(text));
}

TEST(Tokenizer, AnyBytesComeBack) {
  const Tokenizer small = Make(SmallTokenizerJson());
  const auto trained = TrainTokenizer(SomeText(), 400, false);
  ASSERT_TRUE(trained.ok()) << trained.status();
  for (const Tokenizer* t : {&small, &*trained}) {
    for (int seed = 0; seed < 400; ++seed) {
      // All bytes; then ASCII with many blanks and newlines.
      std::string bytes = RandomBytes(seed, seed, seed % 2 == 0 ? 256 : 40);
      if (seed % 5 == 0) bytes += "<|end|><|endoftext|><think>";
      EXPECT_EQ(t->Decode(*t->Encode(bytes, false)), bytes) << seed;
      EXPECT_EQ(t->Decode(*t->Encode(bytes, true)), bytes) << seed;
    }
  }
}

// Every lead byte with every continuation, cut and whole.
TEST(Tokenizer, AnyTwoBytesComeBack) {
  const Tokenizer t = Make(SmallTokenizerJson());
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const std::string bytes = {'a', static_cast<char>(a),
                                 static_cast<char>(b), '\x80', ' '};
      ASSERT_EQ(t.Decode(*t.Encode(bytes)), bytes) << a << " " << b;
    }
  }
}

// --- Merging against an oracle
// --------------------------------------------------

// Applies the lowest-ranked merge, leftmost first, until none applies: as the
// definition says, in cubic time.
std::vector<int32_t> NaiveBpe(const std::vector<std::string>& merges,
                              const json& vocab, absl::string_view bytes) {
  std::vector<std::string> symbols;
  for (char c : bytes) symbols.push_back(BytesToByteLevel(std::string(1, c)));
  for (bool merged = true; merged;) {
    merged = false;
    for (const std::string& merge : merges) {
      for (size_t i = 0; i + 1 < symbols.size(); ++i) {
        if (symbols[i] + " " + symbols[i + 1] != merge) continue;
        symbols[i] += symbols[i + 1];
        symbols.erase(symbols.begin() + i + 1);
        merged = true;
        break;
      }
      if (merged) break;
    }
  }
  std::vector<int32_t> ids;
  for (const std::string& s : symbols) ids.push_back(vocab.at(s).get<int>());
  return ids;
}

TEST(Tokenizer, MergesEqualTheDefinition) {
  std::vector<std::string> texts;
  for (int seed = 0; seed < 30; ++seed) {
    std::string text = RandomBytes(seed, 60, 3);  // words over {a, b, c}
    for (char& c : text) c += 'a';
    texts.push_back(text);
  }
  const auto t = TrainTokenizer(texts, 300, true);
  ASSERT_TRUE(t.ok()) << t.status();
  const json value = json::parse(t->ToJson());
  const auto merges = value["model"]["merges"].get<std::vector<std::string>>();
  ASSERT_GT(merges.size(), 30);
  for (int seed = 100; seed < 160; ++seed) {
    // Lengths on both sides of the change from scanning to a heap.
    std::string word = RandomBytes(seed, 1 + 2 * (seed - 100), 3);
    for (char& c : word) c += 'a';
    EXPECT_EQ(*t->Encode(word), NaiveBpe(merges, value["model"]["vocab"], word))
        << word;
  }
}

TEST(Tokenizer, OneLongPieceTakesNoQuadraticTime) {
  const auto t =
      TrainTokenizer(std::vector<std::string>{std::string(500, 'a') + "\n\n\n" +
                                              std::string(500, ' ') + "x"},
                     300, true);
  ASSERT_TRUE(t.ok()) << t.status();
  for (const char* unit : {"a", " ", "\n", "!", "\xFF", "ab"}) {
    std::string text;
    while (text.size() < 1'000'000) text += unit;
    text += "x";
    const absl::Duration start = ThreadCpuTime();
    EXPECT_EQ(t->Decode(*t->Encode(text)), text);
    // 0.3 s; quadratic time would be many minutes.
    EXPECT_LT(ThreadCpuTime() - start, absl::Seconds(60)) << unit;
  }
}

// --- Training
// -------------------------------------------------------------------

TEST(TrainTokenizer, MergesTheMostFrequentPairFirst) {
  // Pieces: "ab" x3, " ab" x2, "xy" x5, " xy" x1. Counts: (x,y) 6, (a,b) 5,
  // (' ', a b) 2; " xy" occurs once and is left alone.
  const std::vector<std::string> texts = {"ab ab", "ab", "ab ab", "xy",
                                          "xy",    "xy", "xy",    "xy xy"};
  const auto t = TrainTokenizer(texts, 300, true);
  ASSERT_TRUE(t.ok()) << t.status();
  const json value = json::parse(t->ToJson());
  EXPECT_EQ(value["model"]["merges"], json({"x y", "a b", "\xC4\xA0 ab"}));
  EXPECT_EQ(t->vocab_size(), 260);
  EXPECT_EQ(t->TokenBytes(0), kEndOfText);
  EXPECT_EQ(t->SpecialId(kEndOfText), 0);
  for (int b = 0; b < 256; ++b) {
    EXPECT_EQ(t->TokenBytes(1 + b), std::string(1, static_cast<char>(b)));
  }
  EXPECT_EQ(t->TokenBytes(257), "xy");
  EXPECT_THAT(*t->Encode("ab ab"), ElementsAre(258, 259));
}

TEST(TrainTokenizer, TiesGoToTheSmallerPair) {
  const std::vector<std::string> texts = {"zy", "ba", "ca", "zy",
                                          "bb", "ca", "ba", "bb"};
  const auto t = TrainTokenizer(texts, 300, true);
  ASSERT_TRUE(t.ok()) << t.status();
  EXPECT_EQ(json::parse(t->ToJson())["model"]["merges"],
            json({"b a", "b b", "c a", "z y"}));
}

TEST(TrainTokenizer, OneSpellingIsOneToken) {
  // "abc" is reached as "ab" + "c" and as "a" + "bc".
  std::vector<std::string> texts;
  for (int i = 0; i < 9; ++i) texts.insert(texts.end(), {"abc", "ab", "ab"});
  for (int i = 0; i < 20; ++i)
    texts.insert(texts.end(), {"xbc", "dbc", "abcd"});
  const auto t = TrainTokenizer(texts, 280, true);
  ASSERT_TRUE(t.ok()) << t.status();
  for (const std::string& text : texts) {
    EXPECT_EQ(t->Decode(*t->Encode(text)), text);
  }
}

TEST(TrainTokenizer, NumbersAreCutAsAsked) {
  const std::vector<std::string> texts(50, "123456 123456 7");
  const auto single = TrainTokenizer(texts, 300, true);
  const auto triple = TrainTokenizer(texts, 300, false);
  ASSERT_TRUE(single.ok() && triple.ok());
  EXPECT_EQ(single->Encode("123456")->size(), 6);
  EXPECT_EQ(triple->Encode("123456")->size(), 2);
}

TEST(TrainTokenizer, IsAFunctionOfItsArguments) {
  std::vector<std::string> texts = SomeText();
  const auto a = TrainTokenizer(texts, 330, true);
  const auto b = TrainTokenizer(texts, 330, true);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->ToJson(), b->ToJson());
  EXPECT_EQ(a->hash(), b->hash());
  // Only the pieces count, not the order of the texts.
  std::reverse(texts.begin(), texts.end());
  EXPECT_EQ(TrainTokenizer(texts, 330, true)->hash(), a->hash());
  // A larger vocabulary begins with the smaller one.
  const json small = json::parse(a->ToJson());
  const json large = json::parse(TrainTokenizer(texts, 340, true)->ToJson());
  for (const auto& [token, id] : small["model"]["vocab"].items()) {
    EXPECT_EQ(large["model"]["vocab"][token], id) << token;
  }
}

TEST(TrainTokenizer, EndOfTextIsNeverLearntAsText) {
  const std::vector<std::string> texts(
      100, "one<|endoftext|>one<|endoftext|><|endoftext|>");
  const auto t = TrainTokenizer(texts, 300, true);
  ASSERT_TRUE(t.ok()) << t.status();
  EXPECT_EQ(t->vocab_size(), 259);  // "on" or "ne", and "one"
  EXPECT_THAT(*t->Encode("one<|endoftext|>", true), ElementsAre(258, 0));
  EXPECT_EQ(t->Encode("<|endoftext|>", false)->size(), kEndOfText.size());
}

TEST(TrainTokenizer, WorksWithoutText) {
  const auto t = TrainTokenizer({}, 257, true);
  ASSERT_TRUE(t.ok()) << t.status();
  EXPECT_EQ(t->vocab_size(), 257);
  EXPECT_EQ(t->Decode(*t->Encode("any \xFE text")), "any \xFE text");
}

TEST(TrainTokenizer, RefusesABadSize) {
  for (int64_t size : {-1, 0, 256, 1 << 30}) {
    ExpectError(TrainTokenizer({}, size, true).status(),
                "vocab_size must be in [257", absl::StrCat(size));
  }
}

}  // namespace
}  // namespace r1
