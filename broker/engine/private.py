"""The engine's side of a private job: bounded tables to a sandbox request, frames to exact vectors in the order that
is measured. What it returns is exact: it goes to the noise process and nowhere else."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from broker.domain.errors import Breach
from broker.domain.plans import Plan
from broker.domain.ports import Limits, SandboxRequest, Vault
from broker.domain.proofs import Proofs
from broker.domain.scalars import Value
from broker.engine.duckdb_engine import mounted, tables_read
from broker.engine.frames import read_public
from broker.engine.planning import check_plans
from broker.engine.private_cells import Cells, Keys, slots_of
from broker.privacy.asking.places import Measurable
from broker.privacy.design import Design
from broker.query import render_public, render_slots, render_sums


@dataclass(frozen=True, slots=True)
class Exact:
    """`vectors`: one for each mechanism of the design. `observed`: by table and grouping set the keys of the data in
    the order of their counts, None where the list is public. `public`: by output the rows of its public relations."""

    vectors: tuple[Sequence[int], ...]
    observed: tuple[tuple[Sequence[Keys] | None, ...], ...]
    public: tuple[tuple[tuple[tuple[Value, ...], ...], ...], ...]


class PrivateDuckDB:
    """See `broker.workflow.private.ports.PrivateEngine`."""

    def prepare(
        self, plan: Plan, measured: Sequence[Measurable], vault: Vault, job: str, attempt: int, limits: Limits
    ) -> SandboxRequest:
        request = prepare_private(plan, measured, vault, job, attempt, limits)
        check_plans(request)
        return request

    def read(
        self, plan: Plan, measured: Sequence[Measurable], made: Design, frames: Sequence[tuple[str, bytes]]
    ) -> Exact:
        return read_private(plan, measured, made, frames)


def prepare_private(
    plan: Plan, measured: Sequence[Measurable], vault: Vault, job: str, attempt: int, limits: Limits
) -> SandboxRequest:
    """As `DuckDBEngine.prepare`: the same image, mounts and settings, and other statements."""
    frame = {
        "kind": "sql",
        "tables": [mounted(vault, table, years) for table, years in sorted(tables_read(plan).items())],
        "statements": [{"name": n, "sql": sql} for n, sql in statements(plan, measured, vault.proofs)],
        "settings": {name: getattr(limits, name) for name in Limits.__slots__},
    }
    payload = json.dumps(frame, sort_keys=True).encode()
    return SandboxRequest(job, attempt, "sql", vault.evidence, (("job", payload),), limits, vault.synthetic)


def statements(plan: Plan, measured: Sequence[Measurable], proofs: Proofs) -> Iterator[tuple[str, str]]:
    """Of each output its tables, sums before slots, then its public relations."""
    for output, found in zip(plan.outputs, measured, strict=True):
        for number, table in enumerate(found.bounded):
            yield f"{output.name}#{number}", render_sums(table, proofs)
            for place in slots_of(table):
                yield f"{output.name}#{number}/{place}", render_slots(table, place, proofs)
        yield from ((f"{output.name}/{i}", render_public(rows, 1)) for i, rows in enumerate(output.public))


def read_private(
    plan: Plan, measured: Sequence[Measurable], design: Design, frames: Sequence[tuple[str, bytes]]
) -> Exact:
    """Strictly: whatever was not asked for is a Breach."""
    kinds = [kind for kind, _ in frames]
    if kinds[-1:] == ["status"]:
        kinds.pop()
    if kinds != ["table"] * sum(1 for _ in statements(plan, measured, {})):
        raise Breach("The sandbox returned other frames than one for each bounded table.")
    payloads = iter([payload for kind, payload in frames if kind == "table"])
    cells, public = [], []
    tables = iter(design.tables)
    for output, found in zip(plan.outputs, measured, strict=True):
        cells += [Cells(bounded, next(tables), payloads) for bounded in found.bounded]
        public.append(tuple(read_public(rows, next(payloads)) for rows in output.public))
    vectors = tuple(cells[p.table].vector(design.block(p), p.set, p.block) for p in design.parts)
    return Exact(vectors, tuple(c.observed for c in cells), tuple(public))
