"""A progress bar on standard error for long work. Silent if a program reads the output or there is no terminal."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from rich.progress import BarColumn, Progress as Bar, TextColumn, TimeElapsedColumn
from rich.table import Column

from broker.cli.output.console import err
from broker.domain.progress import Progress

StepTexts = Mapping[str, object]
"""By step, what is next to the bar. Its text is read each time the bar is drawn."""
OWN_NAMES: StepTexts = MappingProxyType({})


@contextmanager
def progress_bar(title: str, quiet: bool = False, texts: StepTexts = OWN_NAMES) -> Iterator[Progress]:
    """Show a bar. A step without a text is shown by its name."""
    step = TextColumn("{task.fields[step]}", markup=False, table_column=Column())
    columns = (TextColumn("{task.fields[title]}"), BarColumn(), step, TimeElapsedColumn())
    # On standard error, because a program may read standard output.
    with Bar(*columns, console=err, disable=quiet or not err.is_terminal, transient=True) as bar:
        task = bar.add_task("", title=title, step="", total=None)
        yield lambda what, done, total: bar.update(task, step=texts.get(what, what), completed=done, total=total)


@contextmanager
def parts_bar(title: str, quiet: bool, parts: StepTexts, lap: Callable[[str], None]) -> Iterator[Progress]:
    """Show a bar for work that reports each of its parts when it begins. `lap` is called with each part that has
    ended."""
    part = next(iter(parts))
    with progress_bar(title, quiet, parts) as report:
        report(part, 0, len(parts))

        def progress(what: str, done: int, total: int) -> None:
            nonlocal part
            # Other steps are within a part.
            if what in parts:
                lap(part)
                part = what
            report(what, done, total)

        yield progress
    lap(part)
