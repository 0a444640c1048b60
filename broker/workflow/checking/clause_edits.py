"""Edits that add a clause: a key of GROUP BY that is missing, and the years that a project was granted."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from broker.domain.errors import Refusal, TextEdit
from broker.domain.plans.variable_uses import VariableUse
from broker.domain.projects.project import ResearchProject
from broker.policy.data_catalogue import Catalogue
from broker.query import DIALECTS, ClausePlaces, Insertion
from broker.scope.advice import year_predicate


def with_clause_edits(
    refusals: Sequence[Refusal], text: str, dialect: str, uses: Sequence[VariableUse], project: ResearchProject,
    catalogue: Catalogue,
) -> tuple[Refusal, ...]:  # fmt: skip
    """Return the refusals. Those whose advice is a clause to add have it as an edit, where its place is certain."""
    if not any(r.code in {"not-grouped", "years-not-granted"} for r in refusals):
        return tuple(refusals)
    places = ClausePlaces(text.replace("\r\n", "\n"), DIALECTS[dialect])
    keys = _key_edits(refusals, places)
    found = []
    for refusal in refusals:
        edit = refusal.edit or keys.get(refusal)
        if refusal.code == "years-not-granted":
            edit = _year_edit(refusal, places, uses, project, catalogue)
        found.append(replace(refusal, edit=edit))
    return tuple(found)


def _key_edits(refusals: Sequence[Refusal], places: ClausePlaces) -> dict[Refusal, TextEdit]:
    """One edit for all missing keys of a SELECT."""
    members: dict[int, list[Refusal]] = defaultdict(list)
    for refusal in refusals:
        number = places.select_of(refusal.line, refusal.column) if refusal.code == "not-grouped" else None
        if number is not None:
            members[number].append(refusal)
    found: dict[Refusal, TextEdit] = {}
    for number, of_select in members.items():
        insertion = places.keys(number, [(r.line or 1, r.column or 1) for r in of_select])
        found |= {r: _edit(insertion, places) for r in of_select if insertion is not None}
    return found


def _year_edit(
    refusal: Refusal, places: ClausePlaces, uses: Sequence[VariableUse], project: ResearchProject, catalogue: Catalogue
) -> TextEdit | None:
    name, _, variable = (refusal.variable or "").rpartition(".")
    table, granted = catalogue.find(name), project.granted_years(name, variable)
    if table is None or table.year is None or isinstance(granted, bool) or not granted:
        return None
    mine = [u for u in uses if u.table == table.full_name and (u.line, u.column) == (refusal.line, refusal.column)]
    # a text that reads no granted year needs other years, not one condition more
    if not mine or not any((u.years or table.years or frozenset()) & granted for u in mine):
        return None
    insertion = places.condition(refusal.line, refusal.column, table.name, year_predicate(table, granted))
    return None if insertion is None else _edit(insertion, places)


def _edit(insertion: Insertion, places: ClausePlaces) -> TextEdit:
    line, column = places.position_at(insertion.start)
    return TextEdit(line, column, insertion.end - insertion.start, insertion.text)
