// The container: what is written is read back, and every deviation from the
// format is refused.
#include "model/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "model/safetensors_header.h"
#include "tests/model/file_test_util.h"
#include "tests/model/host_params.h"

namespace r1 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string LittleEndian(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(value >> (8 * i) & 0xFF);
  return bytes;
}

std::string MakeFile(const std::string& header, size_t data_bytes) {
  return LittleEndian(header.size()) + header + std::string(data_bytes, '\1');
}

// Two tensors of 8 and 4 bytes.
constexpr char kValid[] =
    R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
    R"("b":{"dtype":"BF16","shape":[1,2],"data_offsets":[8,12]}})";

// --- What the format allows --------------------------------------------------

struct Accepted {
  const char* what;
  const char* header;
  uint64_t data_bytes;
  size_t num_entries;
};

constexpr Accepted kAccepted[] = {
    {"two tensors", kValid, 12, 2},
    {"no tensor", "{}", 0, 0},
    {"padding", "{}      ", 0, 0},
    {"metadata only", R"({"__metadata__":{"format":"pt","x":""}})", 0, 0},
    {"metadata last",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
     R"("__metadata__":{}})",
     1, 1},
    {"scalar", R"({"a":{"dtype":"F64","shape":[],"data_offsets":[0,8]}})", 8,
     1},
    {"empty tensor",
     R"({"a":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]}})", 0, 1},
    {"empty tensor of huge other dimensions",
     R"({"a":{"dtype":"F32","shape":[9223372036854775807,2,0],)"
     R"("data_offsets":[0,0]}})",
     0, 1},
    {"empty tensor between others",
     R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
     R"("b":{"dtype":"F32","shape":[0],"data_offsets":[2,2]},)"
     R"("c":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
     3, 3},
    {"names in another order than the data",
     R"({"a":{"dtype":"F16","shape":[1],"data_offsets":[4,6]},)"
     R"("b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
     6, 2},
    {"unaligned tensor",
     R"({"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]},)"
     R"("b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
     5, 2},
    {"keys of an entry in another order",
     R"({"a":{"data_offsets":[0,2],"shape":[2],"dtype":"F8_E4M3"}})", 2, 1},
    {"two 4-bit values in a byte",
     R"({"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}})", 1, 1},
    {"escapes and UTF-8 in a name",
     "{\"\\u00e9\\n\xC3\xBC\":{\"dtype\":\"I64\",\"shape\":[1],"
     "\"data_offsets\":[0,8]}}",
     8, 1},
    {"white space between tokens",
     "{ \"a\" : { \"dtype\":\"U8\",\n\"shape\": [ 1 ],\t"
     "\"data_offsets\":[0, 1] } } ",
     1, 1},
};

TEST(SafetensorsHeader, AcceptsWhatTheFormatAllows) {
  for (const Accepted& c : kAccepted) {
    const auto entries = ParseSafetensorsHeader(c.header, c.data_bytes);
    ASSERT_TRUE(entries.ok()) << c.what << ": " << entries.status();
    EXPECT_EQ(entries->size(), c.num_entries) << c.what;
  }
}

TEST(SafetensorsHeader, EntriesHaveWhatTheHeaderSays) {
  const auto entries = ParseSafetensorsHeader(kValid, 12);
  ASSERT_TRUE(entries.ok()) << entries.status();
  const SafetensorsEntry& b = entries->at("b");
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.dtype, FileDType::kBF16);
  EXPECT_EQ(b.dtype_name, "BF16");
  EXPECT_THAT(b.shape, ElementsAre(1, 2));
  EXPECT_EQ(b.begin, 8);
  EXPECT_EQ(b.end, 12);
}

TEST(SafetensorsHeader, TakesAHundredThousandTensors) {
  std::string header = "{";
  for (int i = 0; i < 100'000; ++i) {
    absl::StrAppend(&header, i == 0 ? "" : ",", "\"t", i,
                    R"(":{"dtype":"U8","shape":[1],"data_offsets":[)", i, ",",
                    i + 1, "]}");
  }
  header += "}";
  const auto entries = ParseSafetensorsHeader(header, 100'000);
  ASSERT_TRUE(entries.ok()) << entries.status();
  EXPECT_EQ(entries->at("t99999").begin, 99'999);
}

// --- What it does not
// ---------------------------------------------------------

struct Refused {
  const char* header;
  uint64_t data_bytes;
  const char* message;
};

// One tensor "a" with the given members.
#define R1_ENTRY(members) "{\"a\":{" members "}}"

constexpr Refused kRefused[] = {
    // Not an object.
    {"", 0, "does not start with '{'"},
    {" {}", 0, "does not start with '{'"},
    {"[]", 0, "does not start with '{'"},
    {"null", 0, "does not start with '{'"},
    {"\"a\"", 0, "does not start with '{'"},
    {"\xEF\xBB\xBF{}", 0, "does not start with '{'"},
    {"{", 0, "does not end with '}'"},
    {"{}x", 0, "does not end with '}'"},
    {"{}\n", 0, "does not end with '}'"},
    {"{}\t ", 0, "does not end with '}'"},
    {"{}{}", 0, "not valid JSON at byte 3"},
    {"{} {}", 0, "not valid JSON"},
    {"{,}", 0, "not valid JSON"},
    {"{\"a\"}", 0, "not valid JSON"},
    {"{\"a\":}", 0, "not valid JSON"},
    {"{'a':{}}", 0, "not valid JSON"},
    {"{/**/}", 0, "not valid JSON"},
    {"{\"\xFF\":{}}", 0, "not valid JSON"},
    {"{\"\xC0\xAF\":{}}", 0, "not valid JSON"},
    {"{\"\xED\xA0\x80\":{}}", 0, "not valid JSON"},
    {"{\"\\ud800\":{}}", 0, "not valid JSON"},
    {"{\"a\n\":{}}", 0, "not valid JSON"},
    // Entries of another kind.
    {R"({"a":null})", 0, "tensor \"a\": expected an object, found null"},
    {R"({"a":1})", 0, "expected an object, found a number"},
    {R"({"a":[]})", 0, "expected an object, found an array"},
    {R"({"a":"x"})", 0, "expected an object, found a string"},
    {R"({"a":{}})", 0, "has no dtype"},
    {R1_ENTRY(R"("dtype":"F32","data_offsets":[0,4])"), 4, "has no shape"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1])"), 4, "has no data_offsets"},
    {R1_ENTRY(R"("shape":[1],"data_offsets":[0,4])"), 4, "has no dtype"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1)"), 4,
     "unknown key \"x\""},
    {R1_ENTRY(R"("Dtype":"F32","shape":[1],"data_offsets":[0,4])"), 4,
     "unknown key \"Dtype\""},
    // Twice.
    {R1_ENTRY(
         R"("dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4])"),
     4, "key \"dtype\" given twice"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4])"),
     4, "key \"shape\" given twice"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1],"data_offsets":[0,4],)"
              R"("data_offsets":[0,4])"),
     4, "key \"data_offsets\" given twice"},
    {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
     R"("a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
     2, "tensor \"a\": given twice"},
    {R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
     R"("\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
     0, "tensor \"a\": given twice"},
    {R"({"__metadata__":{},"__metadata__":{}})", 0, "__metadata__ given twice"},
    {R"({"__metadata__":{"k":"v","k":"w"}})", 0, "given twice"},
    // Metadata.
    {R"({"__metadata__":null})", 0, "found null"},
    {R"({"__metadata__":"pt"})", 0, "found a string"},
    {R"({"__metadata__":[]})", 0, "found an array"},
    {R"({"__metadata__":{"format":1}})", 0, "a string in __metadata__"},
    {R"({"__metadata__":{"format":{}}})", 0, "a string in __metadata__"},
    // Dtype.
    {R1_ENTRY(R"("dtype":"F31","shape":[1],"data_offsets":[0,4])"), 4,
     "unknown dtype \"F31\""},
    {R1_ENTRY(R"("dtype":"f32","shape":[1],"data_offsets":[0,4])"), 4,
     "unknown dtype"},
    {R1_ENTRY(R"("dtype":"","shape":[1],"data_offsets":[0,4])"), 4,
     "unknown dtype"},
    {R1_ENTRY(R"("dtype":32,"shape":[1],"data_offsets":[0,4])"), 4,
     "expected a dtype name"},
    {R1_ENTRY(R"("dtype":null,"shape":[1],"data_offsets":[0,4])"), 4,
     "expected a dtype name"},
    {R1_ENTRY(R"("dtype":["F32"],"shape":[1],"data_offsets":[0,4])"), 4,
     "expected a dtype name"},
    // Shape.
    {R1_ENTRY(R"("dtype":"F32","shape":1,"data_offsets":[0,4])"), 4,
     "expected an array as shape"},
    {R1_ENTRY(R"("dtype":"F32","shape":null,"data_offsets":[0,4])"), 4,
     "expected an array as shape"},
    {R1_ENTRY(R"("dtype":"F32","shape":{"0":1},"data_offsets":[0,4])"), 4,
     "expected an array as shape"},
    {R1_ENTRY(R"("dtype":"F32","shape":[-1],"data_offsets":[0,4])"), 4,
     "whole numbers in shape, found a negative"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1.0],"data_offsets":[0,4])"), 4,
     "whole numbers in shape, found the number 1.0"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1e0],"data_offsets":[0,4])"), 4,
     "whole numbers in shape"},
    {R1_ENTRY(R"("dtype":"F32","shape":["1"],"data_offsets":[0,4])"), 4,
     "whole numbers in shape"},
    {R1_ENTRY(R"("dtype":"F32","shape":[[1]],"data_offsets":[0,4])"), 4,
     "whole numbers in shape"},
    {R1_ENTRY(R"("dtype":"F32","shape":[true],"data_offsets":[0,4])"), 4,
     "whole numbers in shape"},
    {R1_ENTRY(R"("dtype":"F32","shape":[9223372036854775808],)"
              R"("data_offsets":[0,4])"),
     4, "a dimension overflows"},
    {R1_ENTRY(R"("dtype":"F32","shape":[18446744073709551616],)"
              R"("data_offsets":[0,4])"),
     4, "whole numbers in shape"},
    {R1_ENTRY(R"("dtype":"F32","shape":[4611686018427387904],)"
              R"("data_offsets":[0,0])"),
     0, "overflows"},
    {R1_ENTRY(R"("dtype":"F32","shape":[4294967296,4294967296],)"
              R"("data_offsets":[0,0])"),
     0, "overflows"},
    {R1_ENTRY(R"("dtype":"F4","shape":[3],"data_offsets":[0,1])"), 1,
     "no whole number of bytes"},
    {R1_ENTRY(R"("dtype":"F6_E2M3","shape":[2],"data_offsets":[0,1])"), 1,
     "no whole number of bytes"},
    // Offsets.
    {R1_ENTRY(R"("dtype":"F32","shape":[1],"data_offsets":null)"), 4,
     "expected an array as data_offsets"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1],"data_offsets":[])"), 4,
     "must be [begin, end]"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1],"data_offsets":[0])"), 4,
     "must be [begin, end]"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1],"data_offsets":[0,4,4])"), 4,
     "over 2 numbers"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1],"data_offsets":[-4,0])"), 4,
     "found a negative number"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1],"data_offsets":[0,4.0])"), 4,
     "found the number 4.0"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1],"data_offsets":[0,1e3])"), 4,
     "found the number 1e3"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1],"data_offsets":["0","4"])"), 4,
     "found a string"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])"), 4,
     "reversed"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1],"data_offsets":[0,3])"), 3,
     "need 4 bytes, data_offsets give 3"},
    {R1_ENTRY(R"("dtype":"F32","shape":[1],"data_offsets":[0,8])"), 8,
     "need 4 bytes, data_offsets give 8"},
    {R1_ENTRY(R"("dtype":"F16","shape":[1],"data_offsets":[0,4])"), 4,
     "need 2 bytes, data_offsets give 4"},
    {R1_ENTRY(R"("dtype":"U8","shape":[],"data_offsets":[0,0])"), 0,
     "need 1 bytes, data_offsets give 0"},
    {R1_ENTRY(R"("dtype":"F32","shape":[0],"data_offsets":[0,4])"), 4,
     "need 0 bytes, data_offsets give 4"},
    {R1_ENTRY(R"("dtype":"U8","shape":[4],"data_offsets":)"
              R"([18446744073709551612,18446744073709551615])"),
     4, "need 4 bytes, data_offsets give 3"},
    // Coverage of the data section.
    {kValid, 11, "need 12 bytes of data, the file has 11"},
    {kValid, 13, "need 12 bytes of data, the file has 13"},
    {"{}", 1, "need 0 bytes of data, the file has 1"},
    {R1_ENTRY(R"("dtype":"U8","shape":[2],"data_offsets":[1,3])"), 3,
     "begins at byte 1, after a hole (expected 0)"},
    {R1_ENTRY(R"("dtype":"U8","shape":[2],"data_offsets":)"
              R"([9223372036854775806,9223372036854775808])"),
     2, "after a hole"},
    {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
     R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
     3, "tensor \"b\": begins at byte 1, inside another tensor"},
    {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
     R"("b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
     2, "inside another tensor"},
    {R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
     R"("b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})",
     5, "tensor \"b\": begins at byte 3, after a hole (expected 2)"},
};

TEST(SafetensorsHeader, RefusesEveryDeviation) {
  for (const Refused& c : kRefused) {
    const auto entries = ParseSafetensorsHeader(c.header, c.data_bytes);
    ExpectError(entries.status(), c.message, c.header);
    EXPECT_EQ(entries.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(SafetensorsHeader, RefusesDeepNestingWithoutRecursion) {
  for (const std::string& open : {std::string("["), std::string("{\"a\":")}) {
    std::string header = "{\"a\":{\"shape\":";
    for (int i = 0; i < 1'000'000; ++i) header += open;
    header += "}";
    ExpectError(ParseSafetensorsHeader(header, 0).status(), "expected", open);
  }
}

TEST(SafetensorsHeader, RefusesTooManyDimensions) {
  std::string shape = "1";
  for (int i = 0; i < 64; ++i) shape += ",1";
  const std::string header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[" + shape +
                             "],\"data_offsets\":[0,1]}}";
  ExpectError(ParseSafetensorsHeader(header, 1).status(), "dimensions", "rank");
}

TEST(SafetensorsHeader, NamesAreEscapedInMessages) {
  const auto entries = ParseSafetensorsHeader(R"({"\u001b[2J":null})", 0);
  EXPECT_THAT(std::string(entries.status().message()), HasSubstr("\\x1b[2J"));
}

// --- Files
// --------------------------------------------------------------------

class SafetensorsFileTest : public testing::Test {
 protected:
  absl::Status OpenBytes(const std::string& bytes) {
    folder_.Write("f.safetensors", bytes);
    return SafetensorsFile::Open(folder_.File("f.safetensors")).status();
  }
  TemporaryFolder folder_;
};

TEST_F(SafetensorsFileTest, RefusesBadLengths) {
  const std::string body = std::string(kValid) + std::string(12, '\1');
  const struct {
    const char* what;
    std::string bytes;
    const char* message;
  } cases[] = {
      {"empty", "", "has 0 bytes"},
      {"seven bytes", std::string(7, '\0'), "has 7 bytes"},
      {"length 0", LittleEndian(0) + body, "header length 0"},
      {"length 1", LittleEndian(1) + body, "header length 1"},
      {"past the end", LittleEndian(body.size() + 1) + body, "header length"},
      {"100 MB + 1", LittleEndian(100'000'001) + body, "header length"},
      {"2^63", LittleEndian(uint64_t{1} << 63) + body, "header length"},
      {"2^64 - 1", LittleEndian(~uint64_t{0}) + body, "header length"},
      {"2^64 - 8", LittleEndian(~uint64_t{7}) + body, "header length"},
      {"into the data", LittleEndian(sizeof(kValid) + 3) + body,
       "does not end with '}'"},
      {"too short", LittleEndian(sizeof(kValid) - 2) + body, "not valid JSON"},
      {"pickle", "PK\3\4" + std::string(100, '\0'), "header length"},
  };
  for (const auto& c : cases)
    ExpectError(OpenBytes(c.bytes), c.message, c.what);
}

TEST_F(SafetensorsFileTest, RefusesWhatIsNoFile) {
  EXPECT_EQ(SafetensorsFile::Open(folder_.File("absent")).status().code(),
            absl::StatusCode::kNotFound);
  ExpectError(SafetensorsFile::Open(folder_.path()).status(),
              "is not a regular file", "a folder");
  const std::string fifo = folder_.File("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  ExpectError(SafetensorsFile::Open(fifo).status(), "is not a regular file",
              "a FIFO");
}

// Every shorter file breaks the rule that tensors cover the data.
TEST_F(SafetensorsFileTest, RefusesEveryTruncation) {
  const std::string whole = MakeFile(kValid, 12);
  ASSERT_TRUE(OpenBytes(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(OpenBytes(whole.substr(0, size)).ok()) << size;
  }
}

// A flipped bit is refused or leaves a file whose entries still obey the rules.
TEST_F(SafetensorsFileTest, SurvivesEveryBitFlip) {
  const std::string whole = MakeFile(kValid, 12);
  int num_accepted = 0;
  for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string bytes = whole;
    bytes[bit / 8] ^= 1 << (bit % 8);
    folder_.Write("f.safetensors", bytes);
    const auto file = SafetensorsFile::Open(folder_.File("f.safetensors"));
    if (!file.ok()) continue;
    ++num_accepted;
    for (const auto& [name, entry] : (*file)->entries()) {
      EXPECT_LE(entry.end, 12) << "bit " << bit;
    }
  }
  // The 96 bits of data, and some letters of names and dtypes.
  EXPECT_GE(num_accepted, 96);
  EXPECT_LT(num_accepted, 150);
}

TEST_F(SafetensorsFileTest, AFileThatShrinksIsAnError) {
  folder_.Write("f.safetensors", MakeFile(kValid, 12));
  const auto file = SafetensorsFile::Open(folder_.File("f.safetensors"));
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<float> values(2);
  const SafetensorsEntry& entry = (*file)->entries().at("a");
  ASSERT_TRUE((*file)->ReadFloat(entry, absl::MakeSpan(values)).ok());
  ASSERT_EQ(::truncate(folder_.File("f.safetensors").c_str(), 20), 0);
  ExpectError((*file)->ReadFloat(entry, absl::MakeSpan(values)), "too early",
              "shrunk");
}

// Value of an IEEE half by the formula, in double.
double HalfValue(int bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double magnitude = exponent == 0
                               ? std::ldexp(mantissa, -24)
                               : std::ldexp(1024 + mantissa, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

TEST_F(SafetensorsFileTest, ConvertsAll65536HalvesAndBFloats) {
  std::string data;
  for (int i = 0; i < 65536; ++i) {
    data.push_back(i & 0xFF);
    data.push_back(i >> 8);
  }
  const std::string header =
      R"({"h":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]},)"
      R"("b":{"dtype":"BF16","shape":[65536],"data_offsets":[131072,262144]}})";
  folder_.Write("f", LittleEndian(header.size()) + header + data + data);
  const auto file = SafetensorsFile::Open(folder_.File("f"));
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<float> half(65536), bfloat(65536);
  ASSERT_TRUE((*file)
                  ->ReadFloat((*file)->entries().at("h"), absl::MakeSpan(half))
                  .ok());
  ASSERT_TRUE(
      (*file)
          ->ReadFloat((*file)->entries().at("b"), absl::MakeSpan(bfloat))
          .ok());
  for (int i = 0; i < 65536; ++i) {
    // A bfloat16 is the upper half of a float.
    EXPECT_EQ(std::bit_cast<uint32_t>(bfloat[i]), uint32_t(i) << 16);
    if ((i >> 10 & 31) < 31) {
      EXPECT_EQ(double{half[i]}, HalfValue(i)) << i;
      EXPECT_EQ(std::signbit(half[i]), i >= 0x8000) << i;
    } else if ((i & 1023) == 0) {
      EXPECT_EQ(half[i], i >= 0x8000 ? -INFINITY : INFINITY) << i;
    } else {
      EXPECT_TRUE(std::isnan(half[i])) << i;
    }
  }
}

TEST_F(SafetensorsFileTest, OtherTypesAreRefused) {
  const std::string header =
      R"({"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})";
  folder_.Write("f", LittleEndian(header.size()) + header + "12345678");
  const auto file = SafetensorsFile::Open(folder_.File("f"));
  ASSERT_TRUE(file.ok()) << file.status();
  const SafetensorsEntry& entry = (*file)->entries().at("a");
  std::vector<float> value(1);
  ExpectError((*file)->ReadFloat(entry, absl::MakeSpan(value)),
              "dtype I64, expected F32, F16 or BF16", "I64");
}

TEST_F(SafetensorsFileTest, WritesAlignedDataThatReadsBack) {
  const std::vector<float> a = {1.5f, -0.0f, 3e-45f, INFINITY};
  const std::vector<float> b = {7};
  const std::string path = folder_.File("w");
  ASSERT_TRUE(WriteSafetensors(
                  path, {FileTensor("z", {2, 2}, a), FileTensor("b", {1}, b)})
                  .ok());
  const std::string bytes = folder_.Read("w");
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ((8 + length) % 64, 0);
  EXPECT_EQ(bytes.size(), 8 + length + 20);
  EXPECT_EQ(bytes.substr(8, 34), R"({"__metadata__":{"format":"pt"},"z)");
  EXPECT_EQ(bytes.substr(8 + length, 4), std::string("\0\0\xC0\x3F", 4));
  const auto file = SafetensorsFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT((*file)->entries().at("z").shape, ElementsAre(2, 2));
  std::vector<float> back(4);
  ASSERT_TRUE((*file)
                  ->ReadFloat((*file)->entries().at("z"), absl::MakeSpan(back))
                  .ok());
  EXPECT_EQ(std::memcmp(back.data(), a.data(), 16), 0);
}

TEST_F(SafetensorsFileTest, AFullDiskIsAnError) {
  const std::vector<float> values(1 << 16);
  const absl::Status status =
      WriteSafetensors("/dev/full", {FileTensor("a", {1 << 16}, values)});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

}  // namespace
}  // namespace r1
