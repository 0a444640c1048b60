"""Where a script reaches out of what it was given: network, processes, files elsewhere. Notes, and no refusals: the
sandbox stops all of it, and much of it is harmless there."""

import ast
from collections.abc import Iterator

from broker.python_jobs.names import dotted

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
_OF_FILES = frozenset(
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
_HERE = ("/data", "/out", "/tmp")  # noqa: S108  the sandbox's own folders


def notes_of(node: ast.AST, modules: dict[str, str]) -> Iterator[str]:
    """What one node reaches for. `modules` maps names to the modules that they stand for."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from _imports(node)
    elif isinstance(node, ast.Call):
        if dotted(node.func, modules) in _PROCESS_CALLS:
            yield f"{ast.unparse(node.func)}() is of processes: they are few in the sandbox, and none outlives the job."
        yield from _files(node)


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    named = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    for top in dict.fromkeys(name.split(".")[0] for name in named):
        if top in NETWORK_MODULES:
            yield f"Imports {top}: there is no network in the sandbox."
        elif top in PROCESS_MODULES:
            yield f"Imports {top}: processes in the sandbox are few, and none outlives the job."


def _files(call: ast.Call) -> Iterator[str]:
    """Files that are named by a text and lie where nothing is."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if name not in _OF_FILES:
        return
    for path in [part.value for part in call.args[:1] if isinstance(part, ast.Constant)]:
        if not isinstance(path, str):
            continue
        if "://" in path:
            yield f"{name}() of an address: there is no network in the sandbox."
        elif path.startswith("/") and not path.startswith(_HERE):
            yield f"{name}() of a file outside /data, /out and /tmp: nothing of the author's is there."
