"""A town of 120 children, one of them known to the attacker, and the release of a query about them. No attack is
here."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from broker.disclosure.microdata.judge_microdata import judge_microdata
from broker.disclosure.records.released_tables import released_csv
from broker.domain.findings import Assessment
from broker.evidence.tabulation import TabulationRequest
from broker.policy.disclosure_rules import DisclosureRules
from broker.policy.files import load_policies
from broker.policy.policy_set import PolicySet
from tests.attacks.broker_town import broker_under
from tests.oracles.tabulate import tabulate_rows
from tests.spec.query.query_kit import compiled, judged
from tests.unit.workflow.conftest import CLEO

PROFILE = DisclosureRules(name="npd", source="test", t=10)
SMALL = replace(PROFILE, round_base=1, t=4, min_interval=4)
"""For tables that are small enough to try all their values."""

TARGET = "a.LA = 3 AND a.Score = 17"
Y = "a.Y = '2017/2018'"
Place = tuple[str | None, ...]
World = dict[str, list[dict[str, Any]]]


def town(**target: Any) -> World:
    """Sixty boys and girls each, in areas 1 and 2; the child that the attacker knows is alone in area 3."""
    rows = [
        {"p": i, "Key": f"k{i}", "Y": "2017/2018", "Sex": "MF"[i % 2], "LA": 1 + i % 2, "Flag": int(i % 3 == 0),
         "Score": i % 15, "Points": 2 + i % 3, "Idaci": i / 120}
        for i in range(120)
    ]  # fmt: skip
    rows[1] |= {"LA": 3, "Score": 17, "Flag": 0, **target}
    regions = [{"LA": n, "Region": "N"} for n in (1, 2, 3)]
    return {"npd.a": rows, "npd.b": [], "ref.las": regions}


def assess(text: str, world: World | None = None, profile: DisclosureRules = PROFILE) -> Assessment:
    return judged(text, world or town(), profile)


def leaves(text: str, world: World | None = None, profile: DisclosureRules = PROFILE) -> list[str]:
    """The released table, line by line."""
    return released_csv(assess(text, world, profile)).decode().splitlines()


def refused(text: str) -> list[str]:
    return [r.code for r in compiled(text).refusals]


@cache
def policies() -> PolicySet:
    return load_policies(Path(__file__).parents[2] / "policies")


def audited(text: str) -> str:
    """The audit log of a job's whole way, from submission to release, as text."""
    with broker_under(policies) as broker:
        _, output = broker.ran(text)
        broker.vote(CLEO, output.ident)
        return " ".join(str(line.event) for line in broker.store.audit())


def people(cells: Mapping[tuple[str, ...], int]) -> dict[str, list[Any]]:
    """A file of person rows with so many people in each cell."""
    places = [place for place, n in cells.items() for _ in range(n)]
    columns = {f"d{k}": [p[k] for p in places] for k in range(len(places[0]))}
    return {"id": [f"p{i}" for i in range(len(places))], **columns}


def repaired(cells: Mapping[tuple[str, ...], int], profile: DisclosureRules = SMALL) -> dict[Place, Any]:
    """What `broker assess --totals` says of each cell and total: its exact count, and None where it is hidden."""
    width = len(next(iter(cells)))
    by = tuple(f"d{k}" for k in range(width))
    found = judge_microdata(tabulate_rows(people(cells), TabulationRequest("id", by, totals=True)), profile)
    assert found["audit"] == {"exact": 0, "narrow": 0}
    return {tuple(c["by"].values()): c["released"] for c in found["cells"]}


def consistent(shown: Mapping[Place, Any], most: int) -> dict[Place, set[int]]:
    """By trying them all: the values that the hidden inner cells can have, each at most `most`, given every total."""
    inner = [p for p in shown if None not in p]
    holes = [p for p in inner if shown[p] is None]
    totals = [(_parts(t, inner), v) for t, v in shown.items() if v is not None and None in t]
    found: dict[Place, set[int]] = {h: set() for h in holes}
    values = {p: shown[p] for p in inner}

    def fits() -> bool:
        for parts, total in totals:
            known = [values[p] for p in parts if values[p] is not None]
            open_ = len(parts) - len(known)
            if not 0 <= total - sum(known) <= most * open_:
                return False
        return True

    def try_from(number: int) -> None:
        if number == len(holes):
            for hole in holes:
                found[hole].add(values[hole])
            return
        for guess in range(most + 1):
            values[holes[number]] = guess
            if fits():
                try_from(number + 1)
        values[holes[number]] = None

    try_from(0)
    return found


def _parts(total: Place, inner: Iterable[Place]) -> list[Place]:
    return [p for p in inner if all(t in (None, v) for t, v in zip(total, p, strict=True))]
