"""Standard populations of policy, and which of them a text is near, by the text alone, whatever the data and release
history contain. Researchers see the advice when they check a text; checkers see it alongside an output.

A text is near a standard population if it reads that population's table, and (years left aside) has some of its
conditions and no others, or all of them and others that only leave out persons without a value. Both usually differ
from the population by few persons.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from broker.disclosure.table_recipes import StableColumnNumbers
from broker.domain.errors import Invalid
from broker.domain.plans.plan import Plan
from broker.domain.plans.scalars import Call, ColumnRef, Scalar, column_ids, scalar_text
from broker.domain.plans.variable_uses import VariableUse
from broker.domain.projects.project import ResearchProject
from broker.evidence.table_families import shown_tables
from broker.evidence.table_populations import Population, population_of
from broker.policy.policy_set import PolicySet
from broker.policy.release_history_policy import StandardPopulation
from broker.query import CompiledSql, compile_sql
from broker.workflow.checking.public_table_recipes import all_grants, broker_project


@dataclass(frozen=True, slots=True)
class NearPopulation:
    """An output (its number) and the standard population that it is near. `narrower`: the output has all of its
    conditions."""

    output: int
    name: str
    population: StandardPopulation
    narrower: bool
    uses: tuple[VariableUse, ...]


@dataclass(frozen=True, slots=True)
class _Conditions:
    """The texts of conditions, and those among them that only require a value."""

    texts: frozenset[str]
    not_null: frozenset[str]


def near_standard(plan: Plan, policies: PolicySet) -> tuple[NearPopulation, ...]:
    """Return the near populations in the plan's order, each output and population once."""
    return tuple(dict.fromkeys(_near_populations(plan, policies)))


def advice_on(plan: Plan, project: ResearchProject, policies: PolicySet) -> tuple[str, ...]:
    """Return a sentence for each near population whose uses the project is granted."""
    return tuple(_sentence(n) for n in near_standard(plan, policies) if _is_granted(n.uses, project))


def _sentence(near: NearPopulation) -> str:
    p = near.population
    which = (
        "It also leaves out persons without a value: make a separate group for them."
        if near.narrower
        else "It is larger than the standard population."
    )
    return (
        f"The population of output {near.name} nearly equals the standard population “{p.name}” ({p.about}). "
        f"{which} Two tables about the same population can both be released in full. Two tables about nearly the "
        f"same population usually cannot. Write WHERE {p.where} if that serves your purpose."
    )


def _is_granted(uses: Sequence[VariableUse], project: ResearchProject) -> bool:
    return all(u.variable is None or project.granted_years(u.table, u.variable) is not False for u in uses)


def _near_populations(plan: Plan, policies: PolicySet) -> Iterator[NearPopulation]:
    standard: dict[str, list[tuple[StandardPopulation, _Conditions, tuple[VariableUse, ...]]]] = {}
    for (output, _), table in shown_tables(plan):
        population = population_of(table, StableColumnNumbers())
        if population.base not in standard:
            standard[population.base] = list(_standard_of_table(population.base, policies))
        mine = _conditions(population, policies)
        for known, theirs, uses in standard[population.base]:
            wider = mine.texts < theirs.texts  # fewer conditions, so more persons
            narrower = mine.texts > theirs.texts and mine.texts - theirs.texts <= mine.not_null
            if wider or narrower:
                yield NearPopulation(output, plan.outputs[output].name, known, narrower, uses)


def _standard_of_table(
    table: str, policies: PolicySet
) -> Iterator[tuple[StandardPopulation, _Conditions, tuple[VariableUse, ...]]]:
    """Yield a table's standard populations with their conditions, as a query about exactly them has these.

    A population whose condition does not compile is left out: no policy set with such a one can be proposed.
    """
    for known in policies.memory.standard:
        plan = _compile_count(known, policies).plan if known.table == table else None
        if plan is not None:
            ((_, planned), *_) = shown_tables(plan)
            yield known, _conditions(population_of(planned, StableColumnNumbers()), policies), plan.uses


def check_standard_populations(policies: PolicySet) -> None:
    """Raises Invalid for a standard population whose condition no query can have."""
    for known in policies.memory.standard:
        found = _compile_count(known, policies)
        if found.plan is None:
            why = found.refusals[0].message if found.refusals else ""
            raise Invalid("standard-population", f"The standard population {known.name!r} cannot be used. {why}")


def _compile_count(known: StandardPopulation, policies: PolicySet) -> CompiledSql:
    text = f"-- output: standard\nSELECT COUNT(*) AS n FROM {known.table} WHERE {known.where}"
    project = broker_project("standard-populations", all_grants(policies), policies)
    return compile_sql(text, "duckdb", policies.catalogue, project, policies.service)


def conditions_beyond_year(population: Population, policies: PolicySet) -> list[Scalar]:
    """Return all conditions except those on the year, because every text has one on the year."""
    table = policies.catalogue.find(population.base)
    axis = None if table is None or table.year is None else table.year.variable
    year = StableColumnNumbers().number(f"/{population.base}.{axis}")
    return [c for c in population.conditions if column_ids(c) != frozenset({year})]


def _conditions(population: Population, policies: PolicySet) -> _Conditions:
    conditions = conditions_beyond_year(population, policies)
    return _Conditions(
        frozenset(map(scalar_text, conditions)), frozenset(scalar_text(c) for c in conditions if _is_not_null(c))
    )


def _is_not_null(condition: Scalar) -> bool:
    match condition:
        case Call(op="not", args=(Call(op="is_null", args=(ColumnRef(),)),)):
            return True
    return False
