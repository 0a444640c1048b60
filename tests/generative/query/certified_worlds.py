"""Drawn rows for evidence by certificates, with what a vault's build would prove of them, and queries over them."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import duckdb
from query_kit import CATALOGUE, SQL_TYPES, WRITTEN, YEARS
from worlds import insert

from broker.domain.evidence import VaultProof, VaultProofs

TABLE = CATALOGUE.table("npd.a")
Row = dict[str, Any]
QUERIES = (
    "SELECT LA, COUNT(*) AS n, AVG(1.0 * Score) AS m FROM a WHERE {years} GROUP BY LA",
    "SELECT LA, Sex, COUNT(*) AS n, SUM(Score) AS s FROM a WHERE {years} GROUP BY LA, Sex",
    "SELECT LA, SUM(Points) AS s, AVG(Points) AS m FROM a WHERE {years} AND Sex = 'M' GROUP BY LA",
    "SELECT Sex, SUM(Flag) AS s, AVG(1.0 * Flag) AS m, COUNT(Flag) AS n FROM a WHERE {years} GROUP BY Sex",
    "SELECT Flag, COUNT(Score) AS n, COUNT(*) AS r FROM a WHERE {years} AND Score <> 2 GROUP BY Flag",
    "SELECT COUNT(*) AS n, SUM(Score) AS s, AVG(Score) AS m FROM a WHERE {years}",
    "SELECT LA, SUM(CASE WHEN Sex = 'M' THEN 2 * Points ELSE 0 END) AS s, SUM(COALESCE(Score, 0)) AS z "
    "FROM (SELECT LA, Sex, Points, Score + 1 AS Score FROM a WHERE {years}) AS d GROUP BY LA",
    "SELECT LA, COUNT(DISTINCT Key) AS n, SUM(CASE WHEN Score > 3 THEN 1 ELSE 0 END) AS s FROM a "
    "WHERE {years} GROUP BY LA",
)


def rows(rng: Random, people: int) -> list[Row]:
    """Most worlds have something special: one row a person, values that are all but equal, negatives, one giant."""
    repeated, common, lowest = rng.random() < 0.6, rng.random() < 0.4, rng.choice((0, 0, -3))
    giant = rng.randrange(people) if rng.random() < 0.4 else None
    found = []
    for p in range(people):
        keyed = rng.random() > 0.05
        home, own = rng.randint(1, 3), rng.randint(lowest, 6)
        for year in YEARS:
            for rank in range(rng.choice((1, 1, 2, 3)) if repeated else rng.choice((0, 1, 1))):
                same = common and rng.random() < 0.9
                score = 4 if same else rng.choice((own, rng.randint(lowest, 20), None))
                points = Decimal(2) if same else Decimal(rng.randint(0, 900)) / 100
                found.append({
                    "__p": p, "__r": rank, "Key": f"k{p}" if keyed else None, "Y": WRITTEN[year],
                    "LA": home if rng.random() > 0.1 else rng.randint(1, 3), "Sex": rng.choice(("M", "F", "F", None)),
                    "Flag": rng.choice((0, 0, 0, 1, None)), "Score": 20 if p == giant else score,
                    "Points": points if p != giant else Decimal(900),
                })  # fmt: skip
    return found


CODES = {"Sex": ("F", "M")}


def proofs(some: list[Row], coded: bool = False) -> VaultProofs:
    """What is true of the rows, by definition; `coded`: the numbers of codes are used."""
    found: dict[int | None, VaultProof] = {}
    for year in YEARS:
        of = [r for r in some if r["Y"] == WRITTEN[year]]
        totals, smallest = {}, {}
        for name in ("Score", "Points", "Flag"):
            given = [(r["__p"], r[name]) for r in of if r.get(name) is not None]
            own: Counter[int] = Counter()
            for person, value in given:
                own[person] += abs(value)
            if given:
                totals[name], smallest[name] = max(own.values()), min(v for _, v in given)
        found[year] = VaultProof(max(Counter(r["__p"] for r in of).values(), default=0), totals, smallest,
                            CODES if coded else {})  # fmt: skip
    return {"npd.a": found}


def connection() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("SET threads=1")
    con.execute("CREATE SCHEMA npd")
    columns = ", ".join(f'"{v.name}" {SQL_TYPES[v.type]}' for v in TABLE.variables)
    con.execute(f'CREATE TABLE npd.a ({columns}, "__p" UINTEGER, "__r" UTINYINT, "__c_Sex" UTINYINT)')
    return con


def fill(con: duckdb.DuckDBPyConnection, some: list[Row]) -> None:
    con.execute("TRUNCATE npd.a")
    insert(con, "npd.a", [r | {"__c_Sex": CODES["Sex"].index(r["Sex"]) if r.get("Sex") else None} for r in some])


def texts(rng: Random) -> Iterator[str]:
    """Each query over one year, two, or all."""
    for query in QUERIES:
        years = sorted(rng.sample(YEARS, rng.choice((1, 1, 2, 3))))
        yield query.format(years=f"Y IN ({', '.join(repr(WRITTEN[y]) for y in years)})")
