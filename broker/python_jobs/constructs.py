"""What a job's syntax may not hold, one node at a time: lists and the questions asked of a node. No walk, no text."""

import ast

# fmt: off
FORBIDDEN_MODULES = frozenset({
    "ctypes", "_ctypes", "cffi", "gc", "code", "codeop", "pty", "pdb", "bdb", "importlib", "imp", "runpy",
    "marshal", "pickle", "shelve", "dill", "cloudpickle", "builtins", "scipy.weave", "numpy.f2py",
    "numpy.distutils", "distutils", "scipy.LowLevelCallable",
})
_NAMES = frozenset({
    "exec", "eval", "compile", "__import__", "__builtins__", "__loader__", "__spec__", "breakpoint",
    "globals",
})
_FRAMES = frozenset({
    "tb_frame", "tb_next", "f_globals", "f_locals", "f_builtins", "f_back", "f_code", "gi_frame", "gi_code",
    "cr_frame", "ag_frame", "func_globals",
})
_FINE_DUNDERS = frozenset({
    "__name__", "__init__", "__len__", "__str__", "__repr__", "__doc__", "__version__", "__file__",
    "__enter__", "__exit__", "__iter__", "__next__", "__call__", "__getitem__", "__setitem__",
    "__contains__", "__eq__", "__lt__", "__add__", "__post_init__", "__annotations__",
})
_OF_MODULES = {
    "os": frozenset({
        "system", "popen", "execl", "execle", "execlp", "execlpe", "execv", "execve", "execvp", "execvpe", "spawnl",
        "spawnle", "spawnlp", "spawnv", "spawnve", "spawnvp", "spawnvpe", "posix_spawn", "posix_spawnp",
    }),
    "sys": frozenset({"modules", "meta_path", "path_hooks", "_getframe", "settrace", "setprofile"}),
}
# fmt: on
_PICKLES = frozenset({"read_pickle", "to_pickle"})
_MOST_POWER = 4096
Problem = tuple[str, str]


def problem_of(node: ast.AST, modules: dict[str, str]) -> Problem | None:
    """Code and sentence for a node that is refused. `modules` maps names to the modules that they stand for."""
    match node:
        case ast.Name(id=name) if name in _NAMES:
            return ("name", f"{name} is not available to jobs.")
        case ast.Attribute():
            return _attribute(node, modules)
        case ast.ImportFrom():
            return _import_from(node)
        case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
            return ("pickle", "Pickled objects are not read: they run code.")
        case ast.Constant(value=str(value)) if value.strip().lower().startswith("module://"):
            return ("backend", "A plotting backend cannot be loaded from a file.")
        case ast.BinOp(op=ast.Pow()) if _too_large(node):
            return ("constant", "This power of constants is too large to be computed.")
    return None


def _attribute(node: ast.Attribute, modules: dict[str, str]) -> Problem | None:
    name = node.attr
    if name in _FRAMES or (name.startswith("__") and name.endswith("__") and name not in _FINE_DUNDERS):
        return ("internals", f"The attribute {name} reaches into Python itself and is not available to jobs.")
    if name in _PICKLES:
        return ("pickle", "Pickled objects are not read: they run code.")
    owner = modules.get(node.value.id) if isinstance(node.value, ast.Name) else None
    if owner in _OF_MODULES and name in _OF_MODULES[owner]:
        return ("module-member", f"{owner}.{name} is not available to jobs.")
    return None


def _import_from(node: ast.ImportFrom) -> Problem | None:
    module = node.module or ""
    if any(alias.name == "*" for alias in node.names):
        return ("star-import", f"from {module} import * hides which names a script uses.")
    wrong = [alias.name for alias in node.names if alias.name in _OF_MODULES.get(module, frozenset())]
    return ("module-member", f"{module}.{wrong[0]} is not available to jobs.") if wrong else None


def _too_large(node: ast.BinOp) -> bool:
    """Constants only; estimated from the sizes written, never computed."""
    base, power = node.left, node.right
    if isinstance(power, ast.BinOp) and isinstance(power.op, ast.Pow):
        return _is_constant(power.left) and _is_constant(power.right)
    return (
        isinstance(base, ast.Constant)
        and isinstance(base.value, int)
        and isinstance(power, ast.Constant)
        and isinstance(power.value, int)
        and power.value > _MOST_POWER
    )


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)
