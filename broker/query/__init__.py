"""Room: turns SQL text into uses, a plan and rendered SQL. No I/O, no data, no grants; the only room that imports
sqlglot."""

from broker.query.compile import CompiledSql, compile_sql
from broker.query.dialects.known_dialects import DIALECTS
from broker.query.parser.clause_places import ClausePlaces, Insertion
from broker.query.selectivity.selectivity_check import SelectivityThreshold
from broker.query.sql.bounded_statements import render_slots, render_sums
from broker.query.sql.counted_statement import render_counted
from broker.query.sql.exact_statement import evidence_columns, render_public
from broker.query.sql.extra_evidence import institution_columns, record_key_columns
from broker.query.sql.generator import quoted
from broker.query.sql.member_statements import render_member_cells, render_members
from broker.query.sql.replacement_rows import has_replacement_rows
from broker.query.sql.table_statement import TwoPassQuery, two_pass_query

__all__ = [
    "DIALECTS",
    "ClausePlaces",
    "CompiledSql",
    "Insertion",
    "SelectivityThreshold",
    "TwoPassQuery",
    "compile_sql",
    "evidence_columns",
    "has_replacement_rows",
    "institution_columns",
    "quoted",
    "record_key_columns",
    "render_counted",
    "render_member_cells",
    "render_members",
    "render_public",
    "render_slots",
    "render_sums",
    "two_pass_query",
]
