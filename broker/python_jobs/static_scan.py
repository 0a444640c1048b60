"""An early scan of a script's syntax tree. It reports what the sandbox would stop anyway."""

import ast
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from broker.domain.errors import Refusal
from broker.policy.service_limits import ServiceLimits
from broker.python_jobs.script_text import dotted_name, lines_of, module_names, named_modules, node_position, scan_text

# fmt: off
FORBIDDEN_MODULES = frozenset({
    "ctypes", "_ctypes", "cffi", "gc", "code", "codeop", "pty", "pdb", "bdb", "importlib", "imp", "runpy",
    "marshal", "pickle", "shelve", "dill", "cloudpickle", "builtins", "scipy.weave", "numpy.f2py",
    "numpy.distutils", "distutils", "scipy.LowLevelCallable",
})
_FORBIDDEN_NAMES = frozenset({
    "exec", "eval", "compile", "__import__", "__builtins__", "__loader__", "__spec__", "breakpoint",
    "globals",
})
_FRAME_ATTRIBUTES = frozenset({
    "tb_frame", "tb_next", "f_globals", "f_locals", "f_builtins", "f_back", "f_code", "gi_frame", "gi_code",
    "cr_frame", "ag_frame", "func_globals",
})
_ALLOWED_DUNDERS = frozenset({
    "__name__", "__init__", "__len__", "__str__", "__repr__", "__doc__", "__version__", "__file__",
    "__enter__", "__exit__", "__iter__", "__next__", "__call__", "__getitem__", "__setitem__",
    "__contains__", "__eq__", "__lt__", "__add__", "__post_init__", "__annotations__",
})
_FORBIDDEN_MEMBERS = {
    "os": frozenset({
        "system", "popen", "execl", "execle", "execlp", "execlpe", "execv", "execve", "execvp", "execvpe", "spawnl",
        "spawnle", "spawnlp", "spawnv", "spawnve", "spawnvp", "spawnvpe", "posix_spawn", "posix_spawnp",
    }),
    "sys": frozenset({"modules", "meta_path", "path_hooks", "_getframe", "settrace", "setprofile"}),
}
# fmt: on
_PICKLE_METHODS = frozenset({"read_pickle", "to_pickle"})
_MAX_EXPONENT = 4096
ForbiddenConstruct = tuple[str, str]


def forbidden_construct(node: ast.AST, modules: dict[str, str]) -> ForbiddenConstruct | None:
    """Code and message for a forbidden node; None if it is allowed. `modules` maps names to the modules that they stand
    for."""
    match node:
        case ast.Name(id=name) if name in _FORBIDDEN_NAMES:
            return ("name", f"You cannot use {name} in a job.")
        case ast.Attribute():
            return _attribute(node, modules)
        case ast.ImportFrom():
            return _import_from(node)
        case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
            return ("pickle", "You cannot read pickled objects, because they run code.")
        case ast.Constant(value=str(value)) if value.strip().lower().startswith("module://"):
            return ("backend", "A plotting backend cannot be loaded from a file.")
        case ast.BinOp(op=ast.Pow()) if _too_large(node):
            return ("constant", "This power of constants is too large to compute.")
    return None


def _attribute(node: ast.Attribute, modules: dict[str, str]) -> ForbiddenConstruct | None:
    name = node.attr
    if name in _FRAME_ATTRIBUTES or (name.startswith("__") and name.endswith("__") and name not in _ALLOWED_DUNDERS):
        return ("internals", f"You cannot use the attribute {name}, because it reaches into Python itself.")
    if name in _PICKLE_METHODS:
        return ("pickle", "You cannot read pickled objects, because they run code.")
    owner = modules.get(node.value.id) if isinstance(node.value, ast.Name) else None
    if owner in _FORBIDDEN_MEMBERS and name in _FORBIDDEN_MEMBERS[owner]:
        return ("module-member", f"You cannot use {owner}.{name} in a job.")
    return None


def _import_from(node: ast.ImportFrom) -> ForbiddenConstruct | None:
    module = node.module or ""
    if any(alias.name == "*" for alias in node.names):
        return ("star-import", f"from {module} import * hides which names the script uses.")
    wrong = [alias.name for alias in node.names if alias.name in _FORBIDDEN_MEMBERS.get(module, frozenset())]
    return ("module-member", f"You cannot use {module}.{wrong[0]} in a job.") if wrong else None


def _too_large(node: ast.BinOp) -> bool:
    """Whether a power of constants is too large, estimated from the written sizes without computing it."""
    base, power = node.left, node.right
    if isinstance(power, ast.BinOp) and isinstance(power.op, ast.Pow):  # a tower of powers grows too fast to estimate
        return _is_constant(power.left) and _is_constant(power.right)
    return (
        isinstance(base, ast.Constant)
        and isinstance(base.value, int)
        and isinstance(power, ast.Constant)
        and isinstance(power.value, int)
        and power.value > _MAX_EXPONENT
    )


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)


# fmt: off
NETWORK_MODULES = frozenset({
    "socket", "ssl", "http", "urllib", "urllib3", "requests", "httpx", "aiohttp", "ftplib", "smtplib",
    "poplib", "imaplib", "telnetlib", "xmlrpc", "socketserver",
})
PROCESS_MODULES = frozenset({"subprocess", "multiprocessing"})
_PROCESS_CALLS = frozenset({
    "os.fork", "os.forkpty", "os.kill", "os.killpg", "os.setsid", "os.nice", "signal.pthread_kill",
})
# fmt: on
_FILE_CALLS = frozenset(
    {
        "open",
        "to_csv",
        "to_json",
        "to_excel",
        "to_parquet",
        "savefig",
        "write_csv",
        "write_parquet",
        "sink_csv",
        "read_csv",
        "read_parquet",
        "read_json",
        "read_excel",
        "scan_parquet",
        "scan_csv",
        "read_table",
    }
)  # fmt: skip
_SANDBOX_FOLDERS = ("/data", "/out", "/tmp")  # noqa: S108  the sandbox's own folders


def outside_access_notes(node: ast.AST, modules: dict[str, str]) -> Iterator[str]:
    """Notes on what a node tries to access outside the sandbox. `modules` maps names to the modules that they stand
    for."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from _import_notes(node)
    elif isinstance(node, ast.Call):
        if dotted_name(node.func, modules) in _PROCESS_CALLS:
            yield (
                f"{ast.unparse(node.func)}() starts processes: the sandbox allows only a few, and they end with the "
                "job."
            )
        yield from _file_notes(node)


def _import_notes(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    named = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    for top in dict.fromkeys(name.split(".")[0] for name in named):
        if top in NETWORK_MODULES:
            yield f"The script imports {top}: the sandbox has no network."
        elif top in PROCESS_MODULES:
            yield f"The script imports {top}: the sandbox allows only a few processes, and they end with the job."


def _file_notes(call: ast.Call) -> Iterator[str]:
    """Notes on files that a literal names in a place where the sandbox has none."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if name not in _FILE_CALLS:
        return
    for path in [part.value for part in call.args[:1] if isinstance(part, ast.Constant)]:
        if not isinstance(path, str):
            continue
        if "://" in path:
            yield f"{name}() reads an address: the sandbox has no network."
        elif path.startswith("/") and not path.startswith(_SANDBOX_FOLDERS):
            yield (
                f"{name}() uses a file outside /data, /out and /tmp: the sandbox has none of the author's files there."
            )


NOT_NEEDED = "The sandbox would stop this: remove it."
_STANDARD_MODULES = sys.stdlib_module_names


@dataclass(frozen=True, slots=True)
class ScriptInspection:
    """Result of the scan: refusals, notes for the author and the checkers, and the tree, if there is one."""

    refusals: tuple[Refusal, ...]
    review: tuple[str, ...]
    tree: ast.Module | None = None


def inspect_script(text: str, limits: ServiceLimits) -> ScriptInspection:
    """Find everything that the text shows by itself. A text that cannot be scanned safely is not parsed."""
    before = scan_text(text, limits)
    if before:
        return ScriptInspection(before, ())
    tree = _parse(text)
    if isinstance(tree, Refusal):
        return ScriptInspection((tree,), ())
    lines, refusals, notes = lines_of(text), [], []
    modules, tried = module_names(tree), _tried_imports(tree)
    for node in ast.walk(tree):
        problem = forbidden_construct(node, modules)
        if problem is not None:
            refusals.append(_refusal(problem[0], problem[1], NOT_NEEDED, node, lines))
        refusals += _module_refusals(node, limits, tried, lines)
        notes += [_positioned_note(note, node, lines) for note in outside_access_notes(node, modules)]
    found = {(r.code, r.line, r.column): r for r in refusals}  # one refusal for each code and place
    ordered = tuple(sorted(found.values(), key=lambda r: (r.line or 0, r.column or 0)))
    return ScriptInspection(ordered, tuple(note for _, note in sorted(set(notes))), tree)


def _module_refusals(
    node: ast.AST, limits: ServiceLimits, tried: frozenset[int], lines: list[str]
) -> Iterator[Refusal]:
    """Refuse forbidden modules, and modules that the image lacks. An import inside `try` may fail, so a missing module
    is accepted there."""
    modules = named_modules(node)
    # imported names can be functions, so only the module is checked
    for module in modules:
        top = module.split(".")[0]
        held = top in _STANDARD_MODULES or top in limits.python_modules
        if not held and id(node) not in tried and not {module, top} & FORBIDDEN_MODULES:
            advice = "Remove it, or use a module of the image: docs/reference/python.md has the list."
            yield _refusal("module-missing", f"The image does not have the module {top}.", advice, node, lines)
    names = [alias.name for alias in node.names if alias.name != "*"] if isinstance(node, ast.ImportFrom) else []
    for module in (*modules, *(f"{module}.{name}" for module in modules for name in names)):
        if module in FORBIDDEN_MODULES or module.split(".")[0] in FORBIDDEN_MODULES:
            yield _refusal("module", f"You cannot use the module {module} in a job.", NOT_NEEDED, node, lines)


def _tried_imports(tree: ast.Module) -> frozenset[int]:
    """Imports in the body of a `try`, by node id."""
    bodies = [part for node in ast.walk(tree) if isinstance(node, ast.Try) for part in node.body]
    return frozenset(id(node) for part in bodies for node in ast.walk(part))


def _positioned_note(note: str, node: ast.AST, lines: list[str]) -> tuple[tuple[int, int], str]:
    line, column = node_position(node, lines)
    return (line or 0, column or 0), f"Line {line}, column {column}: {note}"


def _parse(text: str) -> ast.Module | Refusal:
    """Parse a script. ast.parse raises more than SyntaxError: for NUL, for numbers with too many digits, for depth."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        return Refusal(
            "syntax",
            f"This is not valid Python: {error.msg}.",
            "Correct the syntax.",
            error.lineno,
            error.offset or None,
        )
    except (ValueError, OverflowError, RecursionError, MemoryError):
        return Refusal(
            "syntax",
            "This script is too deeply nested, or has a number that is too long.",
            "Split the script into smaller functions.",
        )


def _refusal(code: str, message: str, advice: str, node: ast.AST, lines: list[str]) -> Refusal:
    return Refusal(code, message, advice, *node_position(node, lines))
