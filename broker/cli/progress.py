"""A progress bar on standard error for long work, silent where a program reads the output or nobody looks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from broker.cli.show import err

Tell = Callable[[str, int, int], None]
"""(what, done, of how many)"""


@contextmanager
def bar(title: str, quiet: bool = False) -> Iterator[Tell]:
    columns = (TextColumn("{task.fields[title]}"), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=quiet or not err.is_terminal, transient=True) as progress:
        task = progress.add_task("", title=title, total=None)

        def tell(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total)

        yield tell
