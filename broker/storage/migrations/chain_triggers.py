"""Triggers for a chain of entries and its head (`broker.storage.signed_chain`). Only revisions use them, so they must
not change.

On SQLite, REPLACE deletes a row without firing delete triggers. So an insert that would replace a row is refused.
"""

_FOLLOWS = """NEW.previous <> (SELECT hash FROM {head})
  OR NEW.number <= (SELECT number FROM {head})
  OR (NEW.number <> (SELECT number + 1 FROM {head}) AND NEW.kind <> 'restored')"""

_MOVES = """NEW.ident <> OLD.ident OR NEW.number <= OLD.number
  OR NOT EXISTS (SELECT 1 FROM {lines} e WHERE e.number = NEW.number AND e.hash = NEW.hash)"""

_SQLITE = (
    "CREATE TRIGGER {lines}_kept BEFORE INSERT ON {lines} WHEN {follows} "
    "BEGIN SELECT RAISE(ABORT, 'an entry follows the head'); END",
    "CREATE TRIGGER {head}_kept BEFORE UPDATE ON {head} WHEN {moves} "
    "BEGIN SELECT RAISE(ABORT, 'the head moves to the next entry'); END",
    "CREATE TRIGGER {head}_stays BEFORE DELETE ON {head} BEGIN SELECT RAISE(ABORT, '{head} stays'); END",
)

_POSTGRESQL = (
    "CREATE FUNCTION broker_{lines}_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF {follows} THEN RAISE EXCEPTION 'an entry follows the head'; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER {lines}_kept BEFORE INSERT ON {lines} FOR EACH ROW EXECUTE FUNCTION broker_{lines}_kept()",
    "CREATE FUNCTION broker_{head}_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF {moves} THEN RAISE EXCEPTION 'the head moves to the next entry'; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER {head}_kept BEFORE UPDATE ON {head} FOR EACH ROW EXECUTE FUNCTION broker_{head}_kept()",
    "CREATE TRIGGER {head}_stays BEFORE DELETE ON {head} FOR EACH ROW EXECUTE FUNCTION broker_append_only()",
    "CREATE TRIGGER {head}_no_truncate BEFORE TRUNCATE ON {head} "
    "FOR EACH STATEMENT EXECUTE FUNCTION broker_append_only()",
)

_SQLITE_NOT_TWICE = """CREATE TRIGGER {table}_not_twice BEFORE INSERT ON {table}
WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})
BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: {table}'); END"""


def chain_guards(dialect: str, lines: str, head: str) -> list[str]:
    """Return statements after which each new entry must follow the head, and the head can only move to that entry."""
    names = {"lines": lines, "head": head}
    names |= {"follows": _FOLLOWS.format(**names), "moves": _MOVES.format(**names)}
    texts = [t.format(**names) for t in (_SQLITE if dialect == "sqlite" else _POSTGRESQL)]
    return texts + not_twice(dialect, head, "ident = NEW.ident")


def not_twice(dialect: str, table: str, same: str) -> list[str]:
    return [_SQLITE_NOT_TWICE.format(table=table, same=same)] if dialect == "sqlite" else []
