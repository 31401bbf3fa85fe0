"""The grammar, and syntax errors in words."""

from functools import cache

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from models.rulelang.errors import RuleError, either, quoted

GRAMMAR = r"""
?start: disjunction
?disjunction: conjunction (_OR conjunction)*
?conjunction: negation (_AND negation)*
?negation: NOT negation -> inverse
         | comparison
?comparison: sum (COMPARISON sum)*
           | sum NOT? _IN "{" _literal ("," _literal)* "}" -> membership
?sum: product ((PLUS | MINUS) product)*
?product: _atom ((STAR | SLASH) _atom)*
_atom: _literal | field | call | group
_literal: number | text | truth
number: [MINUS] NUMERIC
text: TEXT
truth: TRUE | FALSE
field: PATH ["[" TEXT "]" [_DOT PATH]]
call: PATH "(" disjunction ("," disjunction)* ")"
group: "(" disjunction ")"

_OR: "or"
_AND: "and"
NOT: "not"
_IN: "in"
TRUE: "true"
FALSE: "false"
PLUS: "+"
MINUS: "-"
STAR: "*"
SLASH: "/"
_DOT: "."
COMPARISON: /[=!<>]=|[<>]/
PATH: /[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*/
NUMERIC: /[0-9][0-9A-Za-z_]*(?:\.[0-9A-Za-z_]+)?/
TEXT: /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/
%ignore /[ \t\r\n]+/
%ignore /#[^\n]*/
"""
_VALUE = {"PATH", "NUMERIC"}
_WORDS = {
    "PATH": "a name",
    "NUMERIC": "a number or duration",
    "TEXT": "a text",
    "_AND": "'and'",
    "_OR": "'or'",
    "_IN": "'in'",
    "COMMA": "','",
    "LPAR": "'('",
    "RPAR": "')'",
    "LBRACE": "'{'",
    "RBRACE": "'}'",
    "RSQB": "']'",
    "$END": "the end",
}
_HINTS = {
    "=": "write == to compare",
    "!": "write not",
    "&": "write and",
    "|": "write or",
    "\\": "only texts have escapes",
    **dict.fromkeys("\u201c\u201d\u2018\u2019", "write straight quotes"),
    **dict.fromkeys("\uff0c\uff08\uff09", "write , ( and ) of ASCII"),
    **dict.fromkeys(
        "$\u20ac\u00a3\u00a5%", "amounts are plain numbers of minor units, shares go from 0 to 1"
    ),
}


@cache
def _lark() -> Lark:
    # The basic lexer: what a word is does not depend on where it stands, and errors are easy to explain.
    return Lark(GRAMMAR, parser="lalr", lexer="basic", propagate_positions=True, maybe_placeholders=False)


def tree_of(text: str) -> Tree[Token]:
    """The syntax of a rule.

    Raises:
        RuleError: there is none.
    """
    try:
        return _lark().parse(text)
    except UnexpectedCharacters as error:
        raise RuleError(_foreign(error.char), error.line, error.column) from None
    except UnexpectedToken as error:
        token = error.token
        if token.type == "$END":
            if not token.end_column:
                raise RuleError("the rule is empty", 1, 1) from None
            line, column = token.end_line or 1, token.end_column
            raise RuleError(f"expected {_expected(error)}, found the end", line, column) from None
        hint = f": write {token.lower()}" if token.lower() in {"and", "or", "not", "in"} - {token} else ""
        message = f"expected {_expected(error)}, found {quoted(token)}{hint}"
        raise RuleError(message, error.line, error.column) from None


def _foreign(char: str) -> str:
    if char in "\"'":
        return "the text has no closing quote in its line"
    hint = _HINTS.get(char)
    return f"{quoted(char)} has no meaning here" + (f": {hint}" if hint else "")


def _expected(error: UnexpectedToken) -> str:
    accepted = set(error.accepts or error.expected)
    words = []
    if accepted >= _VALUE:
        words.append("a condition" if "NOT" in accepted else "a value")
        accepted -= {"PATH", "NUMERIC", "TEXT", "LPAR"}
    elif "COMPARISON" in accepted:
        words.append("an operator")
        accepted -= {"_AND", "_OR", "_IN", "LPAR"}
    words += [word for name, word in _WORDS.items() if name in accepted]
    return either(words)
