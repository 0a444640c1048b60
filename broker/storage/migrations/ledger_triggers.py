"""Triggers with which the database itself enforces the ledger's rules. Only revisions use them, so they must not
change."""

_FALLS = "NEW.spent < OLD.spent OR NEW.spent_delta < OLD.spent_delta OR NEW.accounting <> OLD.accounting"

_LEAPS = """NEW.job <> OLD.job OR NEW.project <> OLD.project OR NEW.snapshot <> OLD.snapshot
  OR NEW.question <> OLD.question OR NEW.costs <> OLD.costs
  OR (OLD.answer_hash IS NOT NULL AND (NEW.answer_hash IS NULL OR NEW.answer_hash <> OLD.answer_hash
    OR NEW.answer_place <> OLD.answer_place))
  OR (NEW.state <> OLD.state AND NOT (
    (OLD.state = 'reserved' AND NEW.state IN ('charged', 'refunded'))
    OR (OLD.state = 'charged' AND NEW.state IN ('released', 'withheld'))))"""

_FOLLOWS = """NEW.previous <> (SELECT hash FROM ledger_head)
  OR NEW.number <= (SELECT number FROM ledger_head)
  OR (NEW.number <> (SELECT number + 1 FROM ledger_head) AND NEW.kind <> 'restored')"""

_MOVES = """NEW.ident <> OLD.ident OR NEW.number <= OLD.number
  OR NOT EXISTS (SELECT 1 FROM ledger_entries e WHERE e.number = NEW.number AND e.hash = NEW.hash)"""

_KEPT = (
    ("ledger_accounts", "UPDATE", _FALLS, "what is spent stays spent"),
    ("ledger_spends", "UPDATE", _LEAPS, "a spend moves on, and is never refunded after a read"),
    ("ledger_entries", "INSERT", _FOLLOWS, "an entry follows the head"),
    ("ledger_head", "UPDATE", _MOVES, "the head moves to the next entry"),
)
"""(table, operation, condition for refusing it, reason). For REPLACE on SQLite, which fires no delete triggers, see
`_NOT_TWICE`."""

_NOT_TWICE = {
    "ledger_accounts": "unit = NEW.unit AND project = NEW.project AND dataset = NEW.dataset",
    "ledger_spends": "job = NEW.job",
    "ledger_head": "ident = NEW.ident",
    "ledger_asides": "kind = NEW.kind AND source = NEW.source AND dataset = NEW.dataset",
    "ledger_charges": "job = NEW.job AND unit = NEW.unit AND project = NEW.project AND dataset = NEW.dataset",
}
_SQLITE_NOT_TWICE = """CREATE TRIGGER {table}_not_twice BEFORE INSERT ON {table}
WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})
BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: {table}'); END"""
_STAYS = ("ledger_accounts", "ledger_spends", "ledger_head")


def ledger_guards(dialect: str) -> list[str]:
    """Return statements after which no row of the ledger can be removed, and rows can only change forwards."""
    return _sqlite() if dialect == "sqlite" else _postgresql()


def _sqlite() -> list[str]:
    made = [
        f"CREATE TRIGGER {table}_kept BEFORE {verb} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, '{why}'); END"
        for table, verb, when, why in _KEPT
    ]
    made += [_SQLITE_NOT_TWICE.format(table=table, same=same) for table, same in _NOT_TWICE.items()]
    return made + [
        f"CREATE TRIGGER {table}_stays BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, '{table} stays'); END"
        for table in _STAYS
    ]


def _postgresql() -> list[str]:
    made = []
    for table, verb, when, why in _KEPT:
        made += [
            f"CREATE FUNCTION broker_{table}_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF {when} THEN RAISE EXCEPTION '{why}'; END IF; RETURN NEW; END $$",
            f"CREATE TRIGGER {table}_kept BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION broker_{table}_kept()",
        ]
    for table in _STAYS:
        made += [
            f"CREATE TRIGGER {table}_stays BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION broker_append_only()",
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION broker_append_only()",
        ]
    return made
