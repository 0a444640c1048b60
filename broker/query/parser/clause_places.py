"""Places of clauses in a text, by its tokens alone: where a condition or a key can be added to a SELECT."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from broker.query.dialects.base import Dialect
from broker.query.parser.scanner import IGNORED, Token, lex

SET_WORDS = frozenset({"union", "except", "intersect"})
ENDS = SET_WORDS | frozenset(
    ["go", "insert", "drop", "create", "declare", "update", "delete", "truncate", "print", "if", "while", "begin"]
)
"""Words at the level of a SELECT that end it."""
AFTER_WHERE = frozenset(["group", "having", "order", "qualify", "window", "limit", "offset", "fetch", "option"])
JOINS = frozenset(["join", "inner", "left", "right", "full", "cross", "outer", "semi", "anti", "hash", "loop", "merge"])
OUTER = frozenset(["right", "full"])
NO_ALIAS = frozenset(["as", "with", "nolock"])


@dataclass(slots=True, eq=False)
class SelectText:
    """One SELECT of a text. `tokens` are those of its own level, without blanks and comments."""

    around: "SelectText | None"
    tokens: list[Token] = field(default_factory=list)
    end: int = 0

    @property
    def start(self) -> int:
        return self.tokens[0].start

    def place_of(self, words: frozenset[str], after: int = 0) -> int | None:
        """Number of the first token from `after` on that is one of some words."""
        return next((n for n, t in enumerate(self.tokens) if n >= after and t.word in words), None)


@dataclass(frozen=True, slots=True)
class Insertion:
    """What to add to a text at an offset, or instead of the piece from `start` to `end`."""

    start: int
    end: int
    text: str


class ClausePlaces:
    """The SELECTs of one text, and where a clause can be added to each. Line and column count from 1."""

    def __init__(self, text: str, dialect: Dialect) -> None:
        self._text = text
        self._starts = [0] + [i + 1 for i, c in enumerate(text) if c == "\n"]
        self._selects = selects_of(text, dialect)

    def _offset(self, line: int | None, column: int | None) -> int:
        return self._starts[(line or 1) - 1] + (column or 1) - 1

    def position_at(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def select_of(self, line: int | None, column: int | None) -> int | None:
        """Number of the innermost SELECT at a position."""
        found = select_at(self._selects, self._offset(line, column))
        return None if found is None else self._selects.index(found)

    def keys(self, number: int, positions: Sequence[tuple[int, int]]) -> Insertion | None:
        """Where the columns at some positions of a SELECT can be added to its GROUP BY."""
        select = self._selects[number]
        columns = [listed_column(self._text, select, self._offset(*one)) for one in positions]
        keys = list(dict.fromkeys(filter(None, columns)))
        return None if None in columns else added_keys(self._text, select, keys)

    def condition(self, line: int | None, column: int | None, table: str, condition: str) -> Insertion | None:
        """Where a condition on a table can be added, of which a column is at a position."""
        offset = self._offset(line, column)
        select = select_at(self._selects, offset)
        return None if select is None else added_condition(self._text, select, table, offset, condition)


def selects_of(text: str, dialect: Dialect) -> list[SelectText]:
    """Every SELECT of a text, the outer ones first."""
    found: list[SelectText] = []
    levels: list[SelectText | None] = [None]
    for token in (t for t in lex(text, dialect) if t.kind not in IGNORED):
        if token.word == ")" and len(levels) > 1:
            levels.pop()
        if token.word == ";" or token.word in ENDS:
            levels[-1] = None
        if token.word == "select":
            around = next((one for one in reversed(levels[:-1]) if one is not None), None)
            found.append(SelectText(around))
            levels[-1] = found[-1]
        for one in filter(None, levels):
            one.end = token.end
        if levels[-1] is not None:
            levels[-1].tokens.append(token)
        if token.word == "(":
            levels.append(None)
    return found


def select_at(selects: Sequence[SelectText], offset: int) -> SelectText | None:
    """The innermost SELECT at an offset."""
    around = [one for one in selects if one.start <= offset < one.end]
    return around[-1] if around else None


def added_condition(text: str, select: SelectText, table: str, offset: int, condition: str) -> Insertion | None:
    """Where a condition on a table can be added, so that it applies to the rows of the table alone. `offset`: of a
    column of the table. `condition` begins with a column. None if the place is not certain."""
    at = _alias_at(text, offset)
    for one in _around(select):
        items = list(_sources(text, one))
        mine = [i for i in items if (i.alias == at if at else i.name == table.casefold())]
        if len(mine) == 1 and not any(i.is_outer for i in items):
            written = f"{mine[0].written}.{condition}" if len(items) > 1 or at else condition
            return _added_to(text, one, mine[0], written)
        if at is None:
            break
    return None


def _around(select: SelectText | None) -> Iterator[SelectText]:
    while select is not None:
        yield select
        select = select.around


def _alias_at(text: str, offset: int) -> str | None:
    """The alias before the column at an offset, case-folded."""
    end = offset
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    return text[offset:end].casefold() if text[end : end + 1] == "." else None


@dataclass(frozen=True, slots=True)
class _Source:
    """A table in FROM. `on`: number of the token ON of a LEFT JOIN, which alone may have a condition on its table."""

    name: str
    alias: str
    written: str
    on: int | None
    is_outer: bool


def _sources(text: str, select: SelectText) -> Iterator[_Source]:
    start = select.place_of(frozenset({"from"}))
    if start is None:
        return
    end = select.place_of(AFTER_WHERE | {"where"}, start)
    tokens, first, before = select.tokens[: end or len(select.tokens)], start + 1, set[str]()
    for number in range(start + 1, len(tokens) + 1):
        is_end = number == len(tokens) or tokens[number].word in {"join", ",", "apply"}
        if not is_end:
            continue
        found = _source(text, tokens, first, number, before)
        if found is not None:
            yield found
        before = {t.word for t in tokens[max(first, number - 3) : number] if t.word in JOINS}
        first = number + 1


def _source(text: str, tokens: Sequence[Token], first: int, end: int, before: set[str]) -> _Source | None:
    on = next((n for n in range(first, end) if tokens[n].word == "on"), None)
    stop = on or next((n for n in range(first, end) if tokens[n].word in JOINS), end)
    words = [t for t in tokens[first:stop] if t.kind in {"word", "name"} and t.word not in NO_ALIAS]
    dots = sum(t.word == "." for t in tokens[first:stop])
    if not words:
        return None
    name, alias = words[min(dots, len(words) - 1)], words[-1]
    written = text[alias.start : alias.end]
    return _Source(
        text[name.start : name.end].strip('[]"').casefold(), written.strip('[]"').casefold(), written,
        on if "left" in before else None, bool(before & OUTER),
    )  # fmt: skip


def _added_to(text: str, select: SelectText, source: _Source, condition: str) -> Insertion:
    where = source.on if source.on is not None else select.place_of(frozenset({"where"}))
    if where is None:
        end = select.place_of(AFTER_WHERE)
        last = select.end if end is None else _end_of(text, select.tokens[end].start)
        return Insertion(last, last, f" WHERE {condition}")
    stops = AFTER_WHERE | (JOINS | {"where", ","} if source.on is not None else frozenset())
    end = select.place_of(stops, where + 1)
    start = select.tokens[where + 1].start
    last = select.end if end is None else _end_of(text, select.tokens[end].start)
    if any(t.word == "or" for t in select.tokens[where + 1 : end]):
        return Insertion(start, last, f"{condition} AND ({text[start:last]})")
    return Insertion(start, start, f"{condition} AND ")


def _end_of(text: str, offset: int) -> int:
    """Offset after the last character before an offset that is no blank."""
    return len(text[:offset].rstrip())


def added_keys(text: str, select: SelectText, keys: Sequence[str]) -> Insertion | None:
    """Where keys can be added to GROUP BY. None if it has sets of keys."""
    group = select.place_of(frozenset({"group"}))
    if group is None:
        end = select.place_of(AFTER_WHERE)
        last = select.end if end is None else _end_of(text, select.tokens[end].start)
        return Insertion(last, last, f" GROUP BY {', '.join(keys)}")
    if select.tokens[group + 2].word in {"all", "rollup", "cube", "grouping", "("}:
        return None
    start = select.tokens[group + 2].start
    return Insertion(start, start, "".join(f"{key}, " for key in keys))


def listed_column(text: str, select: SelectText, offset: int) -> str | None:
    """The column at an offset, as written, if it is an item of the SELECT list by itself."""
    numbers = [n for n, t in enumerate(select.tokens) if t.start == offset]
    if not numbers or select.tokens[numbers[0] - 1].word not in {"select", ",", "distinct"}:
        return None
    end = numbers[0]
    while end + 2 < len(select.tokens) and select.tokens[end + 1].word == ".":
        end += 2
    after = select.tokens[end + 1] if end + 1 < len(select.tokens) else None
    is_item = after is None or after.word in {",", "from"} or after.kind in {"word", "name"}
    return text[offset : select.tokens[end].end] if is_item else None
