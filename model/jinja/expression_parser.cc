#include <algorithm>

#include "absl/strings/str_cat.h"
#include "model/jinja/machine.h"
#include "model/jinja/parser.h"

namespace r1::jinja {

using Kind = Node::Kind;

namespace {

// A chain of operators is a tree as deep as it is long.
constexpr int kMaxTreeDepth = 256;

std::string Describe(const Token& token) {
  switch (token.kind) {
    case Token::Kind::kEnd:
      return "the end of the template";
    case Token::Kind::kPrintEnd:
      return "\"}}\"";
    case Token::Kind::kBlockEnd:
      return "\"%}\"";
    case Token::Kind::kText:
    case Token::Kind::kPrint:
    case Token::Kind::kBlock:
      return "a new tag";
    default:
      return absl::StrCat("\"", token.text, "\"");
  }
}

}  // namespace

Token ExpressionParser::Next() {
  Token token = Current();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool ExpressionParser::TakeOperator(absl::string_view text) {
  if (!IsAtOperator(text)) return false;
  Next();
  return true;
}

bool ExpressionParser::TakeName(absl::string_view text) {
  if (!IsAtName(text)) return false;
  Next();
  return true;
}

void ExpressionParser::ExpectOperator(absl::string_view text) {
  if (TakeOperator(text)) return;
  Fail(absl::StrCat("expected \"", text, "\", found ", Describe(Current())));
}

std::string ExpressionParser::ExpectName() {
  if (Current().kind == Token::Kind::kName) return Next().text;
  Fail(absl::StrCat("expected a name, found ", Describe(Current())));
  return "";
}

NodePtr ExpressionParser::Make(Kind kind) const {
  auto node = std::make_unique<Node>();
  node->kind = kind;
  node->line = Current().line;
  return node;
}

void ExpressionParser::Adopt(Node* parent, NodePtr child) {
  if (child != nullptr) {
    parent->depth = std::max(parent->depth, child->depth + 1);
    if (parent->depth > kMaxTreeDepth) {
      Fail(absl::StrCat("an expression has more than ", kMaxTreeDepth,
                        " operators in a row"));
    }
  }
  parent->children.push_back(std::move(child));
}

void ExpressionParser::Fail(absl::string_view what, absl::StatusCode code) {
  if (status_.ok()) {
    status_ =
        absl::Status(code, absl::StrCat("line ", Current().line, ": ", what));
  }
  at_ = tokens_.size() - 1;
}

NodePtr ExpressionParser::ParseTuple(bool has_condition) {
  NodePtr first = ParseExpression(has_condition);
  if (!IsAtOperator(",")) return first;
  NodePtr tuple = Make(Kind::kTuple);
  Adopt(tuple.get(), std::move(first));
  while (TakeOperator(",")) {
    const Token::Kind kind = Current().kind;
    if (kind == Token::Kind::kPrintEnd || kind == Token::Kind::kBlockEnd ||
        kind == Token::Kind::kEnd || IsAtOperator(")")) {
      break;
    }
    Adopt(tuple.get(), ParseExpression(has_condition));
  }
  return tuple;
}

NodePtr ExpressionParser::ParseExpression(bool has_condition) {
  if (++nesting_ > kMaxDepth) {
    Fail(absl::StrCat("nested deeper than ", kMaxDepth));
  }
  NodePtr node = has_condition ? ParseCondition() : ParseOr();
  --nesting_;
  return node;
}

NodePtr ExpressionParser::ParseCondition() {
  NodePtr node = ParseOr();
  while (IsAtName("if")) {
    NodePtr condition = Make(Kind::kCondition);
    Next();
    Adopt(condition.get(), ParseOr());
    Adopt(condition.get(), std::move(node));
    Adopt(condition.get(), TakeName("else") ? ParseExpression() : nullptr);
    node = std::move(condition);
  }
  return node;
}

NodePtr ExpressionParser::ParseOr() {
  NodePtr left = ParseAnd();
  while (IsAtName("or")) {
    NodePtr node = Make(Kind::kOr);
    Next();
    Adopt(node.get(), std::move(left));
    Adopt(node.get(), ParseAnd());
    left = std::move(node);
  }
  return left;
}

NodePtr ExpressionParser::ParseAnd() {
  NodePtr left = ParseNot();
  while (IsAtName("and")) {
    NodePtr node = Make(Kind::kAnd);
    Next();
    Adopt(node.get(), std::move(left));
    Adopt(node.get(), ParseNot());
    left = std::move(node);
  }
  return left;
}

NodePtr ExpressionParser::ParseNot() {
  if (!IsAtName("not")) return ParseCompare();
  NodePtr node = Make(Kind::kNot);
  Next();
  if (++nesting_ > kMaxDepth) {
    Fail(absl::StrCat("nested deeper than ", kMaxDepth));
  }
  Adopt(node.get(), ParseNot());
  --nesting_;
  return node;
}

NodePtr ExpressionParser::ParseCompare() {
  NodePtr first = ParseSum();
  NodePtr node;
  while (status_.ok()) {
    std::string op;
    for (absl::string_view known : {"==", "!=", "<", "<=", ">", ">="}) {
      if (IsAtOperator(known)) op = std::string(known);
    }
    if (IsAtName("in")) op = "in";
    const bool is_not_in = IsAtName("not") &&
                           Ahead().kind == Token::Kind::kName &&
                           Ahead().text == "in";
    if (is_not_in) op = "not in";
    if (op.empty()) break;
    if (node == nullptr) {
      node = Make(Kind::kCompare);
      Adopt(node.get(), std::move(first));
    }
    Next();
    if (is_not_in) Next();
    node->names.push_back(std::move(op));
    Adopt(node.get(), ParseSum());
  }
  return node != nullptr ? std::move(node) : std::move(first);
}

template <typename Parse>
NodePtr ExpressionParser::ParseChain(
    std::initializer_list<absl::string_view> operators, const Parse& parse) {
  NodePtr left = parse();
  while (status_.ok()) {
    const auto op =
        std::find_if(operators.begin(), operators.end(),
                     [this](absl::string_view o) { return IsAtOperator(o); });
    if (op == operators.end()) break;
    NodePtr node = Make(Kind::kBinary);
    node->name = Next().text;
    Adopt(node.get(), std::move(left));
    Adopt(node.get(), parse());
    left = std::move(node);
  }
  return left;
}

NodePtr ExpressionParser::ParseSum() {
  return ParseChain({"+", "-"}, [this] { return ParseConcat(); });
}

NodePtr ExpressionParser::ParseConcat() {
  NodePtr first = ParseProduct();
  if (!IsAtOperator("~")) return first;
  NodePtr node = Make(Kind::kConcat);
  Adopt(node.get(), std::move(first));
  while (TakeOperator("~")) Adopt(node.get(), ParseProduct());
  return node;
}

NodePtr ExpressionParser::ParseProduct() {
  return ParseChain({"*", "/", "//", "%"}, [this] { return ParsePower(); });
}

NodePtr ExpressionParser::ParsePower() {
  return ParseChain({"**"}, [this] { return ParseUnary(true); });
}

NodePtr ExpressionParser::ParseUnary(bool has_filter) {
  NodePtr node;
  if (IsAtOperator("-") || IsAtOperator("+")) {
    node = Make(IsAtOperator("-") ? Kind::kNegative : Kind::kPositive);
    Next();
    if (++nesting_ > kMaxDepth) {
      Fail(absl::StrCat("nested deeper than ", kMaxDepth));
    }
    Adopt(node.get(), ParseUnary(false));
    --nesting_;
  } else {
    node = ParsePrimary();
  }
  node = ParsePostfix(std::move(node));
  while (has_filter && status_.ok()) {
    if (IsAtOperator("|")) {
      node = ParseFilters(std::move(node));
    } else if (IsAtName("is")) {
      node = ParseTest(std::move(node));
    } else if (IsAtOperator("(")) {
      node = ParsePostfix(std::move(node));
    } else {
      break;
    }
  }
  return node;
}

NodePtr ExpressionParser::ParsePrimary() {
  NodePtr node = Make(Kind::kConstant);
  const Token token = Next();
  switch (token.kind) {
    case Token::Kind::kName:
      if (token.text == "true" || token.text == "True") {
        node->value = true;
      } else if (token.text == "false" || token.text == "False") {
        node->value = false;
      } else if (token.text == "none" || token.text == "None") {
        node->value = None();
      } else {
        node->kind = Kind::kName;
        node->name = token.text;
      }
      return node;
    case Token::Kind::kString: {
      std::string text = token.text;
      while (Current().kind == Token::Kind::kString) text += Next().text;
      node->value = std::make_shared<const Text>(Text::Own(text));
      return node;
    }
    case Token::Kind::kInt:
      node->value = token.integer;
      return node;
    case Token::Kind::kFloat:
      node->value = token.number;
      return node;
    default:
      break;
  }
  if (token.kind == Token::Kind::kOperator) {
    if (token.text == "[") return ParseList();
    if (token.text == "{") return ParseDict();
    if (token.text == "(") {
      if (TakeOperator(")")) {
        node->kind = Kind::kTuple;
        return node;
      }
      node = ParseTuple();
      ExpectOperator(")");
      return node;
    }
  }
  Fail(absl::StrCat("expected an expression, found ", Describe(token)));
  return node;
}

NodePtr ExpressionParser::ParseList() {
  NodePtr node = Make(Kind::kList);
  while (status_.ok() && !IsAtOperator("]")) {
    if (!node->children.empty()) ExpectOperator(",");
    if (IsAtOperator("]")) break;
    Adopt(node.get(), ParseExpression());
  }
  ExpectOperator("]");
  return node;
}

NodePtr ExpressionParser::ParseDict() {
  NodePtr node = Make(Kind::kDict);
  while (status_.ok() && !IsAtOperator("}")) {
    if (!node->children.empty()) ExpectOperator(",");
    if (IsAtOperator("}")) break;
    Adopt(node.get(), ParseExpression());
    ExpectOperator(":");
    Adopt(node.get(), ParseExpression());
  }
  ExpectOperator("}");
  return node;
}

NodePtr ExpressionParser::ParsePostfix(NodePtr node) {
  while (status_.ok()) {
    if (IsAtOperator(".") || IsAtOperator("[")) {
      node = ParseSubscript(std::move(node));
    } else if (IsAtOperator("(")) {
      NodePtr call = Make(Kind::kCall);
      Adopt(call.get(), std::move(node));
      ParseArguments(call.get());
      node = std::move(call);
    } else {
      break;
    }
  }
  return node;
}

NodePtr ExpressionParser::ParseSubscript(NodePtr object) {
  NodePtr node = Make(Kind::kItem);
  Adopt(node.get(), std::move(object));
  if (TakeOperator(".")) {
    if (Current().kind == Token::Kind::kInt) {
      Adopt(node.get(), ParsePrimary());
    } else {
      node->kind = Kind::kAttribute;
      node->name = ExpectName();
    }
    return node;
  }
  ExpectOperator("[");
  NodePtr parts[3];
  int count = 0;  // of colons
  while (status_.ok() && !IsAtOperator("]")) {
    if (TakeOperator(":")) {
      if (++count > 2) Fail("a slice has more than two \":\"");
    } else if (parts[count] == nullptr) {
      parts[count] = ParseExpression();
    } else {
      break;
    }
  }
  ExpectOperator("]");
  if (count == 0) {
    if (parts[0] == nullptr) Fail("expected an expression, found \"]\"");
    Adopt(node.get(), std::move(parts[0]));
    return node;
  }
  node->kind = Kind::kSlice;
  for (NodePtr& part : parts) Adopt(node.get(), std::move(part));
  return node;
}

void ExpressionParser::ParseArguments(Node* call) {
  ExpectOperator("(");
  while (status_.ok() && !IsAtOperator(")")) {
    if (IsAtOperator("*") || IsAtOperator("**")) {
      Fail("unpacking of arguments is not supported",
           absl::StatusCode::kUnimplemented);
    }
    if (Current().kind == Token::Kind::kName &&
        Ahead().kind == Token::Kind::kOperator && Ahead().text == "=") {
      call->names.push_back(Next().text);
      Next();
    } else if (!call->names.empty()) {
      Fail("a positional argument follows a named one");
    }
    Adopt(call, ParseExpression());
    if (!IsAtOperator(")")) ExpectOperator(",");
  }
  ExpectOperator(")");
}

NodePtr ExpressionParser::ParseFilters(NodePtr input) {
  while (TakeOperator("|")) {
    NodePtr node = Make(Kind::kFilter);
    Adopt(node.get(), std::move(input));
    node->name = ExpectName();
    if (IsAtOperator("(")) ParseArguments(node.get());
    input = std::move(node);
  }
  return input;
}

NodePtr ExpressionParser::ParseTest(NodePtr input) {
  NodePtr node = Make(Kind::kTest);
  Next();  // is
  const bool is_negated = TakeName("not");
  Adopt(node.get(), std::move(input));
  node->name = ExpectName();
  const Token::Kind kind = Current().kind;
  if (IsAtOperator("(")) {
    ParseArguments(node.get());
  } else if (kind == Token::Kind::kString || kind == Token::Kind::kInt ||
             kind == Token::Kind::kFloat || IsAtOperator("[") ||
             IsAtOperator("{") ||
             (kind == Token::Kind::kName && !IsAtName("else") &&
              !IsAtName("or") && !IsAtName("and"))) {
    if (IsAtName("is")) Fail("tests cannot be chained with \"is\"");
    // "x is defined if y": the argument would be the name "if", as in jinja2.
    Adopt(node.get(), ParsePostfix(ParsePrimary()));
  }
  if (!is_negated) return node;
  NodePtr negated = Make(Kind::kNot);
  Adopt(negated.get(), std::move(node));
  return negated;
}

}  // namespace r1::jinja
