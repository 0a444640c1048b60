"""Splits tokens into statements. T-SQL needs no semicolons: a word that can only begin a statement begins one, unless
the grammar continues the statement with it. This module does not judge statements."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from broker.query.diagnostics import Diagnostics
from broker.query.dialects.base import Dialect
from broker.query.parser.scanner import ScannedText, Token

STATEMENT_WORDS = frozenset({
    "alter", "backup", "begin", "break", "bulk", "close", "commit", "continue", "create", "dbcc", "deallocate",
    "declare", "delete", "deny", "drop", "else", "end", "exec", "execute", "fetch", "goto", "grant", "if", "insert",
    "kill", "merge", "open", "print", "raiserror", "reconfigure", "restore", "return", "revert", "revoke", "rollback",
    "save", "select", "set", "shutdown", "truncate", "update", "use", "waitfor", "while", "with",
})  # fmt: skip
"""Reserved words of T-SQL that begin statements."""
CONTINUES_AFTER: dict[str, frozenset[str]] = {
    "select": frozenset({"union", "all", "except", "intersect", "for"}),
    "if": frozenset({"table", "index", "view", "procedure", "proc", "function", "schema", "database"}),
    "fetch": frozenset({"row", "rows"}),
    "alter": frozenset({"or"}),
    "set": frozenset({"update"}),
    **dict.fromkeys(("update", "delete", "insert"), frozenset({"then", "for"})),
}
"""A word continues the statement if it follows one of these."""
AFTER_WITH = frozenset({"select", "insert", "update", "delete", "merge"})
BODIES = frozenset({"select", "exec", "execute"})


@dataclass(frozen=True, slots=True)
class StatementTokens:
    """The tokens of one statement, and the number of its batch (between GO lines)."""

    tokens: tuple[Token, ...]
    words: tuple[str, ...]
    batch: int

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def end(self) -> int:
        return self.tokens[-1].end


@dataclass(frozen=True, slots=True)
class StatementList:
    """The statements in their order, and the offsets of the words of GO lines."""

    statements: tuple[StatementTokens, ...]
    go_tokens: frozenset[int]


class StatementBuilder:
    """A statement that is being read."""

    def __init__(self) -> None:
        self.tokens: list[Token] = []
        self.verb = ""
        self.has_body = self.has_set = False
        self.open = self.cases = 0

    def add(self, token: Token) -> None:
        word = token.word
        # the verb of WITH … SELECT follows the CTEs
        if not self.tokens or (self.verb == "with" and not self.open and word in AFTER_WITH):
            self.verb = word
        elif word in BODIES or word == "values":
            self.has_body = True
        self.has_set = self.has_set or word == "set"
        # unbalanced brackets must not make the depth negative
        self.open = max(0, self.open + (word == "(") - (word == ")"))
        self.cases = max(0, self.cases + (word == "case") - (word == "end"))
        self.tokens.append(token)

    def build(self, batch: int) -> StatementTokens:
        return StatementTokens(tuple(self.tokens), tuple(t.word for t in self.tokens), batch)

    def ends_before(self, token: Token, after: str, after_that: str) -> bool:
        """Whether this token begins the next statement."""
        word, before = token.word, self.tokens[-1].word
        if (
            word not in STATEMENT_WORDS
            or self.open
            or self.cases
            or before == "."  # after a dot, a word is a name
            or before in CONTINUES_AFTER.get(word, ())
        ):
            return False
        if word == "with":
            # hints, TIES, ROLLUP and CUBE continue the statement
            return after != "(" and not (after in {"ties", "rollup", "cube"} and after_that != "as")
        goes_on = (
            (self.verb == "with" and word in AFTER_WITH)
            or (self.verb == "insert" and word in BODIES and not self.has_body)
            or (self.verb == "update" and word == "set" and not self.has_set)
            or (self.verb in {"create", "alter"} and before == "as")
            or (word == "merge" and after in {"join", "union"})
        )
        return not goes_on


def split_statements(scanned: ScannedText, dialect: Dialect, diagnostics: Diagnostics) -> StatementList:
    """Split a text into statements. In a dialect without batches, only semicolons end them."""
    statements: list[StatementTokens] = []
    goes: set[int] = set()
    current, batch = StatementBuilder(), 0
    for token, after, after_that in _with_following(scanned.tokens):
        if token.start in goes:
            continue
        go = _go_line(token, after, scanned, diagnostics) if dialect.has_batches and token.word == "go" else []
        begins = dialect.has_batches and current.tokens and current.ends_before(token, after.word, after_that.word)
        if (go or begins or token.word == ";") and current.tokens:
            statements.append(current.build(batch))
            current = StatementBuilder()
        if go:
            goes.update(go)
            batch += 1
        elif token.word != ";":
            current.add(token)
    if current.tokens:
        statements.append(current.build(batch))
    return StatementList(tuple(statements), frozenset(goes))


def _with_following(tokens: Sequence[Token]) -> Iterator[tuple[Token, Token, Token]]:
    none = Token("other", 0, 0, "")
    padded = [*tokens, none, none]
    yield from zip(tokens, padded[1:], padded[2:], strict=False)


def _go_line(go: Token, after: Token, scanned: ScannedText, diagnostics: Diagnostics) -> list[int]:
    """Offsets of the words of a GO line, which may have a count. Empty if GO is not at the start of a line."""
    line = scanned.text.rfind("\n", 0, go.start) + 1
    if scanned.bare[line : go.start].strip():
        return []
    alone = not scanned.text[line : go.start].strip()
    same_line = after.start > go.start and "\n" not in scanned.bare[go.end : after.start]
    if alone and same_line and after.kind == "number":
        if scanned.text[after.start : after.end] != "1":
            diagnostics.add("go", "GO with a count repeats a batch.", "Write GO alone.", go.start)
        return [go.start, after.start]
    if same_line or not alone:
        diagnostics.add("go", "GO is not alone on its line.", "Put GO alone on a line.", go.start)
    return [go.start]


def canonical_text(scanned: ScannedText, statements: StatementList) -> str:
    """Text of the tokens, with output labels and GO on lines of their own. Every other run of blanks and comments
    becomes one blank. It is built from tokens, because a SQL generator would change the text."""
    inside = [(p.start, p.end) for p in statements.statements]
    labels = [(s, s, f"-- output: {n}", True) for s, n in ((m.start, m.name) for m in scanned.labels)]
    lines = [label for label in labels if not any(a < label[0] < b for a, b in inside)]
    counts = {t.start for t in scanned.tokens if t.kind == "number"} & statements.go_tokens
    words = [
        (t.start, t.end, scanned.text[t.start : t.end], t.start in statements.go_tokens)
        for t in scanned.tokens
        if t.start not in counts
    ]
    written: list[str] = []
    end, was_line = 0, False
    for start, stop, piece, is_line in sorted(words + lines):
        if written:
            written.append("\n" if is_line or was_line else " " if start > end else "")
        written.append(piece)
        end, was_line = stop, is_line
    return "".join(written)


def standalone_text(scanned: ScannedText, statements: Sequence[StatementTokens]) -> str:
    """Some statements of a text as a text of their own, with GO lines where batches end."""
    written, batch = "", statements[0].batch
    for statement in statements:
        written += (";\n" if statement.batch == batch else "\nGO\n") if written else ""
        batch = statement.batch
        end = statement.start
        for token in statement.tokens:
            written += (" " if token.start > end else "") + scanned.text[token.start : token.end]
            end = token.end
    return written
