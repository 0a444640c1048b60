"""Where the script runs: the tables that are here, the folder for outputs, the header. Reads names, never rows.

In the sandbox the launcher says all of it before the script begins. Elsewhere the environment does: NPD_DATA names a
folder of a synthetic NPD, as `broker synth` makes it.
"""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from npd.errors import NpdError, UnknownTable, listed, nearest
from npd.header import declared_inputs, declared_outputs

AT_HOME = (
    "Set the environment variable NPD_DATA to a folder of a synthetic NPD before the script starts: "
    "`broker synth --pupils 1000 --years 2018-2022 --out npd-data` makes one."
)


@dataclass(frozen=True)
class Mounted:
    """A table that is here: its files, each of one year, of all years, or of none (the schema's)."""

    schema: str
    name: str
    files: tuple[Path, ...]

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def years(self) -> list[int]:
        return sorted(int(file.stem) for file in self.files if file.stem.isdecimal())


@dataclass
class Place:
    """All that the library knows of its surroundings."""

    tables: dict[str, Mounted]
    out: Path | None
    preview: bool
    text: str = ""
    done: dict[str, object] = field(default_factory=dict)
    """Outputs that were handed over, by name."""

    @property
    def outputs(self) -> dict[str, str]:
        return declared_outputs(self.text)

    def asked_for(self, table: Mounted, variable: str) -> bool:
        """Whether the header has a variable among its inputs; without an input line, all of the grant is one."""
        inputs = declared_inputs(self.text)
        lists = [names for each, names in inputs.items() if each in (table.full_name.lower(), table.name.lower())]
        return not inputs or any(names is None or variable.lower() in map(str.lower, names) for names in lists)

    def find(self, name: str) -> Mounted:
        """A table by `name` or `schema.name`, in any case."""
        if not isinstance(name, str):
            raise NpdError(f'A table is named by text, such as "absence", not by {type(name).__name__}.')
        wanted = name.strip().lower()
        found = [t for t in self.tables.values() if wanted in (t.full_name.lower(), t.name.lower())]
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownTable(f"{name!r} stands for several tables: {listed(t.full_name for t in found)}.")
        known = [name for t in self.tables.values() for name in (t.full_name, t.name)]
        hint = nearest(name, known) or " A table has to stand in an `# input:` line, or the script has none."
        raise UnknownTable(f"There is no table {name!r} here.{hint} Mounted tables: {listed(sorted(self.tables))}.")


_here: list[Place] = []


def here() -> Place:
    if not _here:
        _here.append(_at_home())
    return _here[0]


def settle(place: Place) -> None:
    """Say where the script runs; for launchers."""
    _here[:] = [place]


def tables_in(folder: Path) -> dict[str, Mounted]:
    """The tables of a folder: one folder a table, named `schema.table`, one Parquet file a year."""
    found = {}
    for home in sorted(path for path in folder.iterdir() if path.is_dir()):
        schema, dot, name = home.name.partition(".")
        files = tuple(sorted(home.glob("*.parquet")))
        if dot and files:
            found[home.name] = Mounted(schema, name, files)
    return found


def _at_home() -> Place:
    folder = os.environ.get("NPD_DATA")
    if not folder:
        raise NpdError(f"No data are here. {AT_HOME}")
    if not Path(folder).is_dir():
        raise NpdError(f"NPD_DATA names {folder!r}, which is no folder. {AT_HOME}")
    tables = tables_in(Path(folder).resolve())
    if not tables:
        raise NpdError(f"NPD_DATA names {folder!r}, which holds no table. {AT_HOME}")
    out = os.environ.get("NPD_OUT")
    return Place(tables, Path(out).resolve() if out else None, preview=True, text=_script())


def _script() -> str:
    """The text of the program that runs; nothing where it is typed by hand."""
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    try:
        return Path(path).read_text(encoding="utf-8") if path else ""
    except (OSError, UnicodeDecodeError):
        return ""
