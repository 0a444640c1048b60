"""Tokens to statements. T-SQL needs no semicolons: a word that can only begin a statement begins one, except where the
grammar goes on with it. Nothing here judges a statement."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from broker.query.refusing import Report
from broker.query.text.lexing import Token
from broker.query.text.looks import Look

BEGINS = frozenset({
    "alter", "backup", "begin", "break", "bulk", "close", "commit", "continue", "create", "dbcc", "deallocate",
    "declare", "delete", "deny", "drop", "else", "end", "exec", "execute", "fetch", "goto", "grant", "if", "insert",
    "kill", "merge", "open", "print", "raiserror", "reconfigure", "restore", "return", "revert", "revoke", "rollback",
    "save", "select", "set", "shutdown", "truncate", "update", "use", "waitfor", "while", "with",
})  # fmt: skip
"""Words that T-SQL reserves and that begin statements."""
NOT_AFTER: dict[str, frozenset[str]] = {
    "select": frozenset({"union", "all", "except", "intersect", "for"}),
    "if": frozenset({"table", "index", "view", "procedure", "proc", "function", "schema", "database"}),
    "fetch": frozenset({"row", "rows"}),
    "alter": frozenset({"or"}),
    "set": frozenset({"update"}),
    **dict.fromkeys(("update", "delete", "insert"), frozenset({"then", "for"})),
}
"""A word goes on with the statement if it stands after one of these."""
AFTER_WITH = frozenset({"select", "insert", "update", "delete", "merge"})
BODIES = frozenset({"select", "exec", "execute"})
GUARD = ("if", "object_id", "(", None, ")", "is", "not", "null")
"""How `IF OBJECT_ID('tempdb..#t') IS NOT NULL` reads; None is a literal."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The tokens of one statement, and the number of the batch (between GO lines) that it stands in."""

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
class Pieces:
    """The statements in their order, and where GO lines stand."""

    statements: tuple[Piece, ...]
    goes: frozenset[int]


class Statement:
    """A statement that is being read."""

    def __init__(self) -> None:
        self.tokens: list[Token] = []
        self.verb = ""
        self.has_body = self.has_set = False
        self.open = self.cases = 0

    def add(self, token: Token) -> None:
        word = token.word
        if not self.tokens or (self.verb == "with" and not self.open and word in AFTER_WITH):
            self.verb = word
        elif word in BODIES or word == "values":
            self.has_body = True
        self.has_set = self.has_set or word == "set"
        self.open = max(0, self.open + (word == "(") - (word == ")"))
        self.cases = max(0, self.cases + (word == "case") - (word == "end"))
        self.tokens.append(token)

    def piece(self, batch: int) -> Piece:
        return Piece(tuple(self.tokens), tuple(t.word for t in self.tokens), batch)

    def ends_before(self, token: Token, after: str, after_that: str) -> bool:
        """Whether this token begins the next statement."""
        word, before = token.word, self.tokens[-1].word
        if word not in BEGINS or self.open or self.cases or before == "." or before in NOT_AFTER.get(word, ()):
            return False
        if word == "with":
            return after != "(" and not (after in {"ties", "rollup", "cube"} and after_that != "as")
        goes_on = (
            (self.verb == "with" and word in AFTER_WITH)
            or (self.verb == "insert" and word in BODIES and not self.has_body)
            or (self.verb == "update" and word == "set" and not self.has_set)
            or (self.verb in {"create", "alter"} and before == "as")
            or (word == "merge" and after in {"join", "union"})
            or (word == "drop" and is_guard(self.tokens))
        )
        return not goes_on


def is_guard(tokens: Sequence[Token]) -> bool:
    """The one IF that everybody writes: whether a temporary table is there, before it is dropped."""
    seen = [t for i, t in enumerate(tokens) if not (i == 3 and t.word == "n")]
    if [t.word for t in seen[4:6]] == [",", ""]:
        del seen[4:6]
    if len(seen) != len(GUARD):
        return False
    return all(t.kind == "string" if w is None else t.word == w for t, w in zip(seen, GUARD, strict=True))


def split(look: Look, dialect: str, report: Report) -> Pieces:
    """The statements of a text. DuckDB ends them with semicolons only."""
    statements: list[Piece] = []
    goes: set[int] = set()
    current, batch = Statement(), 0
    for token, after, after_that in _with_next(look.tokens):
        if token.start in goes:
            continue
        go = _go_line(token, after, look, report) if dialect == "tsql" and token.word == "go" else []
        begins = dialect == "tsql" and current.tokens and current.ends_before(token, after.word, after_that.word)
        if (go or begins or token.word == ";") and current.tokens:
            statements.append(current.piece(batch))
            current = Statement()
        if go:
            goes.update(go)
            batch += 1
        elif token.word != ";":
            current.add(token)
    if current.tokens:
        statements.append(current.piece(batch))
    return Pieces(tuple(statements), frozenset(goes))


def _with_next(tokens: Sequence[Token]) -> Iterator[tuple[Token, Token, Token]]:
    none = Token("other", 0, 0, "")
    padded = [*tokens, none, none]
    yield from zip(tokens, padded[1:], padded[2:], strict=False)


def _go_line(go: Token, after: Token, look: Look, report: Report) -> list[int]:
    """Where the words of a GO line start, if GO stands alone on its line, or only with a count."""
    line = look.text.rfind("\n", 0, go.start) + 1
    if look.bare[line : go.start].strip():
        return []
    alone = not look.text[line : go.start].strip()
    same_line = after.start > go.start and "\n" not in look.bare[go.end : after.start]
    if alone and same_line and after.kind == "number":
        if look.text[after.start : after.end] != "1":
            report.add("go", "GO with a count repeats a batch.", "Write GO alone.", report.at(go.start))
        return [go.start, after.start]
    if same_line or not alone:
        report.add("go", "GO does not stand alone on its line.", "Put GO alone on a line.", report.at(go.start))
    return [go.start]


def canonical_text(look: Look, pieces: Pieces) -> str:
    """The tokens of the text, with the lines that may name an output and with GO on lines of their own; every other
    run of blanks and comments is one blank. Made from tokens, since a generator of SQL changes what it writes."""
    inside = [(p.start, p.end) for p in pieces.statements]
    labels = [(s, s, f"-- output: {n}", True) for s, n in ((m.start, m.name) for m in look.labels)]
    lines = [label for label in labels if not any(a < label[0] < b for a, b in inside)]
    counts = {t.start for t in look.tokens if t.kind == "number"} & pieces.goes
    words = [
        (t.start, t.end, look.text[t.start : t.end], t.start in pieces.goes)
        for t in look.tokens
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


def by_itself(look: Look, pieces: Sequence[Piece]) -> str:
    """Some statements of a text as a text of their own, with GO lines where batches end."""
    written, batch = "", pieces[0].batch
    for piece in pieces:
        written += (";\n" if piece.batch == batch else "\nGO\n") if written else ""
        batch = piece.batch
        end = piece.start
        for token in piece.tokens:
            written += (" " if token.start > end else "") + look.text[token.start : token.end]
            end = token.end
    return written
