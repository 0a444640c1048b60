"""The researcher's library for jobs on the National Pupil Database: tables in, outputs handed over. Guards nothing.

`load("absence")` · `npd.table("spring_census", variables=[...], years=...)` · `npd.labels("EthnicGroupMinor")` ·
`npd.output.table(rows, by=..., measures=...)` · `npd.progress("half way")`. The sandbox shows only granted variables
and years, and the broker reads again whatever is handed over, so there is nothing here to protect.
"""

from npd import output
from npd.catalogue import codes, labels, variables
from npd.errors import NpdError
from npd.launch import at_home
from npd.launch import prepare as _prepare  # noqa: F401  for the sandbox's launcher
from npd.launch import script as _script  # noqa: F401  as above
from npd.progress import progress
from npd.tables import Table, load, table
from npd.tables import mounted as tables

__all__ = ["NpdError", "Table", "codes", "labels", "load", "output", "progress", "table", "tables", "variables"]
__version__ = "0.1.0"

at_home()
