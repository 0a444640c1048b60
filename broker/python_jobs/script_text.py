"""The text of a script: lines, a scan before any parser, positions of nodes, and what imported names stand for."""

import ast
import re
import unicodedata
from collections.abc import Iterator, Sequence

from broker.domain.errors import Refusal
from broker.policy.service_limits import ServiceLimits

LINE_END = re.compile(r"\r\n|\r|\n")
"""Python's own line ends. str.splitlines accepts more, and would number lines differently."""
_ENCODING_DECLARATION = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_HIDDEN = frozenset("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff") | frozenset(map(chr, range(0x202A, 0x202F)))
_BIDI = frozenset(map(chr, range(0x2066, 0x206A)))
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN_CONTROLS = "\t\n\r\f"


def lines_of(text: str) -> list[str]:
    return LINE_END.split(text)


def scan_text(text: str, limits: ServiceLimits) -> tuple[Refusal, ...]:
    """Reasons not to parse the text at all, at most one of each kind."""
    # surrogates are reported below, so the size must not fail on them
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > limits.text_bytes:
        message = f"The script has {size} bytes, but the limit is {limits.text_bytes}."
        return (Refusal("too-long", message, "Remove the parts that the job does not need."),)
    if not text.strip():
        return (Refusal("empty", "The script is empty.", "Write the text of the script."),)
    lines = lines_of(text)
    wrong = next(_surrogates(lines), None)
    if wrong is not None:
        return (Refusal("encoding", "The script is not valid UTF-8.", "Save the text as UTF-8.", *wrong),)
    checks = (_odd_characters(lines), _encoding_declaration(lines), _nesting(lines, limits.max_depth))
    return tuple(refusal for check in checks for refusal in check)


def _surrogates(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Positions of surrogates: bytes that are not UTF-8 arrive as these."""
    found = ((number, _SURROGATE.search(line)) for number, line in enumerate(lines, 1))
    return ((number, half.start() + 1) for number, half in found if half)


def _odd_characters(lines: list[str]) -> Iterator[Refusal]:
    """The first character that people and Python read differently."""
    for number, line in enumerate(lines, 1):
        for column, char in enumerate(line, 1):
            what = _character_fault(char)
            if what:
                message = f"The character U+{ord(char):04X} is {what}."
                yield Refusal("character", message, "Write the character as an escape, or remove it.", number, column)
                return


def _character_fault(char: str) -> str | None:
    """Why a character is refused; None if it is allowed. Letters that Python folds to ASCII could spell a name that
    nobody notices."""
    if char.isascii():
        return "a control character" if (char < " " or char == "\x7f") and char not in _PLAIN_CONTROLS else None
    if char in _HIDDEN or char in _BIDI:
        return "invisible"
    if unicodedata.normalize("NFKC", char).isascii() and f"a{char}".isidentifier():
        return "another spelling of an ASCII letter"
    return None


def _encoding_declaration(lines: list[str]) -> Iterator[Refusal]:
    """Refuse a declared encoding: Python could then read another text than the checked one."""
    for number, line in enumerate(lines[:2], 1):  # Python reads a declaration in the first two lines only
        found = _ENCODING_DECLARATION.match(line)
        if found and found[1].lower().replace("_", "-") not in {"utf-8", "utf8"}:
            message = f"The script declares the encoding {found[1]}, but is read as UTF-8."
            yield Refusal("encoding", message, "Remove the declaration.", number, found.start(1) + 1)


def _nesting(lines: list[str], max_depth: int) -> Iterator[Refusal]:
    """Depth of brackets, counted inside text literals too, where nobody nests that deeply."""
    depth = 0
    for number, line in enumerate(lines, 1):
        for column, char in enumerate(line, 1):
            if char in "([{":
                depth += 1
            elif char in ")]}":
                depth = max(0, depth - 1)  # surplus closing brackets must not make room for more
            if depth > max_depth:
                message = f"Brackets are nested more than {max_depth} levels deep."
                yield Refusal("nesting", message, "Split the expression.", number, column)
                return


NPD_LOAD = "npd.load"


def import_aliases(tree: ast.Module) -> dict[str, str]:
    """Dotted name by alias: `import npd as n` gives n: npd, `from npd import output` gives output: npd.output. `load`
    exists without an import. A name that the script binds itself is removed."""
    found = {"load": NPD_LOAD} | dict(_imported_names(tree))
    for name in _bound_names(tree):
        found.pop(name, None)
    return found


def dotted_name(node: ast.expr, aliases: dict[str, str]) -> str | None:
    """`n.output.table` as `npd.output.table`; None for anything but a path of imported names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in aliases:
        return None
    return ".".join([aliases[node.id], *reversed(parts)])


def named_modules(node: ast.AST) -> list[str]:
    """Modules that a statement imports, or from which it imports names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def module_names(tree: ast.Module) -> dict[str, str]:
    """Modules by the names that stand for them: `import os as o` gives o: os."""
    return dict(named for node in ast.walk(tree) for named in _aliases_in(node))


def _aliases_in(node: ast.AST) -> Iterator[tuple[str, str]]:
    for alias in node.names if isinstance(node, ast.Import) else ():
        top = alias.name.split(".")[0]  # `import a.b` binds the name a
        yield (alias.asname, alias.name) if alias.asname else (top, top)


def _imported_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        yield from _aliases_in(node)
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _bound_names(tree: ast.Module) -> Iterator[str]:
    """Names that anything but an import binds, anywhere in the script."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def node_position(node: ast.AST, lines: Sequence[str]) -> tuple[int | None, int | None]:
    """Line and column (from 1) of a node, in characters. Python counts bytes of UTF-8."""
    line, offset = getattr(node, "lineno", None), getattr(node, "col_offset", 0)
    if line is None or line > len(lines):
        return line, None
    return line, len(lines[line - 1].encode()[:offset].decode(errors="ignore")) + 1
