"""`npd.output`: what a script asks the broker to make of its rows. Nothing is computed here that is ever released.

The broker maps the rows to persons, reads declared variables again and tabulates or fits itself. Where the data are
synthetic, a preview is printed.
"""

import shutil
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import pyarrow as pa

from npd import preview
from npd.bounds import bounds_of
from npd.errors import NpdError, listed
from npd.formula import names_in
from npd.handing import Handed, hand_over, hand_over_file
from npd.measures import Measure, column_of, measures_of, of_a_flag
from npd.names import columns_of, description_of, output_name, plain
from npd.place import here
from npd.taking import HandedRows, is_flag

FAMILIES = ("ols", "logit", "poisson")
MARKS = ("bar", "line", "point")

Variables = Mapping[str, str] | Sequence[str]


def table(
    rows: Any,
    by: str | Sequence[str] = (),
    measures: Mapping[str, Any] | None = None,
    name: str | None = None,
    *,
    variables: Variables | None = None,
    bounds: Mapping[str, Sequence[float]] | None = None,
    person: str | None = None,
    description: str | None = None,
) -> Handed:
    """A table of the rows' groups, tabulated by the broker.

    `rows` has one row a person or event, with the column of pseudonyms. `measures` names figures:
    `{"n": "count", "people": "persons", "mean_score": ("score", "mean")}`; without it rows are counted. `variables`
    says which columns are a catalogue's variable, unchanged: `["spring_census.LA"]`. `bounds` says of other columns
    what they can be, `{"missed": (0, 100)}`: their means and sums leave with the digits that this allows."""
    place = here()
    stem = output_name(place, name)
    keys, wanted = columns_of(by, "by="), measures_of(measures)
    for measure in wanted:
        plain(measure, "measures=")
    if both := sorted(set(keys) & set(wanted)):
        raise NpdError(f"{both[0]!r} is a group and a measure: give the measure another name.")
    found = HandedRows(place, rows, person, variables, keys)
    measured = [column for column in map(column_of, wanted.values()) if column is not None]
    arrow = found.take([*keys, *measured], numbers=measured, groups=keys)
    wanted = {each: _told(each, measure, arrow) for each, measure in wanted.items()}
    request = {"person": found.person, "by": keys, "measures": wanted, "variables": found.variables}
    if bounds:
        own = [c for m in wanted.values() if (c := column_of(m)) is not None and c not in found.variables]
        request["bounds"] = bounds_of(bounds, own, arrow)
    handed = Handed(stem, "table", request | {"description": description_of(place, stem, description)},
                    (*keys, *wanted))  # fmt: skip
    hand_over(place, handed, arrow)
    if place.preview:
        preview.table(handed, arrow)
    return handed


def regression(
    formula: str,
    rows: Any,
    family: str = "ols",
    name: str | None = None,
    *,
    cluster: str | None = None,
    variables: Variables | None = None,
    person: str | None = None,
    description: str | None = None,
) -> Handed:
    """A model of the rows, fitted by the broker: `npd.output.regression("score ~ fsm + C(LA) | URN", rows)`.

    What stands after | are fixed effects that are taken out (ols only); `cluster` names the column of clusters."""
    place = here()
    stem = output_name(place, name)
    if family not in FAMILIES:
        raise NpdError(f"There is no family {family!r}. There are {listed(FAMILIES)}.")
    names = names_in(formula)
    for each in names:
        plain(each, "formula")
    found = HandedRows(place, rows, person, variables, names)
    clusters = [cluster] if cluster is not None and cluster != found.person else []
    arrow = found.take([*names, *clusters], numbers=names[:1])
    request = {"person": found.person, "formula": formula, "family": family, "variables": found.variables}
    request |= {} if cluster is None else {"cluster": cluster}
    handed = Handed(stem, "regression", request | {"description": description_of(place, stem, description)})
    hand_over(place, handed, arrow)
    if place.preview:
        preview.regression(handed, arrow)
    return handed


def figure(
    data: Handed | str,
    kind: str = "bar",
    name: str | None = None,
    *,
    x: str | None = None,
    y: str | None = None,
    colour: str | None = None,
    description: str | None = None,
) -> Handed:
    """A drawing of a table that this job hands over: the broker draws it from the figures that it releases."""
    place = here()
    stem = output_name(place, name)
    if kind not in MARKS:
        raise NpdError(f"There is no figure of kind {kind!r}. There are {listed(MARKS)}.")
    source = place.done.get(data.name if isinstance(data, Handed) else str(data))
    if not isinstance(source, Handed) or source.kind != "table":
        raise NpdError("A figure is drawn of a table of the same job: give it what npd.output.table returned.")
    keys, wanted = source.request["by"], list(source.request["measures"])
    axes = {"x": x or next(iter(keys), None), "y": y or wanted[0], "colour": colour}
    for axis, column in axes.items():
        if (column is not None or axis != "colour") and column not in source.columns:
            raise NpdError(f"{axis}= of the figure is {column!r}; the table has {listed(source.columns)}.")
    request = {"data": source.name, "mark": kind, **axes}
    return hand_over(place, Handed(stem, "figure", request | {"description": description_of(place, stem, description)}))


def file(path: str | PathLike[str], description: str | None = None) -> Path:
    """A file that the script made itself. A person always looks at it."""
    place, source = here(), Path(path)
    if not source.is_file():
        raise NpdError(f"There is no file {str(path)!r}: write it first.")
    stem = output_name(place, source.name)
    declared = next((name for name in place.outputs if name.rpartition(".")[0] == stem), source.name)
    if declared != source.name:
        raise NpdError(f"The header declares {declared!r}, and the file is called {source.name!r}.")
    if place.out is not None and source.resolve().parent != place.out.resolve():
        shutil.copyfile(source, place.out / source.name)
    hand_over_file(place, source.name, {"description": description_of(place, stem, description)})
    if place.preview:
        print(f"output {source.name}: a file of {source.stat().st_size:,} bytes; a person will look at it")
    return source


def _told(name: str, measure: Measure, rows: pa.Table) -> Measure:
    column = column_of(measure)
    return of_a_flag(name, measure) if column is not None and is_flag(rows[column]) else measure
