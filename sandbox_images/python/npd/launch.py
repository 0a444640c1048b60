"""Makes the library ready: by the sandbox's launcher, or at home where NPD_DATA is set. Reads no row."""

import importlib.util
import os
from pathlib import Path

import pyarrow as pa

from npd.errors import NpdError
from npd.place import Mounted, Place, here, settle

DATA, OUT = Path("/data"), Path("/out")


def prepare(mounted: list[dict], settings: dict, preview: bool = False) -> None:
    """Called once by the sandbox's launcher, before the script."""
    from npd.views import limit, make_views

    pa.set_cpu_count(max(1, int(settings["threads"])))
    limit(settings)
    place = Place({t.full_name: t for t in map(_mounted, mounted)}, OUT, preview)
    settle(place)
    make_views(place)


def script(text: str) -> None:
    """The script that is about to run: its header tells the outputs' names."""
    here().text = text


def at_home() -> None:
    """Views of a synthetic NPD, where one is named and DuckDB is installed. A wrong name is told when it is used."""
    if os.environ.get("NPD_DATA") and importlib.util.find_spec("duckdb"):
        from npd.views import make_views

        try:
            make_views(here())
        except NpdError:
            return


def _mounted(table: dict) -> Mounted:
    return Mounted(table["schema"], table["name"], tuple(DATA / path for path in table["paths"]))
