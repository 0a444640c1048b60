"""Standard populations of policy, and which of them a text is near: by its words alone, whatever any data or the memory
say. Researchers are told when they check a text; checkers see it beside an output.

Near is a text about a standard population's table with some of its conditions and no others, years left out; or with
all of them and others that only leave out who has no value. Both differ from it by few, mostly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from broker.disclosure.linking.families import shown_tables
from broker.disclosure.linking.populations import Population, population_of
from broker.disclosure.recipes import SameNames
from broker.domain.errors import Invalid
from broker.domain.plans import Plan
from broker.domain.projects import Project
from broker.domain.scalars import Call, Column, Scalar, columns_of, text_of
from broker.domain.variables import Use
from broker.policy.memory import StandardPopulation
from broker.policy.models import Policies
from broker.query import Compiled, compile_sql
from broker.workflow.public_recipes import everything, own_project


@dataclass(frozen=True, slots=True)
class Near:
    """An output (its number) and the standard population that it is near. `narrower`: it has all of its conditions."""

    output: int
    name: str
    population: StandardPopulation
    narrower: bool
    uses: tuple[Use, ...]


@dataclass(frozen=True, slots=True)
class _Conditions:
    """Their texts, and which of them ask no more than that there is a value."""

    texts: frozenset[str]
    given: frozenset[str]


def near_standard(plan: Plan, policies: Policies) -> tuple[Near, ...]:
    """In the plan's order; each output and population once."""
    return tuple(dict.fromkeys(_near(plan, policies)))


def advice_on(plan: Plan, project: Project, policies: Policies) -> tuple[str, ...]:
    """A sentence for each, where the project has what the population asks for."""
    return tuple(_sentence(n) for n in near_standard(plan, policies) if _is_granted(n.uses, project))


def _sentence(near: Near) -> str:
    p = near.population
    which = "It also leaves out who has no value: make that a group of its own." if near.narrower else "It is wider."
    return (
        f"Output {near.name} is about nearly the standard population “{p.name}” ({p.about}). {which} Two tables about "
        f"one population can both be released whole, two about nearly one seldom: write WHERE {p.where} if it serves "
        "your purpose."
    )


def _is_granted(uses: Sequence[Use], project: Project) -> bool:
    return all(u.variable is None or project.granted_years(u.table, u.variable) is not False for u in uses)


def _near(plan: Plan, policies: Policies) -> Iterator[Near]:
    standard: dict[str, list[tuple[StandardPopulation, _Conditions, tuple[Use, ...]]]] = {}
    for (output, _), table in shown_tables(plan):
        population = population_of(table, SameNames())
        if population.base not in standard:
            standard[population.base] = list(_standard(population.base, policies))
        mine = _conditions(population, policies)
        for known, theirs, uses in standard[population.base]:
            wider = mine.texts < theirs.texts
            narrower = mine.texts > theirs.texts and mine.texts - theirs.texts <= mine.given
            if wider or narrower:
                yield Near(output, plan.outputs[output].name, known, narrower, uses)


def _standard(table: str, policies: Policies) -> Iterator[tuple[StandardPopulation, _Conditions, tuple[Use, ...]]]:
    """Those of a table with their conditions, as a query that asks for nobody else has them. One that policy writes
    wrongly is nobody's: no set with such a one can be proposed."""
    for known in policies.memory.standard:
        plan = _counted(known, policies).plan if known.table == table else None
        if plan is not None:
            ((_, planned), *_) = shown_tables(plan)
            yield known, _conditions(population_of(planned, SameNames()), policies), plan.uses


def check_standard(policies: Policies) -> None:
    """Raises Invalid for a standard population whose condition no query can have."""
    for known in policies.memory.standard:
        found = _counted(known, policies)
        if found.plan is None:
            why = found.refusals[0].message if found.refusals else ""
            raise Invalid("standard-population", f"The standard population {known.name!r} cannot be asked for. {why}")


def _counted(known: StandardPopulation, policies: Policies) -> Compiled:
    text = f"-- output: standard\nSELECT COUNT(*) AS n FROM {known.table} WHERE {known.where}"
    project = own_project("standard-populations", everything(policies), policies)
    return compile_sql(text, "duckdb", policies.catalogue, project, policies.service)


def _conditions(population: Population, policies: Policies) -> _Conditions:
    """All but those on the year: every text has one."""
    table = policies.catalogue.find(population.base)
    axis = None if table is None or table.year is None else table.year.variable
    year = SameNames().number(f"/{population.base}.{axis}")
    asked = [c for c in population.conditions if columns_of(c) != frozenset({year})]
    return _Conditions(frozenset(map(text_of, asked)), frozenset(text_of(c) for c in asked if _asks_for_a_value(c)))


def _asks_for_a_value(condition: Scalar) -> bool:
    match condition:
        case Call(op="not", args=(Call(op="is_null", args=(Column(),)),)):
            return True
    return False
