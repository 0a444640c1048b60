"""Room: SQL text to uses, plan and rendered SQL. No I/O, no data, no grants; the only room that knows sqlglot."""

from broker.query.compile import Compiled, compile_sql
from broker.query.operations.fold import compute
from broker.query.reach.parts import Reach
from broker.query.rendering.beside import institution_columns, record_key_columns
from broker.query.rendering.bounded import render_slots, render_sums
from broker.query.rendering.choose import looks, render
from broker.query.rendering.looks import Looks
from broker.query.rendering.members import render_member_cells, render_members
from broker.query.rendering.render import evidence_columns, render_public
from broker.query.rendering.standing import has_stand_ins
from broker.query.rendering.writing import quoted

__all__ = [
    "Compiled",
    "Looks",
    "Reach",
    "compile_sql",
    "compute",
    "evidence_columns",
    "has_stand_ins",
    "institution_columns",
    "looks",
    "quoted",
    "record_key_columns",
    "render",
    "render_member_cells",
    "render_members",
    "render_public",
    "render_slots",
    "render_sums",
]
