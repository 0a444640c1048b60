"""The DuckDB engine: turns a plan and a vault into the request of one sandboxed job, and its frames into evidence."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TypeAlias

from broker.domain.errors import Breach
from broker.domain.evidence import JobEvidence, OutputEvidence
from broker.domain.plans.operators import Relation, Scan, walk
from broker.domain.plans.plan import CountedRows, EvidenceNeeds, Plan, PlannedOutput, PlannedTable, PublicRelation
from broker.domain.plans.variable_uses import Years
from broker.domain.ports import SandboxLimits, SandboxRequest, Vault, VaultTable
from broker.domain.ports.history_ports import Frames
from broker.engine.result_frames import read_counted, read_joint_table, read_public_rows, read_table
from broker.evidence.table_families import find_families
from broker.query import TwoPassQuery, quoted, render_counted, render_public, two_pass_query


class DuckDBEngine:
    """See `broker.domain.ports.Engine`."""

    def prepare(
        self, plan: Plan, vault: Vault, job: str, attempt: int, limits: SandboxLimits, needs: EvidenceNeeds
    ) -> SandboxRequest:
        """A request for the `sql` image with the vault's evidence rendering, limited to the tables and years that are
        read. It has one statement for each planned table."""
        texts = [
            {"name": name} | statement_texts(_two_pass_query(source, needs, vault))
            for name, source in statements(plan, joint_tables(plan, needs))
        ]
        return sql_request(vault, tables_read(plan), texts, job, attempt, limits)

    def read(self, plan: Plan, frames: Frames, needs: EvidenceNeeds) -> JobEvidence:
        joints = joint_tables(plan, needs)
        payloads = table_payloads(frames, sum(1 for _ in statements(plan, joints)), "one for each planned table")
        outputs = tuple(_evidence(output, payloads) for output in plan.outputs)
        return JobEvidence(outputs, tuple(read_joint_table(joint, next(payloads)) for joint in joints))


def sql_request(
    vault: Vault, read: Mapping[str, Years | None], texts: Sequence[Mapping[str, str]], job: str, attempt: int,
    limits: SandboxLimits,
) -> SandboxRequest:  # fmt: skip
    """A request for the `sql` image. `read`: the tables it mounts, with their years; `texts`: its statements, each with
    a name, in the order of the frames that return. Raises Breach if the vault lacks a table."""
    tables = [mounted_table(vault, table, years) for table, years in sorted(read.items())]
    return framed_sql_request(vault, {"tables": tables, "statements": texts}, job, attempt, limits)


def framed_sql_request(
    vault: Vault, content: Mapping[str, object], job: str, attempt: int, limits: SandboxLimits
) -> SandboxRequest:
    """A request for the `sql` image whose frame is the content with the kind and the limits."""
    frame = {**content, "kind": "sql", "settings": asdict(limits)}
    payload = json.dumps(frame, sort_keys=True).encode()  # sorted: equal requests are equal bytes
    return SandboxRequest(job, attempt, "sql", vault.evidence, (("job", payload),), limits, vault.synthetic)


def table_payloads(frames: Frames, count: int, wanted: str) -> Iterator[bytes]:
    """The payloads of exactly `count` frames of tables, which one of the status may follow. Raises Breach, which says
    what was wanted, for other frames."""
    kinds = [kind for kind, _ in frames]
    if kinds[-1:] == ["status"]:
        kinds.pop()
    if kinds != ["table"] * count:
        raise Breach(f"The sandbox returned other frames than {wanted}.")
    return iter([payload for kind, payload in frames if kind == "table"])


def _evidence(output: PlannedOutput, payloads: Iterator[bytes]) -> OutputEvidence:
    tables = tuple(read_table(table, next(payloads)) for table in output.tables)
    public = tuple(read_public_rows(rows, next(payloads)) for rows in output.public)
    counted = read_counted(output.counted, next(payloads)) if output.counted else ()
    return OutputEvidence(output.name, tables, public, counted)


def statement_texts(found: TwoPassQuery) -> dict[str, str]:
    """A statement in the form that the launcher takes."""
    if found.first is None or found.doubt is None or found.second is None:
        return {"sql": found.text}
    return {"sql": found.text, "first": found.first, "doubt": found.doubt, "second": found.second}


Source: TypeAlias = PlannedTable | PublicRelation | tuple[CountedRows, ...]
"""What a statement is about."""


def _two_pass_query(source: Source, needs: EvidenceNeeds, vault: Vault) -> TwoPassQuery:
    if isinstance(source, tuple):
        return TwoPassQuery(render_counted(source, needs.min_persons))
    if isinstance(source, PublicRelation):
        return TwoPassQuery(render_public(source, needs.min_persons))
    if source.max_rows is not None:  # a joint table is never shown, so it needs no rounding and no institutions
        needs = replace(needs, institutions=False, record_keys=False)
    return two_pass_query(source, needs, vault.proofs, vault.persons)


def joint_tables(plan: Plan, needs: EvidenceNeeds) -> tuple[PlannedTable, ...]:
    """The joint tables that linked tables of the job need, in order."""
    families = find_families(plan, needs.joint_cells) if needs.joint_cells else ()
    return tuple(f.joint for f in families if f.joint is not None)


def statements(plan: Plan, joints: Sequence[PlannedTable] = ()) -> Iterator[tuple[str, Source]]:
    """Every planned table and public relation, and the counted rows of each output, in the order of statements and
    frames, with a name of the output's name and the number in it; then the joint tables."""
    for output in plan.outputs:
        sources: tuple[Source, ...] = (*output.tables, *output.public, *([output.counted] if output.counted else ()))
        yield from ((f"{output.name}#{number}", one) for number, one in enumerate(sources))
    yield from ((f"joint#{number}", joint) for number, joint in enumerate(joints))


def tables_read(plan: Plan) -> dict[str, Years | None]:
    """Every table that the plan scans, with the years of all its scans; None for a table without years."""
    return tables_in(relation for _, source in statements(plan) for relation in _relations(source))


def _relations(source: Source) -> tuple[Relation, ...]:
    match source:
        case PlannedTable(contributions=relation) | PublicRelation(relation=relation):
            return (relation,)
        case counted:
            return tuple(r for rows in counted for r in (rows.relation, rows.kept) if r is not None)


def tables_in(relations: Iterable[Relation]) -> dict[str, Years | None]:
    """Every table that the relations scan, with its years as in `tables_read`."""
    scans = (r for relation in relations for r in walk(relation) if isinstance(r, Scan))
    return joined_years((scan.table, scan.years) for scan in scans)


def joined_years(uses: Iterable[tuple[str, Years | None]]) -> dict[str, Years | None]:
    """Every table with the years of all its uses; None if a use has no years."""
    found: dict[str, Years | None] = {}
    for table, years in uses:
        before = found.get(table, frozenset())
        found[table] = None if years is None or before is None else before | years
    return found


def mounted_table(vault: Vault, name: str, years: Years | None) -> dict[str, object]:
    """A table as the launcher mounts it: its schema file first, then the files of the years. Raises Breach if the vault
    lacks it."""
    table = next((t for t in vault.tables if t.name == name), None)
    if table is None:
        raise Breach(f"The plan reads {name}, which the vault of {vault.project} does not hold.")
    schema, _, bare = name.partition(".")
    return {"schema": schema, "name": bare, "paths": list(_paths(table, years))}


def quoted_table(name: str) -> str:
    """The name of a table in a statement."""
    schema, _, bare = name.partition(".")
    return f"{quoted(schema)}.{quoted(bare)}"


def _paths(table: VaultTable, years: Years | None) -> Iterator[str]:
    for number, (path, year) in enumerate(zip(table.paths, table.years, strict=True)):
        if number == 0 or (year is None if years is None else year in years):  # the schema file is always mounted
            yield path
