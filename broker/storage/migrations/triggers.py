"""Triggers that make tables append-only, for both databases. Only revisions use them, so they must not
change either."""

_SQLITE_NEVER = """CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"""

_POSTGRES_FUNCTION = """CREATE OR REPLACE FUNCTION broker_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"""


def append_only(dialect: str, table: str) -> list[str]:
    """Return statements after which no row of the table can be changed or removed."""
    if dialect == "sqlite":
        return [_SQLITE_NEVER.format(table=table, verb=verb) for verb in ("UPDATE", "DELETE")]
    return [
        _POSTGRES_FUNCTION,
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION broker_append_only()",
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION broker_append_only()",
    ]


_FOLLOWS = """NEW.number <> (SELECT number + 1 FROM audit_head)
  OR NEW.previous <> (SELECT hash FROM audit_head)"""

_MOVES = """NEW.ident <> OLD.ident OR NEW.number <> OLD.number + 1
  OR NOT EXISTS (SELECT 1 FROM audit WHERE audit.number = NEW.number AND audit.hash = NEW.hash)"""

CHAINED: dict[str, list[str]] = {
    "sqlite": [
        # REPLACE deletes a row without firing delete triggers, so this check has to stop it.
        f"CREATE TRIGGER audit_follows BEFORE INSERT ON audit WHEN {_FOLLOWS} "
        "BEGIN SELECT RAISE(ABORT, 'an audit line follows the head'); END",
        f"CREATE TRIGGER audit_head_moves BEFORE UPDATE ON audit_head WHEN {_MOVES} "
        "BEGIN SELECT RAISE(ABORT, 'the head moves to the next audit line'); END",
        "CREATE TRIGGER audit_head_one BEFORE INSERT ON audit_head "
        "BEGIN SELECT RAISE(ABORT, 'there is one audit head'); END",
        _SQLITE_NEVER.format(table="audit_head", verb="DELETE"),
    ],
    "postgresql": [
        "CREATE FUNCTION broker_audit_follows() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {_FOLLOWS} THEN RAISE EXCEPTION 'an audit line follows the head'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER audit_follows BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION broker_audit_follows()",
        "CREATE FUNCTION broker_audit_head_moves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {_MOVES} THEN RAISE EXCEPTION 'the head moves to the next audit line'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER audit_head_moves BEFORE UPDATE ON audit_head "
        "FOR EACH ROW EXECUTE FUNCTION broker_audit_head_moves()",
        "CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head "
        "FOR EACH ROW EXECUTE FUNCTION broker_append_only()",
        "CREATE TRIGGER audit_head_no_truncate BEFORE TRUNCATE ON audit_head "
        "FOR EACH STATEMENT EXECUTE FUNCTION broker_append_only()",
    ],
}
"""Statements that enforce the chain: a line follows the head, and the head can only move to that line."""
