"""Policy sets in the store: proposed by one administrator, put in force by another. Does not read their content."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from broker.domain.errors import Breach, Conflict, Forbidden, Unknown
from broker.domain.identity.audit import AuditEvent
from broker.domain.ports import PolicyDecision, StoredPolicy
from broker.storage.audit_store import StorePart
from broker.storage.database import columns_of, next_number, refused_as, value_of
from broker.storage.tables.administration_tables import policies, policy_proposals, project_decisions


class SqlPolicySets(StorePart):
    """The part of the store that stores policy sets under their fingerprints."""

    def propose_policy(self, policy: StoredPolicy, events: Sequence[AuditEvent]) -> None:
        """Store a proposal. A set may be proposed again later, to go back to it; Conflict while it waits or is in
        force."""
        if policy.applied_by is not None or policy.applied_at is not None:
            raise Breach("A policy set has to be proposed before it is applied.")
        at_once = Conflict("stale", "Another policy set was proposed at the same time. Try again.")
        with refused_as(at_once), self._change(events) as connection:
            _put_content(connection, policy)
            _check_proposable(connection, policy.fingerprint)
            number = next_number(connection, policy_proposals.c.number)
            connection.execute(insert(policy_proposals).values(columns_of(policy_proposals, policy, number=number)))

    def apply_policy(
        self, fingerprint: str, by: str, now: datetime, events: Sequence[AuditEvent],
        projects: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        at_once = Conflict("stale", "Another policy set was applied at the same time. Check the changes again.")
        with refused_as(at_once), self._change(events) as connection:
            row = _latest(connection, fingerprint)
            if row.applied_by is not None:
                raise Conflict("already-applied", "This policy set is already applied.")
            # The store checks this too: two administrators are needed, whatever called it.
            if row.proposed_by == by:
                raise Forbidden(
                    "second-administrator", "You proposed this policy set, so another administrator has to apply it."
                )
            # Two administrators who apply at once get the same order; its unique constraint refuses the second.
            order = next_number(connection, policy_proposals.c.applied_order)
            # Compare-and-set: two administrators at once cannot both apply it.
            this = (policy_proposals.c.number == row.number, policy_proposals.c.applied_by.is_(None))
            values = {"applied_by": by, "applied_at": now, "applied_order": order}
            if connection.execute(update(policy_proposals).where(*this).values(values)).rowcount != 1:
                raise Conflict("already-applied", "This policy set is already applied.")
            _note_decisions(connection, row.number, projects)

    def decisions_on(self, project: str, limit: int = 20) -> list[PolicyDecision]:
        columns = ("fingerprint", "proposed_by", "proposed_at", "applied_by", "applied_at")
        joined = project_decisions.c.proposal == policy_proposals.c.number
        query = select(*(policy_proposals.c[name] for name in columns)).join(project_decisions, joined)
        query = query.where(project_decisions.c.project == project, policy_proposals.c.applied_by.is_not(None))
        rows = self._db.rows(query.order_by(policy_proposals.c.applied_order.desc()).limit(limit))
        return [PolicyDecision(*row) for row in rows]

    def policy_in_force(self) -> StoredPolicy:
        return value_of(StoredPolicy, self._in_force(_last_applied(_with_content())))

    def fingerprint_in_force(self) -> str:
        fingerprint: str = self._in_force(FINGERPRINT_IN_FORCE).fingerprint
        return fingerprint

    def _in_force(self, query: Select[Any]) -> Row[Any]:
        row = self._db.row(query)
        if row is None:
            raise Unknown("policy", "in force")
        return row

    def policy(self, fingerprint: str) -> StoredPolicy:
        return value_of(StoredPolicy, self._db.found_by(_latest, fingerprint))

    def proposed_policies(self) -> list[StoredPolicy]:
        """Return the sets that wait for a second administrator, oldest first."""
        query = _with_content().where(policy_proposals.c.applied_by.is_(None)).order_by(policy_proposals.c.number)
        return [value_of(StoredPolicy, row) for row in self._db.rows(query)]


def _note_decisions(connection: Connection, proposal: int, projects: frozenset[str]) -> None:
    if projects:
        rows = [{"project": project, "proposal": proposal} for project in sorted(projects)]
        connection.execute(insert(project_decisions), rows)


def _with_content() -> Select[Any]:
    joined = policies.c.fingerprint == policy_proposals.c.fingerprint
    return select(policy_proposals, policies.c.content).join(policies, joined)


def _last_applied(query: Select[Any]) -> Select[Any]:
    order = policy_proposals.c.applied_order
    return query.where(order.is_not(None)).order_by(order.desc()).limit(1)


# Made once, without the set's long text, because every request asks for it.
FINGERPRINT_IN_FORCE = _last_applied(select(policy_proposals.c.fingerprint))


def _latest(connection: Connection, fingerprint: str) -> Row[Any]:
    query = _with_content().where(policies.c.fingerprint == fingerprint).order_by(policy_proposals.c.number.desc())
    row = connection.execute(query.limit(1)).one_or_none()
    if row is None:
        raise Unknown("policy", fingerprint)
    return row


def _put_content(connection: Connection, policy: StoredPolicy) -> None:
    query = select(policies.c.content).where(policies.c.fingerprint == policy.fingerprint)
    stored = connection.execute(query).scalar()
    if stored is None:
        connection.execute(insert(policies).values(columns_of(policies, policy)))
    elif stored != policy.content:
        raise Breach("Two policy sets with one fingerprint.")


def _check_proposable(connection: Connection, fingerprint: str) -> None:
    waiting = select(policy_proposals.c.number).where(
        policy_proposals.c.fingerprint == fingerprint, policy_proposals.c.applied_by.is_(None)
    )
    if connection.execute(waiting).first():
        raise Conflict("already-proposed", "This policy set is already waiting for a second administrator.")
    in_force = connection.execute(_last_applied(_with_content())).one_or_none()
    if in_force is not None and in_force.fingerprint == fingerprint:
        raise Conflict("already-in-force", "This policy set is already in force.")
