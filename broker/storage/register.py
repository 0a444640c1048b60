"""The public register's looks at releases: lines page by page, and counts by project. Changes nothing."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, func, or_, select

from broker.domain.errors import Unknown
from broker.domain.outputs import OutputState
from broker.domain.ports import EVERY_RELEASE, RegisterCount, RegisterEntry, RegisterFilter
from broker.storage.database import Database
from broker.storage.tables.jobs import jobs, outputs
from broker.storage.tables.reviews import recalls, release_outputs, releases


class RegisterLooks:
    """The part of the store that the register is read from."""

    _db: Database

    def register(self, wanted: RegisterFilter = EVERY_RELEASE) -> list[RegisterEntry]:
        with self._db.read() as connection:
            chosen = _chosen(wanted)
            if wanted.after is not None:
                at = select(releases.c.released_at).where(releases.c.ident == wanted.after)
                moment = connection.execute(at).scalar()
                if moment is None:
                    raise Unknown("release", wanted.after)
                chosen = chosen.where(_older_than(moment, wanted.after))
            grouped: dict[str, list[Row[Any]]] = {}
            for row in connection.execute(_with_outputs(chosen)):
                grouped.setdefault(row.ident, []).append(row)
        return [_entry(rows) for rows in grouped.values()]

    def releases_made(self) -> int:
        with self._db.read() as connection:
            return connection.execute(select(func.count()).select_from(releases)).scalar_one()

    def register_counts(self) -> list[RegisterCount]:
        last = func.row_number().over(partition_by=releases.c.project, order_by=releases.c.released_at.desc())
        newest = select(releases.c.project, releases.c.released_at, jobs.c.policy, last.label("place"))
        newest_of = newest.join(jobs, jobs.c.ident == releases.c.job).subquery()
        query = (
            select(
                releases.c.project,
                func.count(releases.c.ident.distinct()).label("releases"),
                func.count(release_outputs.c.output).label("outputs"),
                func.count(recalls.c.output).label("recalled"),
                newest_of.c.released_at,
                newest_of.c.policy,
            )
            .join(release_outputs, release_outputs.c.release == releases.c.ident)
            .outerjoin(recalls, recalls.c.output == release_outputs.c.output)
            .join(newest_of, and_(newest_of.c.project == releases.c.project, newest_of.c.place == 1))
            .group_by(releases.c.project, newest_of.c.released_at, newest_of.c.policy)
            .order_by(releases.c.project)
        )
        with self._db.read() as connection:
            return [
                RegisterCount(r.project, r.releases, r.outputs, r.recalled, r.released_at, r.policy)
                for r in connection.execute(query)
            ]


def _chosen(wanted: RegisterFilter) -> Select[Any]:
    """The releases of one page, before their outputs are joined: a limit on lines would cut a release."""
    query = select(releases.c.ident, releases.c.project, releases.c.released_at, jobs.c.title)
    query = query.join(jobs, jobs.c.ident == releases.c.job)
    if wanted.projects is not None:
        query = query.where(releases.c.project.in_(sorted(wanted.projects)))
    for word in wanted.words:
        query = query.where(or_(jobs.c.title.icontains(word, autoescape=True), _names(word)))
    order = [releases.c.released_at.desc(), releases.c.ident.desc()]
    if wanted.recalled:
        held = select(release_outputs.c.release, func.max(recalls.c.recalled_at).label("at"))
        held = held.join(recalls, recalls.c.output == release_outputs.c.output).group_by(release_outputs.c.release)
        found = held.subquery()
        query, order = query.join(found, found.c.release == releases.c.ident), [found.c.at.desc(), *order]
    return query.order_by(*order).limit(wanted.limit)


def _names(word: str) -> Any:
    named = select(release_outputs.c.release).join(outputs, outputs.c.ident == release_outputs.c.output)
    return releases.c.ident.in_(named.where(outputs.c.name.icontains(word, autoescape=True)))


def _older_than(moment: datetime, ident: str) -> Any:
    same = and_(releases.c.released_at == moment, releases.c.ident < ident)
    return or_(releases.c.released_at < moment, same)


def _with_outputs(chosen: Select[Any]) -> Select[Any]:
    page = chosen.subquery()
    return (
        select(page, outputs.c.name, outputs.c.state, recalls.c.recalled_at)
        .join(release_outputs, release_outputs.c.release == page.c.ident)
        .join(outputs, outputs.c.ident == release_outputs.c.output)
        .outerjoin(recalls, recalls.c.output == outputs.c.ident)
        .order_by(page.c.released_at.desc(), page.c.ident.desc(), release_outputs.c.position)
    )


def _entry(rows: list[Row[Any]]) -> RegisterEntry:
    first = rows[0]
    gone = [row for row in rows if row.state == OutputState.RECALLED]
    return RegisterEntry(
        release=first.ident,
        project=first.project,
        title=first.title,
        outputs=tuple(row.name for row in rows),
        released_at=first.released_at,
        recalled=len(gone) == len(rows),
        recalled_outputs=tuple(row.name for row in gone),
        recalled_at=max((row.recalled_at for row in gone if row.recalled_at is not None), default=None),
    )
