#include "model/jinja/parser.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "model/jinja/machine.h"

namespace r1::jinja {
namespace {

using Kind = Node::Kind;
using Names = std::initializer_list<absl::string_view>;

constexpr absl::string_view kRefused[] = {
    "import", "include", "extends", "from", "block", "call", "autoescape"};

class TemplateParser : public ExpressionParser {
 public:
  explicit TemplateParser(std::vector<Token> tokens)
      : ExpressionParser(std::move(tokens)) {}

  absl::StatusOr<std::vector<NodePtr>> Run() {
    std::vector<NodePtr> body = ParseBody({}, "the template");
    if (!status_.ok()) return status_;
    return body;
  }

 private:
  // Statements up to "{% NAME" with one of `ends`, whose name is taken too; up
  // to the end of the template if there are none.
  std::vector<NodePtr> ParseBody(Names ends, absl::string_view of,
                                 std::string* end = nullptr) {
    std::vector<NodePtr> body;
    if (++nesting_ > kMaxDepth) {
      Fail(absl::StrCat("nested deeper than ", kMaxDepth));
    }
    const int first_line = Current().line;
    while (status_.ok()) {
      if (Current().kind == Token::Kind::kEnd) {
        if (ends.size() > 0) {
          Fail(absl::StrCat("the template ends inside ", of, " of line ",
                            first_line));
        }
        break;
      }
      if (Current().kind == Token::Kind::kText) {
        NodePtr node = Make(Kind::kText);
        node->value = std::make_shared<const Text>(Text::Own(Next().text));
        body.push_back(std::move(node));
      } else if (Current().kind == Token::Kind::kPrint) {
        NodePtr node = Make(Kind::kPrint);
        Next();
        Adopt(node.get(), ParseTuple());
        Expect(Token::Kind::kPrintEnd, "}}");
        body.push_back(std::move(node));
      } else {
        Next();  // {%
        if (std::any_of(ends.begin(), ends.end(),
                        [this](absl::string_view e) { return IsAtName(e); })) {
          const std::string name = Next().text;
          if (end != nullptr) *end = name;
          break;
        }
        NodePtr node = ParseStatement();
        Expect(Token::Kind::kBlockEnd, "%}");
        body.push_back(std::move(node));
      }
    }
    --nesting_;
    return body;
  }

  void Expect(Token::Kind kind, absl::string_view text) {
    if (Current().kind == kind) {
      Next();
    } else {
      Fail(absl::StrCat("expected \"", text, "\", found \"", Current().text,
                        "\""));
    }
  }
  void ExpectBlockEnd() { Expect(Token::Kind::kBlockEnd, "%}"); }

  // One statement without its last "%}".
  NodePtr ParseStatement() {
    NodePtr node = Make(Kind::kScope);
    const std::string name = ExpectName();
    if (name == "if") {
      ParseIf(node.get());
    } else if (name == "for") {
      ParseFor(node.get());
    } else if (name == "set") {
      ParseSet(node.get());
    } else if (name == "macro") {
      ParseMacro(node.get());
    } else if (name == "filter") {
      ParseFilterBlock(node.get());
    } else if (name == "with") {
      ParseWith(node.get());
    } else if (name == "generation") {
      ExpectBlockEnd();
      node->body = ParseBody({"endgeneration"}, "\"generation\"");
    } else if ((name == "break" || name == "continue") && num_loops_ > 0) {
      node->kind = name == "break" ? Kind::kBreak : Kind::kContinue;
    } else if (std::find(std::begin(kRefused), std::end(kRefused), name) !=
               std::end(kRefused)) {
      Fail(absl::StrCat("\"", name, "\" is not supported"),
           absl::StatusCode::kUnimplemented);
    } else {
      Fail(absl::StrCat("unexpected \"", name, "\" as a statement"));
    }
    return node;
  }

  void ParseIf(Node* node) {
    node->kind = Kind::kIf;
    // An elif is an if within the else of the one before.
    int num_branches = 0;
    while (status_.ok()) {
      Adopt(node, ParseTuple(/*has_condition=*/false));
      ExpectBlockEnd();
      std::string end;
      node->body = ParseBody({"elif", "else", "endif"}, "\"if\"", &end);
      if (end == "elif") {
        node->otherwise.push_back(Make(Kind::kIf));
        node = node->otherwise.back().get();
        if (++num_branches > kMaxBranches) Fail("too many \"elif\"");
        continue;
      }
      if (end == "else") {
        ExpectBlockEnd();
        node->otherwise = ParseBody({"endif"}, "\"if\"");
      }
      break;
    }
  }

  void ParseFor(Node* node) {
    node->kind = Kind::kFor;
    const bool has_parenthesis = TakeOperator("(");
    do {
      node->names.push_back(ExpectName());
    } while (TakeOperator(",") && !IsAtName("in"));
    if (has_parenthesis) ExpectOperator(")");
    if (!TakeName("in")) Fail("expected \"in\"");
    Adopt(node, ParseTuple(/*has_condition=*/false));
    Adopt(node, TakeName("if") ? ParseExpression() : nullptr);
    if (IsAtName("recursive")) {
      Fail("recursive loops are not supported",
           absl::StatusCode::kUnimplemented);
    }
    ExpectBlockEnd();
    std::string end;
    ++num_loops_;
    node->body = ParseBody({"else", "endfor"}, "\"for\"", &end);
    --num_loops_;
    if (end != "else") return;
    ExpectBlockEnd();
    node->otherwise = ParseBody({"endfor"}, "\"for\"");
  }

  void ParseSet(Node* node) {
    const bool has_parenthesis = TakeOperator("(");
    do {
      node->names.push_back(ExpectName());
      if (TakeOperator(".")) {
        absl::StrAppend(&node->names.back(), ".", ExpectName());
      }
    } while (TakeOperator(","));
    if (has_parenthesis) ExpectOperator(")");
    if (TakeOperator("=")) {
      node->kind = Kind::kSet;
      Adopt(node, ParseTuple());
      return;
    }
    node->kind = Kind::kSetBlock;
    if (node->names.size() != 1) Fail("expected \"=\"");
    Adopt(node, ParseFilters(nullptr));
    ExpectBlockEnd();
    node->body = ParseBody({"endset"}, "\"set\"");
  }

  void ParseMacro(Node* node) {
    node->kind = Kind::kMacro;
    node->name = ExpectName();
    ExpectOperator("(");
    while (status_.ok() && !IsAtOperator(")")) {
      if (!node->names.empty()) ExpectOperator(",");
      node->names.push_back(ExpectName());
      if (TakeOperator("=")) {
        Adopt(node, ParseExpression());
      } else if (!node->children.empty()) {
        Fail("an argument without default follows one with default");
      }
    }
    ExpectOperator(")");
    ExpectBlockEnd();
    // Loops around the macro are not its own.
    const int num_loops = std::exchange(num_loops_, 0);
    node->body = ParseBody({"endmacro"}, "\"macro\"");
    num_loops_ = num_loops;
  }

  void ParseFilterBlock(Node* node) {
    node->kind = Kind::kFilterBlock;
    // "filter a|b(1)": the first name has no "|" before it.
    NodePtr first = Make(Kind::kFilter);
    Adopt(first.get(), nullptr);
    first->name = ExpectName();
    if (IsAtOperator("(")) ParseArguments(first.get());
    Adopt(node, ParseFilters(std::move(first)));
    ExpectBlockEnd();
    node->body = ParseBody({"endfilter"}, "\"filter\"");
  }

  void ParseWith(Node* node) {
    while (status_.ok() && Current().kind != Token::Kind::kBlockEnd) {
      if (!node->names.empty()) ExpectOperator(",");
      node->names.push_back(ExpectName());
      ExpectOperator("=");
      Adopt(node, ParseExpression());
    }
    ExpectBlockEnd();
    node->body = ParseBody({"endwith"}, "\"with\"");
  }

  // Each is one more level of the tree.
  static constexpr int kMaxBranches = 500;
  int num_loops_ = 0;  // around the place
};

}  // namespace

absl::StatusOr<std::vector<NodePtr>> ParseTemplate(absl::string_view source) {
  if (!IsUtf8(source)) {
    return absl::InvalidArgumentError("line 1: the template is not UTF-8");
  }
  if (absl::StrContains(source, '\0')) {
    return absl::InvalidArgumentError("line 1: the template has a NUL byte");
  }
  R1_ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(source));
  return TemplateParser(std::move(tokens)).Run();
}

}  // namespace r1::jinja
