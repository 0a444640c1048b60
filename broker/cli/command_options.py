"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Document = Annotated[str, typer.Argument(help="A JSON file; - reads standard input.")]
PoliciesFolder = Annotated[Path, typer.Option("--policies", envvar="BROKER_POLICIES", help="Folder of policy files.")]
POLICIES = Path("policies")
