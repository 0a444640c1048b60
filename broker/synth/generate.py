"""Makes the whole synthetic NPD, year by year, for `broker synth`. Holds at most one year of tables in memory."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from broker.domain.errors import Invalid
from broker.domain.progress import Progress, no_progress
from broker.policy.data_catalogue import Catalogue, CatalogueTable
from broker.synth import attendance, census, destinations, primary_assessments, samples, secondary_results, social_care
from broker.synth.delivery import Columns, prepare, write_mark, write_table
from broker.synth.draws import Rng, stream
from broker.synth.geography import make_places, make_schools, register
from broker.synth.known_years import YEARS
from broker.synth.marginals import marginals
from broker.synth.school_year import Calendar, SchoolYear, World
from broker.synth.synthetic_people import make_people
from broker.synth.workforce import make_staff, workforce

T = TypeVar("T")
Yearly = Callable[[World, SchoolYear, Rng, int], Columns]

YEARLY: dict[str, Yearly] = {
    "npd.spring_census": census.spring_census,
    "npd.sc_addresses": census.sc_addresses,
    "npd.eyfsp": primary_assessments.eyfsp,
    "npd.phonics": primary_assessments.phonics,
    "npd.ks1": primary_assessments.ks1,
    "npd.ks2_pupil": primary_assessments.ks2_pupil,
    "npd.ks4_pupil": secondary_results.ks4_pupil,
    "npd.ks4_exam": secondary_results.ks4_exam,
    "npd.ks5_student": secondary_results.ks5_student,
    "npd.absence": attendance.absence,
    "npd.exclusions": attendance.exclusions,
    "npd.cin": social_care.cin,
    "npd.cla": social_care.cla,
    "npd.nccis": destinations.nccis,
    "leo.earnings": destinations.earnings,
}


@dataclass(frozen=True)
class GenerationSummary:
    """The result: rows of each table over all its years, the number of files, and of people."""

    rows: dict[str, int]
    files: int
    people: int


def generate(
    catalogue: Catalogue, pupils: int, years: tuple[int, int], seed: int, out: Path, progress: Progress = no_progress
) -> GenerationSummary:
    """Write all tables of the catalogue into the new folder `out`, with about `pupils` pupils on roll in a year.

    `years` are the first calendar years of the first and last school year (2022 is 2022/23). The same arguments give
    the same bytes on any number of cores. `progress` is called with the step, steps done and total steps. Raises
    Invalid for bad arguments.
    """
    span = range(years[0], years[1] + 1)
    _check(pupils, span, seed)
    prepare(out)
    world = _world(seed, pupils, span)
    steps = _Steps(catalogue, span, progress)
    # Each table has its own random stream, so the order of threads does not matter.
    with ThreadPoolExecutor(max_workers=2) as pool:
        steps.run(pool, out, None, _lasting(world, catalogue, span))
        # The calendar carries free meals from year to year, so years come in order.
        calendar = Calendar(world, span[0])
        yearly = YEARLY | {"swc.workforce": partial(workforce, make_staff(world, span))}
        for year in span:
            steps.run(pool, out, year, _of_year(world, catalogue, yearly, calendar.next(year)))
    # Last: marks a complete delivery.
    write_mark(out, seed=seed, pupils=pupils, years=[span[0], span[-1]], catalogue_version=catalogue.version)
    return GenerationSummary(steps.rows, steps.done, world.people.count)


def _check(pupils: int, span: range, seed: int) -> None:
    if pupils < 500:
        raise Invalid(
            "synth.too_few_pupils", f"{pupils} pupils are too few: 153 local authorities need at least 500.", "/pupils"
        )
    if len(span) == 0:
        raise Invalid("synth.years", "The years must run from an earlier to a later one.", "/years")
    if span[0] < YEARS[0] or span[-1] > YEARS[-1]:
        raise Invalid(
            "synth.years",
            f"{span[0]}-{span[-1]} is outside {YEARS[0]}-{YEARS[-1]}, the years for which figures are known.",
            "/years",
        )
    if seed < 0:
        raise Invalid("synth.seed", "The seed must not be negative.", "/seed")


def _world(seed: int, pupils: int, span: range) -> World:
    known = marginals()
    places = make_places(seed, pupils, known)
    schools = make_schools(seed, pupils, places, known)
    return World(seed, pupils, known, places, schools, make_people(seed, pupils, span, places, schools, known))


Task = tuple[CatalogueTable, Callable[[], Columns]]


def _lasting(world: World, catalogue: Catalogue, span: range) -> list[Task]:
    """Tables without a year."""
    makers: dict[str, Callable[[], Columns]] = {
        "ref.schools": lambda: register(world.schools, world.places, stream(world.seed, "register")),
        "leo.ae_pmr": lambda: destinations.ae_pmr(world, span[-1]),
        "leo.ae_edukey": lambda: destinations.ae_edukey(world, span[-1]),
        "fixture.npd_pupil": lambda: samples.npd_pupil(world.seed),
        "fixture.npd_absence": lambda: samples.npd_absence(world.seed),
        "fixture.npd_cin": lambda: samples.npd_cin(world.seed),
    }
    return [(table, _known(makers, table)) for table in catalogue.tables if table.year is None]


def _of_year(world: World, catalogue: Catalogue, yearly: dict[str, Yearly], now: SchoolYear) -> list[Task]:
    """The tables of a year, the largest first so that two cores finish together."""
    tasks: list[Task] = []
    for table in catalogue.tables:
        if table.year is not None and now.year in table.year.years:
            rng = stream(world.seed, table.full_name, now.year)  # its own stream: other tables do not change it
            make = partial(_known(yearly, table), world, now, rng, table.max_rows_per_unit_year)
            tasks.append((table, make))
    return sorted(tasks, key=lambda task: -len(task[0].variables) * task[0].max_rows_per_unit_year)


def _known(makers: Mapping[str, T], table: CatalogueTable) -> T:
    if table.full_name not in makers:
        raise Invalid("synth.unknown_table", f"The catalogue has {table.full_name}, which the generator cannot make.")
    return makers[table.full_name]


class _Steps:
    """Writes the tables of a year in parallel and counts them."""

    def __init__(self, catalogue: Catalogue, span: range, progress: Progress) -> None:
        self._progress = progress
        self._all = sum(len(t.year.years & set(span)) if t.year else 1 for t in catalogue.tables)
        self.done, self.rows = 0, dict.fromkeys((t.full_name for t in catalogue.tables), 0)

    def run(self, pool: ThreadPoolExecutor, out: Path, year: int | None, tasks: list[Task]) -> None:
        """Write one year's tables. Their memory is released before the next year begins."""
        started = {pool.submit(write_table, out, table, year, make): table for table, make in tasks}
        # In the order of completion, so that progress is reported at once.
        for ended in as_completed(started):
            name = started[ended].full_name
            self.rows[name] += ended.result()
            self.done += 1
            self._progress(name if year is None else f"{name} {year}", self.done, self._all)
