"""The researcher's library for jobs on the National Pupil Database: tables in, outputs handed over. Guards nothing.

`load("absence")` · `npd.table("spring_census", variables=[...], years=...)` · `npd.labels("EthnicGroupMinor")` ·
`npd.output.table(rows, by=..., measures=...)` · `npd.progress("half way")`. The sandbox shows only granted variables
and years, and the broker reads again whatever is handed over, so there is nothing here to protect.
"""

from npd import output
from npd.catalogue import codes, labels, variables
from npd.errors import NpdError
from npd.launch import (
    at_home,
    prepare as _prepare,  # noqa: F401  for the sandbox's launcher
    script as _script,  # noqa: F401  as above
)
from npd.progress import progress
from npd.tables import Table, load, mounted as tables, table

__all__ = ["NpdError", "Table", "codes", "labels", "load", "output", "progress", "table", "tables", "variables"]
__version__ = "0.1.0"

at_home()
