"""Which statement gives a planned table: by certificates where proofs allow, else by a look at everybody."""

from broker.domain.plans import Needs, PlannedTable
from broker.domain.proofs import Proofs
from broker.query.rendering.certified import render_certified
from broker.query.rendering.ground import ground_of
from broker.query.rendering.looks import Looks
from broker.query.rendering.render import render as render_exact

NONE: Proofs = {}


def render(table: PlannedTable, needs: Needs, proofs: Proofs = NONE, people: int = 0) -> str:
    """The statement; `needs.least` is the number of persons that a group needs which rows of persons meet. `proofs`
    and the number of `people` are those of the vault that it runs on.

    Its columns: `k0`…`kn`, `rows`, `persons`, `population` (distinct persons of all cells, on each row; at
    least so many, if not fewer than `needs.least`), and `evidence_columns` of each statistic in turn. Rows stand in the
    order of the keys.
    """
    return looks(table, needs, proofs, people).whole


def looks(table: PlannedTable, needs: Needs, proofs: Proofs = NONE, people: int = 0) -> Looks:
    """The same in up to two looks, of which the second is taken only where the first leaves a doubt."""
    ground = ground_of(table, needs, proofs, people)
    return Looks(render_exact(table, needs)) if ground is None else render_certified(table, needs, ground)
