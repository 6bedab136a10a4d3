// Builds the tree of a template.
// Source: jinja2 3.1, parser.py.
#ifndef R1_MODEL_JINJA_PARSER_H_
#define R1_MODEL_JINJA_PARSER_H_

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/jinja/ast.h"
#include "model/jinja/lexer.h"

namespace r1::jinja {

// Errors: InvalidArgument "line N: what"; for statements that are not
// supported (import, include, extends, block, call) Unimplemented, by name.
absl::StatusOr<std::vector<NodePtr>> ParseTemplate(absl::string_view source);

// Expressions; statements build on it. After the first fault, which sticks,
// every token is the end.
class ExpressionParser {
 protected:
  explicit ExpressionParser(std::vector<Token> tokens)
      : tokens_(std::move(tokens)) {}

  // An expression, or several with commas: a tuple.
  NodePtr ParseTuple(bool has_condition = true);
  NodePtr ParseExpression(bool has_condition = true);
  // `| name(arguments)`, once or more.
  NodePtr ParseFilters(NodePtr input);
  void ParseArguments(Node* call);

  const Token& Current() const { return tokens_[at_]; }
  const Token& Ahead() const {
    return tokens_[std::min(at_ + 1, tokens_.size() - 1)];
  }
  Token Next();
  bool IsAt(Token::Kind kind, absl::string_view text) const {
    return Current().kind == kind && Current().text == text;
  }
  bool IsAtOperator(absl::string_view text) const {
    return IsAt(Token::Kind::kOperator, text);
  }
  bool IsAtName(absl::string_view text) const {
    return IsAt(Token::Kind::kName, text);
  }
  bool TakeOperator(absl::string_view text);
  bool TakeName(absl::string_view text);
  void ExpectOperator(absl::string_view text);
  std::string ExpectName();

  NodePtr Make(Node::Kind kind) const;
  // Adds a child and takes over its depth.
  void Adopt(Node* parent, NodePtr child);
  void Fail(absl::string_view what,
            absl::StatusCode code = absl::StatusCode::kInvalidArgument);

  absl::Status status_;
  int nesting_ = 0;  // of parentheses and blocks

 private:
  NodePtr ParseCondition();
  NodePtr ParseOr();
  NodePtr ParseAnd();
  NodePtr ParseNot();
  NodePtr ParseCompare();
  NodePtr ParseSum();
  NodePtr ParseConcat();
  NodePtr ParseProduct();
  NodePtr ParsePower();
  NodePtr ParseUnary(bool has_filter);
  NodePtr ParsePrimary();
  NodePtr ParsePostfix(NodePtr node);
  NodePtr ParseSubscript(NodePtr object);
  NodePtr ParseTest(NodePtr input);
  NodePtr ParseList();
  NodePtr ParseDict();
  // left op right, for a chain of operators of one rank.
  template <typename Parse>
  NodePtr ParseChain(std::initializer_list<absl::string_view> operators,
                     const Parse& parse);

  std::vector<Token> tokens_;
  size_t at_ = 0;
};

}  // namespace r1::jinja

#endif  // R1_MODEL_JINJA_PARSER_H_
