"""The rules' word on all outputs of a job together: each cell alone, then one pattern of holes for tables over the same
people. Knows no engine, no other release and no person's vote."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from broker.disclosure.judge import Asked, ask, assessed, has_holes, judged_by
from broker.disclosure.judged_tables import Covered, JudgedTable, Remembered
from broker.disclosure.linking.families import Family, Where, families_of, strangers
from broker.disclosure.linking.figures import Place
from broker.disclosure.linking.patterns import Pattern, pattern_of
from broker.disclosure.listing import Registers
from broker.disclosure.repair.attack import Progress, untold
from broker.disclosure.wording import LINKED, NARROW, TOO_MANY
from broker.domain.evidence import JobEvidence, TableEvidence
from broker.domain.findings import Assessment, Audit, Finding
from broker.domain.plans import Plan
from broker.domain.scalars import Value
from broker.policy.profiles import Profile, ZeroPolicy

Judged = list[list[JudgedTable]]
"""Of each output, its tables."""


def judge_job(
    plan: Plan,
    evidence: JobEvidence,
    profile: Profile,
    registers: Registers | None = None,
    progress: Progress = untold,
    remembered: Mapping[Where, Remembered] | None = None,
) -> tuple[Assessment, ...]:
    """An assessment for each output, in order.

    What memory says of a table's figures (`remembered`) holds as a rule does: what it hides, nobody can work out.

    Rules act on cells first. Then, family by family, further figures are hidden until nobody who knows the totals can
    work out what is hidden, in any table of the job (X1). Where that cannot be had or not be looked at, a person looks.
    """
    lists = registers or {}
    asked = [ask(p, e, profile) for p, e in zip(plan.outputs, evidence.outputs, strict=True)]
    said: Mapping[int, dict[int, Remembered]] = defaultdict(dict)
    for (output, table), told in (remembered or {}).items():
        said[output][table] = told
    judged = [judged_by(a, lists, None, said[n]) for n, a in enumerate(asked)]
    if profile.zeros is ZeroPolicy.PUBLISH and any(map(has_holes, judged)):
        asked = [a.with_zeros_hidden() for a in asked]
        judged = [judged_by(a, lists, None, said[n]) for n, a in enumerate(asked)]
    families = families_of(plan, profile.max_joint_cells)
    joints = iter(evidence.joints)
    found = [_pattern(f, next(joints) if f.joint else None, asked, judged, profile, progress) for f in families]
    secondary = _by_table([p for pattern in found if pattern is not None for p in pattern.hidden])
    again = [
        judged_by(a, lists, secondary[n], said[n]) if n in secondary else tables
        for n, (a, tables) in enumerate(zip(asked, judged, strict=True))
    ]
    more, audits = _on_outputs(families, found), _audits(families, found)
    return tuple(assessed(a, t, more[n], audits.get(n)) for n, (a, t) in enumerate(zip(asked, again, strict=True)))


def _pattern(
    family: Family,
    joint: TableEvidence | None,
    asked: Sequence[Asked],
    judged: Judged,
    profile: Profile,
    progress: Progress,
) -> Pattern | None:
    """None where the joint table is too large. An output of a small population shows nothing, and is as if not there:
    the holes of the others must not tell of it."""
    if family.joint is not None and joint is None:
        return None
    shown = [m.where for m in family.members if not asked[m.where[0]].is_small]
    evidence = {m.where: asked[m.where[0]].evidence.tables[m.where[1]] for m in family.members}
    tables = {(n, k): judged[n][k] for n, k in shown}
    return pattern_of(family, evidence, joint, tables, profile, progress) if tables else Pattern()


def _by_table(places: Sequence[Place]) -> dict[int, dict[int, Covered]]:
    found: dict[int, dict[int, set[tuple[tuple[Value, ...], int]]]] = defaultdict(lambda: defaultdict(set))
    for (output, table), keys, ident in places:
        found[output][table].add((keys, ident))
    return {n: {k: frozenset(cells) for k, cells in tables.items()} for n, tables in found.items()}


def _audits(families: Sequence[Family], patterns: Sequence[Pattern | None]) -> dict[int, Audit]:
    """Of each output, what was tried and found of its families, for staff; of some that could not be tried, nothing."""
    found: dict[int, Audit] = {}
    for family, pattern in zip(families, patterns, strict=True):
        if pattern is None:
            continue
        for number in sorted({m.where[0] for m in family.members}):
            was = found.get(number, Audit(0, 0, 0))
            found[number] = Audit(was.targets + pattern.targets, was.exact + pattern.exact, was.narrow + pattern.narrow)
    return found


def _on_outputs(families: Sequence[Family], patterns: Sequence[Pattern | None]) -> Mapping[int, tuple[Finding, ...]]:
    """What a person must look at, by output: the same for all outputs of a family."""
    found: dict[int, dict[Finding, None]] = defaultdict(dict)
    for output in strangers(families):
        found[output][LINKED] = None
    for family, pattern in zip(families, patterns, strict=True):
        for number in {m.where[0] for m in family.members}:
            if family.is_beyond_sums:
                found[number][LINKED] = None
            if pattern is None or pattern.beyond:
                found[number][TOO_MANY] = None
            if pattern is not None and pattern.exact + pattern.narrow:
                found[number][NARROW] = None
    return defaultdict(tuple, {n: tuple(findings) for n, findings in found.items()})
