"""The query of a table as one statement, for tests that run it at once. The engine runs its passes one by one."""

from broker.domain.evidence import VaultProofs
from broker.domain.plans.plan import EvidenceNeeds, PlannedTable
from broker.query import TwoPassQuery, two_pass_query
from broker.query.sql.table_statement import BOUNDS_TABLE, NO_PROOFS


def whole_statement(query: TwoPassQuery) -> str:
    """One statement with the same result. Its second pass selects no rows if there is no doubt."""
    if query.first is None or query.second is None:
        return query.text
    bounds = f"WITH {BOUNDS_TABLE} AS MATERIALIZED (\n{query.first}\n)"
    rest = query.second.removeprefix("WITH ")
    return f"{bounds},\n{rest}" if rest != query.second else f"{bounds}\n{rest}"


def render(table: PlannedTable, needs: EvidenceNeeds, proofs: VaultProofs = NO_PROOFS, people: int = 0) -> str:
    """The statement of a table."""
    return whole_statement(two_pass_query(table, needs, proofs, people))
