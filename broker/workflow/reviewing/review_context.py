"""Context of an output under review: rules, uses, thread, submission, and the last release of its name."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.disclosure.records.rule_catalogue import AppliedRule, applied_rules
from broker.domain.identity.people import Person
from broker.domain.jobs.reviews import Message
from broker.domain.plans.variable_uses import VariableUse
from broker.domain.ports import Ports
from broker.domain.release_history import HistorySource
from broker.domain.staff_records import ComparisonRecord
from broker.workflow.access import project_or_unknown
from broker.workflow.administration.public_table_requests import public_table_names
from broker.workflow.checking.stored_checks import check_of_job
from broker.workflow.policies_in_force import policies_assessed
from broker.workflow.reviewing.checker_inbox import ReviewedSubmission, submission_of_job
from broker.workflow.reviewing.output_review import OutputUnderReview
from broker.workflow.reviewing.output_thread import messages_for_checker


@dataclass(frozen=True, slots=True)
class ReviewContext:
    """`rules` are those that the output was judged by; none for a script's file and for a private output. `published`
    has the names of the public tables in its comparison, by id."""

    uses: tuple[VariableUse, ...]
    rules: tuple[AppliedRule, ...]
    profile: str
    thread: tuple[Message, ...]
    submitted: ReviewedSubmission
    published: Mapping[str, str]


def context_of(ports: Ports, person: Person, reviewed: OutputUnderReview) -> ReviewContext:
    """Return the context for somebody who has just viewed the output. `reviewed` proves that they may, and that the
    view is audited."""
    policies = policies_assessed(ports.store, reviewed.job)
    profile = policies.disclosure_rules(project_or_unknown(policies, reviewed.job.submission.project).profile)
    judged = reviewed.record.exact_table
    return ReviewContext(
        uses=check_of_job(ports, reviewed.job).uses,
        rules=() if judged is None else applied_rules(profile, judged.findings),
        profile=profile.name,
        thread=messages_for_checker(ports, person, reviewed.output),
        submitted=submission_of_job(ports, person, reviewed.job, reviewed.relation),
        published=_published(ports, reviewed.record.comparison),
    )


def _published(ports: Ports, comparison: ComparisonRecord | None) -> dict[str, str]:
    if comparison is None:
        return {}
    overlapping = [o.output for o in comparison.overlaps if o.source is HistorySource.PUBLIC]
    return public_table_names(ports, [*overlapping, *comparison.numbers_only])


MAX_LISTED_CHANGES = 200
"""Most differing figures that are listed. All are counted."""

KeyedRows = dict[tuple[str, ...], dict[str, str]]


@dataclass(frozen=True, slots=True)
class ChangedFigure:
    """A figure that differs from the one released earlier. None: this table has no such row or column."""

    cell: tuple[str, ...]
    column: str
    then: str | None
    now: str | None


@dataclass(frozen=True, slots=True)
class EarlierRelease:
    """The earlier output and the number of equal figures. `changes` are the first of `changed`; None if the two cannot
    be compared figure by figure."""

    output: str
    job: str
    released: datetime
    equal: int
    changed: int
    changes: tuple[ChangedFigure, ...] | None


def earlier_release(ports: Ports, reviewed: OutputUnderReview) -> EarlierRelease | None:
    """Return the comparison with the project's last released output of this name; None if there is none."""
    before = ports.store.last_released(reviewed.job.submission.project, reviewed.output.name, reviewed.output.ident)
    if before is None or before.release_hash is None:
        return None
    release = ports.store.release_of(before.job)
    at = before.created if release is None else release.released_at
    table = reviewed.record.table
    if table is None or reviewed.candidate is None or before.media_type != "text/csv":
        return EarlierRelease(before.ident, before.job, at, 0, 0, None)
    keys = frozenset(table.columns[n] for n in table.key_columns)
    then = _rows_by_keys(ports.content_store.get("released", before.release_hash), keys)
    now = _rows_by_keys(reviewed.candidate, keys)
    if then is None or now is None:
        return EarlierRelease(before.ident, before.job, at, 0, 0, None)
    changes = list(_changed_figures(then, now))
    figures = sum(len(row.keys() | then.get(cell, {}).keys()) for cell, row in now.items())
    gone = sum(len(row) for cell, row in then.items() if cell not in now)
    return EarlierRelease(
        before.ident, before.job, at, figures + gone - len(changes), len(changes), tuple(changes[:MAX_LISTED_CHANGES])
    )


def _rows_by_keys(content: bytes, keys: frozenset[str]) -> KeyedRows | None:
    """Return the rows by the values of the columns named `keys`; None if two rows have the same keys or two columns the
    same name."""
    header, *rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")))) or [[]]
    places = [n for n, name in enumerate(header) if name in keys]
    keyed = {
        tuple(row[n] for n in places): {
            name: value for name, value in zip(header, row, strict=False) if name not in keys
        }
        for row in rows
    }
    # Rows that share their keys cannot be matched.
    return keyed if len(keyed) == len(rows) and len(set(header)) == len(header) else None


def _changed_figures(then: KeyedRows, now: KeyedRows) -> Iterator[ChangedFigure]:
    for cell in dict.fromkeys([*now, *then]):
        before, after = then.get(cell, {}), now.get(cell, {})
        for column in dict.fromkeys([*after, *before]):
            if before.get(column) != after.get(column):
                yield ChangedFigure(cell, column, before.get(column), after.get(column))
