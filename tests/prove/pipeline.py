"""The proof that the pipeline is a value; figures go to docs/proofs/pipeline.json. It shows what a job costs in
compilations, leases and contexts, its walks, the corpus answered as before, kills, a fifth kind of job, and lines.

`python -m tests.prove.pipeline [WORD ...]` runs only the lines whose names hold a word, and writes nothing."""

import ast
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.architecture.import_graph import package
from tests.prove.properties import property_line
from tests.prove.record import Line, write

SEED = 20261129
KILLS = 100
CODE_LINES = 57_059 - 1_500
"""1,500 fewer than before the pipeline was one."""
WORKFLOW = "tests/unit/workflow"


def counted() -> Line:
    """Compilations of a job, and how many definitions the package has of what there is to be one of."""
    with tempfile.TemporaryDirectory(prefix="prove-pipeline-") as folder:
        line = property_line("counts", [f"{WORKFLOW}/test_compilations.py"], (), {}, SEED, Path(folder))
    trees = package().trees
    defined = [n.name for t in trees.values() for n in ast.walk(t) if isinstance(n, ast.ClassDef | ast.FunctionDef)]
    figures: dict[str, object] = {
        "lease protocols": sum(n.name.startswith("lease") for n in _functions_of("broker.storage")),
        "context types": sum(name.endswith("RunContext") for name in defined),
        "derivations of joint tables": defined.count("_build_family"),
        "places that fail a run for its sandbox's end": defined.count("run_to_end"),
    }
    return Line("counts", line.met and set(figures.values()) == {1}, {"compilations": 2} | figures, line.note)


def _functions_of(room: str) -> list[ast.FunctionDef]:
    found = (tree for name, tree in package().trees.items() if name.startswith(room))
    return [n for tree in found for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]


def _of_tests(name: str, files: Sequence[str], told: Sequence[str] = (), **sizes: object) -> Callable[[], Line]:
    def run() -> Line:
        with tempfile.TemporaryDirectory(prefix="prove-pipeline-") as folder:
            return property_line(name, files, told, sizes, SEED, Path(folder))

    return run


def size() -> Line:
    """Lines of the package."""
    code = package().code_lines()
    return Line("lines", code <= CODE_LINES, {"code_lines": code, "most": CODE_LINES})


LINES: Mapping[str, Callable[[], Line]] = {
    "counts": counted,
    "walks": _of_tests("walks of each kind of job", ["tests/architecture/test_walks.py"]),
    "corpus": _of_tests("the corpus is answered as before", ["tests/corpus"]),
    "kills": _of_tests(
        "kills at random moments", ["tests/integration/storage/test_killed_workers.py", f"{WORKFLOW}/test_crashes.py"],
        [f"killed_workers_{backend}" for backend in ("sqlite", "postgresql")], PROOF_KILLS=KILLS,
    ),
    "fifth": _of_tests("a fifth kind of job", [f"{WORKFLOW}/test_fifth_kind.py"]),
    "size": size,
}  # fmt: skip


def main(words: Sequence[str]) -> None:
    asked = {name: line for name, line in LINES.items() if not words or any(word in name for word in words)}
    lines = [line() for line in asked.values()]
    if words:
        sys.stdout.write("\n".join(map(str, lines)) + "\n")
        sys.exit(0 if all(line.met for line in lines) else 1)
    sys.exit(0 if write("pipeline", SEED, lines) else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
