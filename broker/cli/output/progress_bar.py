"""A progress bar on standard error for long work. Silent if a program reads the output or there is no terminal."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from broker.cli.output.console import err

ProgressText = str | Callable[[], str]
"""The text next to the bar, or a function that returns it each time the bar is drawn."""

ReportProgress = Callable[[ProgressText, int, int], None]
"""(what, steps done, steps in all)"""


class _WorkColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        what: ProgressText = task.fields["what"]
        return Text(what if isinstance(what, str) else what())


@contextmanager
def progress_bar(title: str, quiet: bool = False) -> Iterator[ReportProgress]:
    columns = (TextColumn("{task.fields[title]}"), BarColumn(), _WorkColumn(), TimeElapsedColumn())
    # On standard error, because a program may read standard output.
    with Progress(*columns, console=err, disable=quiet or not err.is_terminal, transient=True) as progress:
        task = progress.add_task("", title=title, what="", total=None)

        def report(what: ProgressText, done: int, total: int) -> None:
            progress.update(task, what=what, completed=done, total=total)

        yield report


def report_by_parts(
    report: ReportProgress, parts: Mapping[str, ProgressText], lap: Callable[[str], None]
) -> Callable[[str], None]:
    """Report the first part, and return a function that reports the next part whenever one ends and calls `lap`.

    Progress is counted in parts only.
    """
    names = list(parts)
    report(parts[names[0]], 0, len(names))

    def ended(part: str) -> None:
        lap(part)
        done = names.index(part) + 1
        if done < len(names):
            report(parts[names[done]], done, len(names))

    return ended
