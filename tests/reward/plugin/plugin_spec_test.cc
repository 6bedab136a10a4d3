#include "reward/plugin/plugin_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/sha256.h"

namespace r1 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

PluginSpec Parse(const std::string& text) {
  const auto spec = ParsePluginSpec(text);
  EXPECT_TRUE(spec.ok()) << spec.status();
  return spec.value_or(PluginSpec());
}

TEST(PluginSpecTest, TheTargetSaysTheCarrier) {
  const PluginSpec library = Parse("mine=./libmine.so");
  EXPECT_EQ(library.name, "mine");
  EXPECT_EQ(library.carrier, PluginCarrier::kLibrary);
  EXPECT_EQ(library.target, "./libmine.so");
  const PluginSpec command = Parse("m_2= python3 a.py --x=1 b.so ");
  EXPECT_EQ(command.name, "m_2");
  EXPECT_EQ(command.carrier, PluginCarrier::kCommand);
  EXPECT_EQ(command.target, "python3 a.py --x=1 b.so");
  const PluginSpec server = Parse("mine=grpc:127.0.0.1:7000");
  EXPECT_EQ(server.carrier, PluginCarrier::kServer);
  EXPECT_EQ(server.target, "127.0.0.1:7000");
}

TEST(PluginSpecTest, WhatIsNoneSaysWhatIsExpected) {
  for (const char* bad :
       {"", "mine", "./libmine.so", "Mine=a", "=a", "a b=c"}) {
    const auto spec = ParsePluginSpec(bad);
    EXPECT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(spec.status().ToString(), HasSubstr("expected NAME=TARGET"));
  }
  for (const char* empty : {"mine=", "mine= ", "mine=grpc:"}) {
    EXPECT_THAT(ParsePluginSpec(empty).status().ToString(),
                HasSubstr("got nothing"));
  }
}

TEST(PluginSpecTest, FilesAreTheLibraryOrWordsOfTheCommand) {
  const std::string file = absl::StrCat(::testing::TempDir(), "spec.py");
  ASSERT_TRUE(WriteFileAtomic(file, "print(1)\n").ok());
  EXPECT_THAT(PluginFiles(Parse("a=./x.so")), ElementsAre("./x.so"));
  const PluginSpec command = Parse(absl::StrCat("a=python3 '", file, "' --q"));
  EXPECT_THAT(PluginFiles(command), ElementsAre(file));
  EXPECT_THAT(PluginFiles(Parse("a=grpc:h:1")), IsEmpty());
  const auto files = ReadPluginFiles(command);
  ASSERT_TRUE(files.ok());
  EXPECT_EQ(PluginHash(*files), Sha256Hex("9:print(1)\n").substr(0, 12));
  EXPECT_EQ(PluginHash({}), "");
  EXPECT_FALSE(ReadPluginFiles(Parse("a=/nowhere.so")).ok());
}

}  // namespace
}  // namespace r1
