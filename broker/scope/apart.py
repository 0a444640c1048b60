"""Which scripts may not see all that their project was granted of their tables and years. Pure, judged by the
combination rules: a script reads what its mount holds, so what is mounted together has met."""

from collections.abc import Iterator, Sequence

from broker.domain.projects import Grant, Project
from broker.domain.variables import How, Use, Years
from broker.policy.models import Policies
from broker.policy.tables import Table
from broker.scope.check import years_touched
from broker.scope.combinations import check_combinations

READ = frozenset({How.READ})


def held_apart(uses: Sequence[Use], project: Project, policies: Policies) -> tuple[Use, ...] | None:
    """All that the mount of an accepted script may hold; None where it may hold the whole grant of its tables and
    years. Beside what the script declares it has the link keys of its tables, as everywhere, where no rule minds."""
    whole = tuple(_granted(uses, project, policies))
    if not check_combinations((*uses, *whole), project, policies):
        return None
    keys = (use for use in whole if policies.catalogue.table(use.table).is_link_key(use.variable or ""))
    with_keys = (*uses, *keys)
    return tuple(uses) if check_combinations(with_keys, project, policies) else with_keys


def _granted(uses: Sequence[Use], project: Project, policies: Policies) -> Iterator[Use]:
    """Every granted variable of the tables that are used, in those of its years in which the table is."""
    years: dict[str, Years] = {}
    for use in uses:
        table = policies.catalogue.find(use.table)
        if table is not None:
            years[table.full_name] = years.get(table.full_name, frozenset()) | years_touched(use, table)
    for grant in project.grants:
        if grant.table in years:
            yield from _use(grant, policies.catalogue.table(grant.table), years[grant.table])


def _use(grant: Grant, table: Table, years: Years) -> Iterator[Use]:
    if table.years is None:
        yield Use(table.full_name, grant.variable, None, READ)
    elif here := years if grant.years is None else years & grant.years:
        yield Use(table.full_name, grant.variable, here, READ)
