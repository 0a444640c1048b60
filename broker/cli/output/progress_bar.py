"""A progress bar on standard error for long work, silent where a program reads the output or nobody looks."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from broker.cli.output.console import err

ProgressText = str | Callable[[], str]
"""What is said of the work, or what says it anew each time that the bar is drawn."""

ReportProgress = Callable[[ProgressText, int, int], None]
"""(what, done, of how many)"""


class _WorkColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        what: ProgressText = task.fields["what"]
        return Text(what if isinstance(what, str) else what())


@contextmanager
def progress_bar(title: str, quiet: bool = False) -> Iterator[ReportProgress]:
    columns = (TextColumn("{task.fields[title]}"), BarColumn(), _WorkColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=quiet or not err.is_terminal, transient=True) as progress:
        task = progress.add_task("", title=title, what="", total=None)

        def report(what: ProgressText, done: int, total: int) -> None:
            progress.update(task, what=what, completed=done, total=total)

        yield report


def report_by_parts(
    report: ReportProgress, parts: Mapping[str, ProgressText], lap: Callable[[str], None]
) -> Callable[[str], None]:
    """Tells the first part, and after each one that has ended, as `lap` hears, the next one: by their number alone."""
    names = list(parts)
    report(parts[names[0]], 0, len(names))

    def ended(part: str) -> None:
        lap(part)
        done = names.index(part) + 1
        if done < len(names):
            report(parts[names[done]], done, len(names))

    return ended
