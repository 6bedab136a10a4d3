// Rules between keys. Each case breaks one rule and expects exactly one
// message; the same text with the remedy applied is valid.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

// A recipe needs a stage and a task: `text` with those it lacks.
std::string Whole(absl::string_view text) {
  return absl::StrCat(
      text, absl::StrContains(text, "stage {") ? "" : " stage { rl { } }",
      absl::StrContains(text, "task {") ? "" : " task { }");
}

std::string ErrorOf(absl::string_view text,
                    std::vector<std::string> overrides = {}) {
  const auto config = ParseRecipe(Whole(text), "f", overrides);
  return config.ok() ? "OK" : std::string(config.status().message());
}

TEST(ConfigRulesTest, DefaultsAreValid) { EXPECT_EQ(ErrorOf(""), "OK"); }

TEST(ConfigRulesTest, HeadsDivideTheHiddenSize) {
  EXPECT_EQ(ErrorOf("model { hidden_size: 100 num_heads: 3 num_kv_heads: 3 }"),
            "f:1: model.num_heads: does not divide model.hidden_size: expected "
            "100 to be a multiple, got 3 heads; change one of them or set "
            "model.head_dim");
  EXPECT_EQ(ErrorOf("model { hidden_size: 100 num_heads: 3 num_kv_heads: 3 "
                    "head_dim: 32 }"),
            "OK");
}

TEST(ConfigRulesTest, KeyHeadsDivideHeads) {
  EXPECT_EQ(ErrorOf("model {\nnum_kv_heads: 3 }"),
            "f:2: model.num_kv_heads: does not divide model.num_heads: "
            "expected a divisor of 4, got 3");
  EXPECT_EQ(ErrorOf("model { num_kv_heads: 4 }"), "OK");
  EXPECT_THAT(ErrorOf("model { num_kv_heads: 8 }"), HasSubstr("got 8"));
}

TEST(ConfigRulesTest, HeadSizeIsEven) {
  EXPECT_EQ(ErrorOf("model { head_dim: 33 }"),
            "f:1: model.head_dim: RoPE rotates pairs of channels: expected an "
            "even number of channels per head, got 33");
  EXPECT_THAT(ErrorOf("model { hidden_size: 12 }"), HasSubstr("got 3"));
}

TEST(ConfigRulesTest, AnImportedModelBringsItsOwnShape) {
  EXPECT_EQ(ErrorOf("model { path: '/m' hidden_size: 100 num_heads: 3 "
                    "head_dim: 7 } rollout { max_new_tokens: 100000 }"),
            "OK");
}

TEST(ConfigRulesTest, ThePromptNeedsRoom) {
  EXPECT_EQ(ErrorOf("model { max_positions: 256 }"),
            "f:1: model.max_positions: leaves no room for a prompt: expected "
            "less than model.max_positions = 256, got 256");
  EXPECT_EQ(ErrorOf("model { max_positions: 257 }"), "OK");
  EXPECT_EQ(ErrorOf("model { max_positions: 256 } stage { rl { steps: 0 } }"),
            "OK");
}

TEST(ConfigRulesTest, CountdownNumbers) {
  EXPECT_EQ(ErrorOf("task { min_numbers: 5 }"),
            "f:1: task.min_numbers: expected task.min_numbers <= "
            "task.max_numbers, got 5 > 4");
  EXPECT_EQ(ErrorOf("task { min_numbers: 4 }"), "OK");
}

TEST(ConfigRulesTest, Operators) {
  EXPECT_EQ(ErrorOf("task { operators: '+%' }"),
            "f:1: task.operators: expected one or more of + - * /, each once, "
            "got \"+%\"");
  EXPECT_THAT(ErrorOf("task { operators: '' }"), HasSubstr("got \"\""));
  EXPECT_THAT(ErrorOf("task { operators: '++' }"), HasSubstr("got \"++\""));
  EXPECT_EQ(ErrorOf("task { operators: '/' }"), "OK");
}

TEST(ConfigRulesTest, QuestionsComeFromAFile) {
  const std::string base = "model { path: '/m' } task { kind: QUESTION_ANSWER ";
  EXPECT_EQ(ErrorOf(base + "}"),
            "f:1: task.kind: QUESTION_ANSWER has no generator: expected a "
            "JSONL file of questions and answers, got \"\"");
  EXPECT_EQ(ErrorOf(base + "file: 'q.jsonl' }"), "OK");
  EXPECT_THAT(ErrorOf(base + "file: 'q.jsonl' question_field: '' }"),
              HasSubstr("task.question_field: expected the name"));
  EXPECT_THAT(ErrorOf(base + "file: 'q.jsonl' answer_field: 'question' }"),
              HasSubstr("the question would be its own answer"));
  EXPECT_THAT(
      ErrorOf(base + "file: 'q.jsonl' } stage { supervised { steps: 1 } }"),
      HasSubstr("there is nothing to learn from"));
}

TEST(ConfigRulesTest, OnlyRowsOfAFileSayTheirSide) {
  EXPECT_EQ(ErrorOf("task { split_field: 'split' }"),
            "f:1: task.split_field: is a field of the rows of a file, but "
            "there is none: expected task.file, got \"split\"");
  EXPECT_EQ(ErrorOf("task { split_field: 'split' file: 'f.jsonl' }"), "OK");
}

TEST(ConfigRulesTest, ANewTokenizerNeedsACorpus) {
  const std::string base = "task { kind: QUESTION_ANSWER file: 'q.jsonl' } ";
  EXPECT_THAT(ErrorOf(base), HasSubstr("a new model needs a corpus"));
  EXPECT_EQ(ErrorOf(base + "stage { supervised { data: 'c.jsonl' } }"), "OK");
}

TEST(ConfigRulesTest, TemplateHasAPlaceForTheProblem) {
  EXPECT_EQ(ErrorOf("task { template: 'Solve:' }"),
            "f:1: task.template: has no place for the problem: expected a text "
            "with {question}, got \"Solve:\"");
  EXPECT_EQ(ErrorOf("task { template: 'Solve: {question}' }"), "OK");
}

TEST(ConfigRulesTest, ASystemMessageNeedsAChat) {
  EXPECT_EQ(
      ErrorOf("task { system: 'Be brief.' }"),
      "f:1: task.system: is given, but only the model's chat template has "
      "a place for a system message: set task.chat");
  EXPECT_EQ(ErrorOf("task { system: 'Be brief.' chat: true }"), "OK");
}

TEST(ConfigRulesTest, CountdownRowsHaveNoAnswerForm) {
  EXPECT_EQ(ErrorOf("task { answer_form: BOXED }"),
            "f:1: task.answer_form: Countdown's rows have a target and no "
            "answer: expected AS_IS, got BOXED");
}

TEST(ConfigRulesTest, SupervisedStagesNeedSomethingToLearnFrom) {
  const std::string task = "task { kind: QUESTION_ANSWER file: 'q.jsonl' } ";
  EXPECT_EQ(
      ErrorOf(task + "model { path: '/m' } stage { supervised { steps: 5 "
                     "} }"),
      "f: supervised.data: there is nothing to learn from: expected a JSONL "
      "file, or a task whose generator has a corpus (COUNTDOWN, "
      "ARITHMETIC)");
  EXPECT_EQ(ErrorOf(task + "stage { supervised { data: 'demos.jsonl' } }"),
            "OK");
}

TEST(ConfigRulesTest, EpochsAndHeldOutAreOfRowsThatEnd) {
  const auto supervised = [](const std::string& keys) {
    return ErrorOf("task { } stage { supervised { " + keys + " } }");
  };
  EXPECT_EQ(supervised("data: 'd.jsonl' epochs: 2.5 held_out: 0.1"), "OK");
  EXPECT_EQ(supervised("corpus_rows: 10 epochs: 1"), "OK");
  EXPECT_EQ(supervised("data: 'd.jsonl' corpus: DEMONSTRATIONS corpus_rows: 9 "
                       "steps: 3"),
            "OK");
  EXPECT_EQ(supervised("data: 'd.jsonl' steps: 7 epochs: 2"),
            "f:1: supervised.epochs: both say how long to train: expected one "
            "of the two, got 7 steps and 2 epochs");
  EXPECT_EQ(supervised("epochs: 2"),
            "f:1: supervised.epochs: the corpus has no end: expected "
            "supervised.data, or supervised.corpus_rows, the number of its "
            "documents to take");
  EXPECT_THAT(supervised("steps: 2 held_out: 0.1"),
              HasSubstr("supervised.held_out: the corpus has no end"));
  EXPECT_THAT(supervised("data: 'd' held_out: 0.95"),
              HasSubstr("out of range"));
  EXPECT_EQ(supervised("data: 'd.jsonl' corpus: WRITERS steps: 3"),
            "f:1: supervised.corpus: is not read beside data: expected "
            "supervised.corpus_rows, the number of its documents to take, or "
            "no corpus");
  EXPECT_THAT(ErrorOf("task { kind: SUMS } model { path: 'm' } stage { "
                      "supervised { data: 'd' corpus_rows: 5 epochs: 1 } }"),
              HasSubstr("supervised.corpus_rows: there is no corpus to take"));
  // Without updates nothing is read.
  EXPECT_EQ(supervised("held_out: 0.1"), "OK");
}

TEST(ConfigRulesTest, StagesHaveNamesKindsAndStarts) {
  const auto stages = [](const std::string& text) {
    return ErrorOf("task { } " + text);
  };
  EXPECT_EQ(
      stages("stage { name: 'a' }"),
      "f:1: a: expected one of supervised { ... }, rl { ... }, sample { ... }, "
      "reward_model { ... }, compare { ... }");
  EXPECT_EQ(
      stages("stage { name: 'a' rl { } supervised { } }"),
      "f:1: a: expected one of supervised { ... }, rl { ... }, sample { ... }, "
      "reward_model { ... }, compare { ... }");
  EXPECT_EQ(stages("stage { rl { } } stage { rl { } }"),
            "f: rl.name: expected each name once, got \"rl\" again");
  EXPECT_THAT(stages("stage { name: 'model' rl { } }"),
              HasSubstr("no word of the recipe such as \"model\""));
  EXPECT_THAT(stages("stage { name: 'Big' rl { } }"),
              HasSubstr("small letters"));
  EXPECT_EQ(stages("stage { name: 'a' rl { } }\nstage { name: 'b' from: 'c' "
                   "rl { } }"),
            "f:2: b.from: there is no stage \"c\": expected \"model\" or one "
            "of a, b");
  EXPECT_EQ(stages("stage { name: 'a' from: 'b' rl { } }\nstage { name: 'b' "
                   "rl { } }"),
            "f:1: a.from: these stages wait for each other: a, b");
  EXPECT_EQ(stages("stage { name: 'a' from: 'b' rl { } }\nstage { name: 'b' "
                   "from: 'model' rl { } }"),
            "OK");
  EXPECT_THAT(stages("stage { rl { } use { task: 'chess' } }"),
              HasSubstr("there is no task \"chess\": expected one of "
                        "countdown"));
  EXPECT_EQ(ErrorOf("stage { rl { } } task { kind: QUESTION_ANSWER file: 'q' "
                    "name: 'rl' } model { path: 'm' }"),
            "f: rl.name: expected small letters, digits, _ and -, no word of "
            "the recipe such as \"model\" and no task's name, got \"rl\"");
  EXPECT_EQ(ErrorOf(""), "OK");
  EXPECT_EQ(
      std::string(ParseRecipe("task { }", "f", {}).status().message()),
      "f: stage: there is nothing to do: expected one or more, e.g. stage "
      "{ rl { steps: 100 } }");
  EXPECT_THAT(
      std::string(ParseRecipe("stage { rl { } }", "f", {}).status().message()),
      HasSubstr("there are no problems: expected a task"));
}

// What a kind does not read cannot be wrong for it.
TEST(ConfigRulesTest, AStageIsHeldToTheRulesOfItsKindAlone) {
  const std::string supervised = "task { } stage { supervised { steps: 5 } } ";
  EXPECT_EQ(ErrorOf(supervised + "model { max_positions: 64 }"), "OK");
  EXPECT_EQ(ErrorOf(supervised + "reward { rule { name: 'a' weight: 0 } }"),
            "OK");
  const std::string sample =
      "task { } stage { supervised { } } stage { sample { } } ";
  EXPECT_EQ(ErrorOf(sample + "reward { rule { name: 'a' weight: 0 } }"), "OK");
  EXPECT_THAT(ErrorOf(sample + "model { max_positions: 64 }"),
              HasSubstr("leaves no room for a prompt"));
}

TEST(ConfigRulesTest, StagesGetWhatOthersMake) {
  const std::string stages =
      "task { } stage { name: 'base' supervised { } } stage { name: 'data' "
      "sample { } } stage { name: 'judge' from: 'base' reward_model { } } ";
  EXPECT_EQ(ErrorOf(stages), "OK");
  EXPECT_THAT(ErrorOf(stages + "stage { name: 'x' from: 'data' rl { } }"),
              HasSubstr("data makes data and no model"));
  EXPECT_THAT(ErrorOf(stages + "stage { name: 'x' from: 'judge' rl { } }"),
              HasSubstr("judge makes a reward model, which writes nothing"));
  EXPECT_THAT(ErrorOf(stages + "stage { name: 'x' from: 'base' supervised { "
                               "data: 'judge' } }"),
              HasSubstr("judge makes a model and no data"));
  const std::string judged =
      "stage { name: 'x' from: 'base' rl { } reward { rule { name: 'm' option "
      "{ key: 'stage' value: 'JUDGE' } } } }";
  const auto judged_by = [&](const std::string& name) {
    std::string text = judged;
    return text.replace(text.find("JUDGE"), 5, name);
  };
  EXPECT_EQ(ErrorOf(stages + judged_by("judge")), "OK");
  EXPECT_THAT(ErrorOf(stages + judged_by("base")),
              HasSubstr("there is no reward model \"base\""));
  EXPECT_THAT(ErrorOf(stages + judged_by("none")),
              HasSubstr("there is no reward model \"none\""));
  EXPECT_THAT(ErrorOf("task { } stage { rl { } use { task: 'countdown' } use { "
                      "task: 'countdown' } }"),
              HasSubstr("expected each task once"));
}

TEST(ConfigRulesTest, ComparisonsAreOfModels) {
  const std::string stages =
      "task { } stage { name: 'base' supervised { } } stage { name: 'data' "
      "sample { } } stage { name: 'table' compare { STAGES } MORE } ";
  const auto error = [&](const std::string& named, const std::string& more = "",
                         const std::string& after = "") {
    std::string text = stages;
    text.replace(text.find("STAGES"), 6, named);
    text.replace(text.find("MORE"), 4, more);
    return ErrorOf(text + after);
  };
  EXPECT_EQ(error(""), "OK");
  EXPECT_EQ(error("stage: 'base'"), "OK");
  // The next stage starts where the one before the table did.
  EXPECT_EQ(error("", "", "stage { name: 'x' from: 'base' rl { } }"), "OK");
  EXPECT_THAT(error("stage: 'none'"),
              HasSubstr("\"none\" is no stage that trains a language model"));
  EXPECT_THAT(error("stage: 'data'"),
              HasSubstr("\"data\" is no stage that trains a language model"));
  EXPECT_THAT(error("stage: 'base' stage: 'base'"),
              HasSubstr("expected each stage once, got \"base\" again"));
  EXPECT_THAT(error("", "from: 'base'"),
              HasSubstr("a comparison starts from no model"));
  EXPECT_THAT(error("", "", "stage { name: 'x' from: 'table' rl { } }"),
              HasSubstr("table makes a table and no model"));
  EXPECT_THAT(error("", "", "model { max_positions: 64 }"),
              HasSubstr("leaves no room for a prompt"));
  EXPECT_THAT(ErrorOf("task { } stage { compare { } }"),
              HasSubstr("there is nothing to compare"));
}

TEST(ConfigRulesTest, OnlyAStageFromTheModelHasAShapeOfItsOwn) {
  EXPECT_THAT(
      ErrorOf("task { } stage { name: 'a' rl { } } stage { name: 'b' rl "
              "{ } model { hidden_size: 8 } }"),
      HasSubstr("has that model's shape: leave `model` out"));
  EXPECT_THAT(ErrorOf("task { } stage { name: 'a' rl { } } stage { name: 'b' "
                      "from: 'model' rl { } model { hidden_size: 9 } }"),
              HasSubstr("b.model.hidden_size"));
}

TEST(ConfigRulesTest, MinibatchesHaveEqualSize) {
  EXPECT_EQ(ErrorOf("stage { rl { prompts: 4 group_size: 4 minibatches: 3 } }"),
            "f:1: rl.minibatches: minibatches would be of unequal size: "
            "expected a divisor of rl.prompts x rl.group_size = 16, got 3");
  EXPECT_EQ(
      ErrorOf("stage { rl { prompts: 4 group_size: 4 minibatches: 16 } }"),
      "OK");
  EXPECT_THAT(
      ErrorOf("stage { rl { prompts: 4 group_size: 4 minibatches: 32 } }"),
      HasSubstr("got 32"));
  // 10^6 x 4096 does not fit 32 bits.
  EXPECT_EQ(
      ErrorOf(
          "stage { rl { prompts: 1000000 group_size: 4096 minibatches: 4096 "
          "} }"),
      "OK");
}

TEST(ConfigRulesTest, DualClip) {
  EXPECT_EQ(ErrorOf("stage { rl { dual_clip: 0.5 } }"),
            "f:1: rl.dual_clip: the bound applies to ratios above it: expected "
            "0 (off) or more than 1, got 0.5");
  EXPECT_EQ(ErrorOf("stage { rl { dual_clip: 3 } }"), "OK");
  EXPECT_EQ(ErrorOf("stage { rl { dual_clip: 3\nobjective: CISPO } }"),
            "f:2: rl.objective: only PPO_CLIP reads it: expected 0 with "
            "rl.objective CISPO, got 3");
}

TEST(ConfigRulesTest, StopTexts) {
  EXPECT_EQ(ErrorOf("rollout { stop: ['a', ''] }"),
            "f:1: rollout.stop[1]: an empty text would stop every answer at "
            "once: expected some text, got \"\"");
}

TEST(ConfigRulesTest, RewardRules) {
  EXPECT_EQ(ErrorOf("reward { rule { weight: 2 } }"),
            "f:1: reward.rule[0]: has no name: expected e.g. name: \"format\", "
            "got \"\"");
  EXPECT_EQ(ErrorOf("reward { rule { name: 'a' }\nrule { name: 'a' } }"),
            "f:2: reward.rule[1]: expected each rule once, got \"a\" again; "
            "change the weight of the first");
  EXPECT_EQ(ErrorOf("reward { rule { name: 'a' weight: 0 } }"),
            "f:1: reward.rule: every rule has weight 0 at the first step, so "
            "there is nothing to learn: expected a weight other than 0 without "
            "from_step, got only 0");
  EXPECT_THAT(ErrorOf("task { rule { name: 'countdown' weight: 0 } }"),
              HasSubstr("nothing to learn"));
  EXPECT_THAT(ErrorOf("reward { rule { name: 'format' from_step: 5 } }"),
              HasSubstr("nothing to learn"));
  // Several tasks bring the rules of their answers.
  const std::string two =
      "task { } task { kind: SUMS } stage { supervised { } "
      "} stage { rl { } } ";
  EXPECT_EQ(ErrorOf(two + "reward { rule { name: 'language' weight: 0 } }"),
            "OK");
  EXPECT_THAT(ErrorOf("reward { rule { name: 'a' option { key: 'when' value: "
                      "'eval' } } }"),
              HasSubstr("every rule has weight 0"));
  EXPECT_EQ(
      ErrorOf(
          "reward { rule { name: 'a' weight: 0 } } stage { rl { steps: 0 } }"),
      "OK");
  EXPECT_THAT(ErrorOf("reward { rule { name: 'a' weight: nan } }"),
              HasSubstr("reward.rule[0].weight: out of range"));
}

TEST(ConfigRulesTest, AWeightThatCountsLaterIsForRl) {
  const std::string late = "rule { name: 'late' from_step: 30 } ";
  EXPECT_EQ(ErrorOf("reward { rule { name: 'a' } " + late + "}"), "OK");
  EXPECT_EQ(
      ErrorOf("task { rule { name: 'b' } rule { name: 'a' from_step: 2 } }"),
      "OK");
  EXPECT_EQ(
      ErrorOf("task { }\nstage { sample { } model { path: 'm' } "
              "reward { " +
              late + "} }"),
      "f:2: sample.reward.rule[0]: from_step goes by the steps of rl, and a "
      "stage with sample has none: expected the rule in the stages "
      "with rl");
  EXPECT_THAT(ErrorOf("model { path: 'm' } task { rule { name: 'a' from_step: "
                      "2 } } stage { sample { } }"),
              HasSubstr("task.rule[0]: from_step goes by the steps of rl"));
  EXPECT_THAT(ErrorOf("reward { rule { name: 'a' } rule { name: 'b' weight: 0 "
                      "from_step: 3 } }"),
              HasSubstr("reward.rule[1]: from_step says when the weight "
                        "counts, but the rule is a metric"));
  EXPECT_EQ(ErrorOf("reward { rule { name: 'a' } rule { name: 'b' weight: 0 "
                    "from_step: 3 option { key: 'gate' value: '1' } } }"),
            "OK");
  EXPECT_THAT(ErrorOf("reward { rule { name: 'a' } rule { name: 'b' from_step: "
                      "3 option { key: 'when' value: 'eval' } } }"),
              HasSubstr("the rule is a metric"));
  // Stages that are not scored may inherit it.
  EXPECT_EQ(ErrorOf("task { } stage { supervised { steps: 5 } } reward { " +
                    late + "}"),
            "OK");
}

TEST(ConfigRulesTest, LongerAnswersComeLaterFitAndAreForRl) {
  const auto longer = [](const std::string& more) {
    return ErrorOf(
        "model { max_positions: 512 }\nrollout { max_new_tokens: "
        "100 " +
        more + " }");
  };
  EXPECT_EQ(longer("longer { from_step: 5 max_new_tokens: 200 } longer { "
                   "from_step: 9 max_new_tokens: 400 }"),
            "OK");
  EXPECT_EQ(longer("longer { from_step: 5 max_new_tokens: 512 }"),
            "f:2: rollout.longer: leaves no room for a prompt: expected less "
            "than model.max_positions = 512, got 512");
  EXPECT_EQ(longer("longer { from_step: 5 max_new_tokens: 100 }"),
            "f:2: rollout.longer[0]: is no longer than before: expected "
            "max_new_tokens above 100, got 100");
  EXPECT_EQ(longer("longer { from_step: 5 max_new_tokens: 200 } longer { "
                   "from_step: 5 max_new_tokens: 300 }"),
            "f:2: rollout.longer[1]: comes too early: expected from_step above "
            "5, got 5");
  const std::string sample = "stage { sample { } model { path: 'm' } } ";
  EXPECT_THAT(
      ErrorOf("task { } rollout { longer { max_new_tokens: 400 } } " + sample),
      HasSubstr("rollout.longer: goes by the steps of rl, and a stage "
                "with sample has none"));
  EXPECT_EQ(ErrorOf("task { } rollout { longer { max_new_tokens: 400 } } stage "
                    "{ supervised { steps: 1 } }"),
            "OK");
}

TEST(ConfigRulesTest, ServerIsHostAndPort) {
  for (const char* good : {"localhost:7000", "10.0.0.1:1", "[::1]:65535"}) {
    EXPECT_EQ(ErrorOf(std::string("reward { server: '") + good + "' }"), "OK");
  }
  for (const char* bad :
       {"localhost", "localhost:", ":7000", "a:0", "a:65536", "::1:7000",
        "http://a:80", "a b:80", "a:8o", "[::1:80"}) {
    EXPECT_THAT(ErrorOf(std::string("reward { server: '") + bad + "' }"),
                HasSubstr("reward.server: expected host:port"))
        << bad;
  }
}

TEST(ConfigRulesTest, TheMistakeIsPlacedAtTheKeyGivenLast) {
  const std::string text = "model { num_heads: 4\nhidden_size: 64 }";
  EXPECT_THAT(ErrorOf(text, {"model.num_heads=5", "model.num_kv_heads=5"}),
              HasSubstr("--set model.num_heads=5: model.num_heads: "));
  EXPECT_THAT(ErrorOf(text, {"model.hidden_size=66"}),
              HasSubstr("--set model.hidden_size=66: model.hidden_size: "));
}

TEST(ConfigRulesTest, AKeyWithAMistakeIsNotBlamedTwice) {
  // num_heads stays at its default after the mistake and would not divide 66.
  EXPECT_EQ(ErrorOf("model { hidden_size: 66 num_heads: six num_kv_heads: 2 }"),
            "f:1: model.num_heads: wrong type: expected an integer from 1 to "
            "256, got six");
}

TEST(ConfigRulesTest, ShardsAreAPowerOfTwoOfStagesThatTrain) {
  EXPECT_EQ(ErrorOf("learner { gradient_shards: 4 }"), "OK");
  EXPECT_EQ(ErrorOf("learner {\ngradient_shards: 6 }"),
            "f:2: learner.gradient_shards: expected a power of two, got 6");
  EXPECT_THAT(ErrorOf("learner { gradient_shards: 2048 }"),
              HasSubstr("out of range: expected an integer from 1 to 1024"));
  const std::string stages = "stage { rl { } } stage { reward_model { } ";
  EXPECT_EQ(ErrorOf("learner { gradient_shards: 4 } " + stages + "}"), "OK");
  EXPECT_EQ(ErrorOf(stages + "learner { gradient_shards: 4 } }"),
            "f:1: reward_model.learner.gradient_shards: only stages with "
            "supervised or rl "
            "have shards: leave `learner` out of this stage, whose kind is "
            "reward_model");
}

// Without shards a stage's file is what it was before there were any.
TEST(ConfigRulesTest, OneShardIsNoPartOfAStage) {
  const auto recipe =
      ParseRecipe(Whole("learner { gradient_shards: 4 } stage { rl { } learner "
                        "{ gradient_shards: 1 } } stage { name: 'b' rl { } }"),
                  "f", {});
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  const std::vector<StageConfig> stages = ResolveStages(*recipe);
  EXPECT_FALSE(stages[0].has_learner());
  EXPECT_EQ(stages[1].learner().gradient_shards(), 4);
}

// What stages inherit is checked where it was given, once.
TEST(ConfigRulesTest, AdaptersNeedAModelThatIsTrained) {
  const std::string base = "model { path: '/m' } ";
  EXPECT_EQ(ErrorOf(base + "lora { }"), "OK");
  EXPECT_EQ(ErrorOf(base + "lora { targets: ['q_proj', 'qproj'] }"),
            "f:1: lora.targets: unknown target: expected names of q_proj, "
            "k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, got "
            "\"qproj\"; did you mean \"q_proj\"?");
  EXPECT_EQ(ErrorOf(base + "lora { targets: ['q_proj', 'q_proj'] }"),
            "f:1: lora.targets: expected each target once, got \"q_proj\" "
            "again");
  EXPECT_THAT(ErrorOf(base + "lora { alpha: 0 }"),
              HasSubstr("f:1: lora.alpha: out of range: expected a number"));
  EXPECT_EQ(ErrorOf("lora { }"),
            "f:1: lora: the stage rl starts from random weights, so there is "
            "nothing to adapt: give it lora { rank: 0 }, or start it from a "
            "trained model");
  EXPECT_EQ(ErrorOf("lora { } stage { name: 'base' supervised { steps: 1 } "
                    "lora { rank: 0 } } stage { rl { } }"),
            "OK");
  EXPECT_EQ(ErrorOf("stage { name: 'base' supervised { steps: 1 } } "
                    "stage { rl { } lora { } }"),
            "OK");
}

TEST(ConfigRulesTest, OnlyStagesThatTrainAModelHaveAdapters) {
  const std::string base = "model { path: '/m' } ";
  const std::string judge = "reward_model { steps: 1 } ";
  EXPECT_EQ(ErrorOf(base + "stage { " + judge + "lora { } }"),
            "f:1: reward_model.lora: adapters are trained by stages with "
            "supervised or rl only: leave `lora` out of this stage, whose kind "
            "is reward_model");
  // Of a recipe it is for those that can.
  EXPECT_EQ(ErrorOf(base + "lora { } stage { " + judge + "}"), "OK");
}

TEST(ConfigRulesTest, AdaptersAreInheritedFieldByField) {
  const auto recipe = ParseRecipe(
      Whole("model { path: '/m' } lora { rank: 4 targets: 'q_proj' } "
            "stage { name: 'a' supervised { steps: 1 } lora { alpha: 8 } } "
            "stage { name: 'b' rl { } lora { targets: 'o_proj' } } "
            "stage { name: 'c' rl { } lora { rank: 0 } } "
            "stage { name: 'd' sample { } }"),
      "f", {});
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  const std::vector<StageConfig> stages = ResolveStages(*recipe);
  ASSERT_EQ(stages.size(), 4);
  EXPECT_EQ(ConfigToText(stages[0].lora()),
            "rank: 4\nalpha: 8\ntargets: \"q_proj\"\n");
  EXPECT_EQ(ConfigToText(stages[1].lora()),
            "rank: 4\nalpha: 32\ntargets: \"o_proj\"\n");
  EXPECT_FALSE(stages[2].has_lora());
  EXPECT_FALSE(stages[3].has_lora());
}

TEST(ConfigRulesTest, AnInheritedMistakeIsSaidOnce) {
  EXPECT_EQ(
      ErrorOf("task { }\nmodel { max_positions: 64 }\nrollout { "
              "max_new_tokens: 64 }\nstage { name: 'a' rl { } } stage { "
              "name: 'b' rl { } }"),
      "f:3: rollout.max_new_tokens: leaves no room for a prompt: expected "
      "less than model.max_positions = 64, got 64");
  EXPECT_THAT(ErrorOf("task { }\nstage { name: 'a' rl { } } stage { name: 'b' "
                      "rl { }\nrollout { max_new_tokens: 512 } }"),
              HasSubstr("f:3: b.rollout.max_new_tokens: leaves no room"));
}

}  // namespace
}  // namespace r1
