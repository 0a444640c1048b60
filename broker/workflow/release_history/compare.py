"""The tables of one job against everything released: what is found, and what is changed until nothing is left to find.

Repair comes before refusal: what moved by a few persons leaves with its earlier value, what cannot is hidden and the
rules look again at the whole job, and the last resort is a table that does not leave.
"""

from collections.abc import Sequence

from broker.disclosure.differencing.mending import mend
from broker.disclosure.differencing.tables import Table
from broker.disclosure.judged_tables import Remembered
from broker.domain.findings import Assessment
from broker.domain.ports.release_history import Where
from broker.domain.release_history import Change, Entry, Way
from broker.policy.strictness import is_as_strict
from broker.workflow.release_history.asked import Found
from broker.workflow.release_history.changing import Changing
from broker.workflow.release_history.crowding import crowded
from broker.workflow.release_history.known import known_loads
from broker.workflow.release_history.standing import Standing

ROUNDS = 6
"""Hiding for the sake of memory can make the rules hide more, and that is compared again, so many times at most."""


class Comparing(Standing):
    """One job's comparison: rounds of comparing, changing and judging."""

    def run(self, assessments: Sequence[Assessment]) -> Found:
        found = Found(self.version, assessments)
        self._return_identical(found)
        if self._said:
            found.assessments = self._asked.judge(self._said)
        for _ in range(ROUNDS):
            if not (self._mend(found) or self._crowd(found)):
                break
            found.changed = True
            found.assessments = self._asked.judge(self._said)
        else:
            self._withhold(found)
        found.tables = {w: t for w in self._asked.members if w not in found.identical and (t := self._table(found, w))}
        return found

    def _return_identical(self, found: Found) -> None:
        """A table of equal recipe on equal data that left under rules at least as strict is known already: it leaves
        with the same values and the same holes."""
        for where in self._asked.members:
            recipe = self._asked.recipe(where)
            same = (e for e in self.entries.values() if (e.recipe, e.snapshot) == (recipe, self._asked.of.snapshot))
            entry = next((e for e in same if len(self._cells(where)) == e.cells and self._may_leave_so(e)), None)
            if entry is not None:
                found.identical[where] = entry
                self._said[where] = self._as_it_left(found, where, entry)

    def _may_leave_so(self, entry: Entry) -> bool:
        """Whether it was judged by rules at least as strict; the profile may be another one by now, or gone."""
        mine = self._asked.of.profile
        then = (p for p in self._asked.policies.profiles if p.name == entry.profile)
        return entry.t >= mine.t and any(is_as_strict(p, mine) for p in then)

    def _as_it_left(self, found: Found, where: Where, entry: Entry) -> Remembered:
        then = {f.told: f for f in self._ports.store.known_figures(entry.number)}
        said = Changing(self._cells(where), self._idents(where))
        for figure in self._figures(found, where):
            shown = then[figure.told].shown if figure.told in then else {}
            for cell in range(len(self._cells(where))):
                said.give(cell, figure.statistic, shown.get(cell))
        return said.done()

    def _mend(self, found: Found) -> bool:
        """One round over all tables; whether anything had to be changed."""
        changes = False
        for where in self._asked.members:
            table = None if where in found.identical else self._table(found, where)
            if table is None:
                continue
            whole, is_near = self._judged(found, where), self._is_near(where)
            if is_near and not self._has_hole(whole):
                changes |= self._hide_one(where, whole)
                continue
            loads = self._loads | known_loads(self._asked.of, self._known[where]) | self._beside(found, where)
            mending = mend(whole, loads, total_known=not is_near)
            found.comparisons.setdefault(where, mending.comparisons)
            if mending.changes:
                changes = True
                self._say(found, where, table, mending.changes)
                if mending.table is not None:
                    self._mended[where] = mending.table.members
        return changes

    def _say(self, found: Found, where: Where, table: Table, changes: Sequence[Change]) -> None:
        """What mending asks for becomes what memory says of the table when it is judged again."""
        said = Changing(self._cells(where), self._idents(where), self._said.get(where))
        told = {f.statistic: f.told for f in table.figures}
        for change in changes:
            match change:
                case Change(way=Way.WITHHOLD):
                    found.refused.add(where[0])
                    said.hide_all()
                case Change(way=Way.EARLIER, cell=cell, entry=int(entry), earlier=int(earlier)):
                    then = {f.told: f.shown.get(earlier) for f in self._figures_of(found, where, entry)}
                    for ident in told if change.statistic is None else [change.statistic]:
                        said.give(cell, ident, then.get(told.get(ident, "")))
                case Change(cell=cell, statistic=ident):
                    said.hide(cell, ident)
        self._said[where] = said.done()

    def _withhold(self, found: Found) -> None:
        """What is not clean after so many rounds does not leave."""
        for where in self._asked.members:
            if where not in found.identical:
                found.refused.add(where[0])
                said = Changing(self._cells(where), self._idents(where))
                said.hide_all()
                self._said[where] = said.done()
        found.assessments = self._asked.judge(self._said)

    def _hide_one(self, where: Where, table: Table) -> bool:
        """The smallest cell that leaves such a hole."""
        sizes, t = table.members.sizes(), self._asked.of.profile.t
        shown = {c for f in table.figures for c in f.shown if sizes[c] >= t}
        if not shown:
            return False
        said = Changing(self._cells(where), self._idents(where), self._said.get(where))
        said.hide(min(shown, key=lambda c: (int(sizes[c]), c)), None)
        self._said[where] = said.done()
        return True

    def _crowd(self, found: Found) -> bool:
        """Figures beyond the cap are hidden, in the job's order; whether there were any."""
        tables = {w: t for w in self._asked.members if w not in found.identical and (t := self._table(found, w))}
        of, policies = self._asked.of, self._asked.policies
        hidden = crowded(self._ports, of.snapshot, list(tables.values()), policies, self._asked.beside)
        for where, figures in zip(tables, hidden, strict=True):
            if figures:
                found.crowded.add(where[0])
                said = Changing(self._cells(where), self._idents(where), self._said.get(where))
                for statistic, cell in sorted(figures):
                    said.hide(cell, statistic)
                self._said[where] = said.done()
        return any(hidden)
