"""A job over HTTP on this version and on an earlier one, each with its own web, worker and data, side by side."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from bench.harness import Line, compare
from bench.sides import Other

ROOT = Path(__file__).resolve().parents[1]
EARLIER = "3f7aa690"
"""The version before the pipeline was one value and a job was compiled twice in its life."""
ROUNDS = 15


def earlier_lines() -> list[Line]:
    """The answer to a submission, and the whole way to a checked result."""
    with ExitStack() as stack:
        ours, theirs = (stack.enter_context(Other(_side(at), at)) for at in (ROOT, tree_of(EARLIER)))

        def line(name: str, question: str, note: str) -> Line:
            def rest() -> None:
                for side in (ours, theirs):
                    side.ask("rest")

            sides = [(label, lambda s=s: s.ask(question)) for label, s in (("this version", ours), (EARLIER, theirs))]
            return compare(name, sides[0], sides[1], ROUNDS, note, rest)

        return [
            line("version: answer to a submission", "submit", "at most 0.8 is promised"),
            line("version: submit over HTTP to checked result", "job", "at most 1.0 is promised"),
        ]


def _side(tree: Path) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("earlier_side.py")), str(tree)]


def tree_of(commit: str) -> Path:
    """A work tree of the commit under build/, which keeps its images for the next time."""
    tree = ROOT / "build" / "versions" / commit
    if not tree.exists():
        subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=True)
        subprocess.run(["git", "worktree", "add", "-q", "--detach", str(tree), commit], cwd=ROOT, check=True)
    return tree


def main() -> None:
    for line in earlier_lines():
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
