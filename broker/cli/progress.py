"""A progress bar on standard error for long work, silent where a program reads the output or nobody looks."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from broker.cli.show import err

Words = str | Callable[[], str]
"""What is said of the work, or what says it anew each time that the bar is drawn."""

Tell = Callable[[Words, int, int], None]
"""(what, done, of how many)"""


class _What(ProgressColumn):
    def render(self, task: Task) -> Text:
        what: Words = task.fields["what"]
        return Text(what if isinstance(what, str) else what())


@contextmanager
def bar(title: str, quiet: bool = False) -> Iterator[Tell]:
    columns = (TextColumn("{task.fields[title]}"), BarColumn(), _What(), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=quiet or not err.is_terminal, transient=True) as progress:
        task = progress.add_task("", title=title, what="", total=None)

        def tell(what: Words, done: int, total: int) -> None:
            progress.update(task, what=what, completed=done, total=total)

        yield tell


def by_parts(tell: Tell, parts: Mapping[str, Words], lap: Callable[[str], None]) -> Callable[[str], None]:
    """Tells the first part, and after each one that has ended, as `lap` hears, the next one: by their number alone."""
    names = list(parts)
    tell(parts[names[0]], 0, len(names))

    def ended(part: str) -> None:
        lap(part)
        done = names.index(part) + 1
        if done < len(names):
            tell(parts[names[done]], done, len(names))

    return ended
