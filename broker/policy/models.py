"""Policy as frozen models: projects, profiles, combination rules, limits. No I/O; every threshold is data here."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Literal

from broker.domain.projects import Project
from broker.policy.memory import MemoryPolicy
from broker.policy.privacy import PrivacyPolicies
from broker.policy.tables import (
    Catalogue,
    Codeset,
    MainRecord,
    Model,
    PhysicalName,
    Ranking,
    Table,
    TableKind,
    Unit,
    Variable,
    YearAxis,
    YearFormat,
)

__all__ = [
    "Catalogue",
    "Codeset",
    "CombinationRule",
    "MainRecord",
    "Model",
    "PhysicalName",
    "Policies",
    "Profile",
    "Ranking",
    "Rounding",
    "Service",
    "Table",
    "TableKind",
    "Unit",
    "Variable",
    "YearAxis",
    "YearFormat",
    "ZeroPolicy",
    "canonical_json",
]
"""Other rooms take the catalogue's models from here too."""


@dataclass(frozen=True, kw_only=True)
class CombinationRule(Model):
    """What may not meet in one job. `any_of` and `with_any` hold "class:x", "table:schema.table" or
    "variable:name" (in any table, any case); the rule is broken when the job uses one of each side, in one of
    `years` of a table on the `any_of` side where `years` is given. `under_gateway` limits it to projects whose
    gateway contains the text; `replace` and `default_items_only` state the other two forms of the DfE's rules."""

    id: str
    note: str
    any_of: tuple[str, ...] = ()
    with_any: tuple[str, ...] = ()
    years: frozenset[int] | None = None
    under_gateway: str | None = None
    replace: dict[str, str] = field(default_factory=dict)
    default_items_only: bool = False


class ZeroPolicy(StrEnum):
    """What a zero cell needs: a person's look, suppression like a small cell, or nothing."""

    REVIEW = "review"
    SUPPRESS = "suppress"
    PUBLISH = "publish"


class Rounding(StrEnum):
    """How counts that pass are changed: to a multiple of a base, or by keyed noise."""

    CONVENTIONAL = "conventional"
    CELL_KEY = "cell_key"


@dataclass(frozen=True, kw_only=True)
class Profile(Model):
    """A set of disclosure rules with its parameters; the only place where thresholds stand.

    t                   least distinct persons behind a released statistic (F1, M1)
    zeros, full         what zero cells (F2) and full cells (F3: one category holds the share `full_share`) need
    coalition           F4: so many members of a group may put together what they know of it
    p_percent           M3: the remainder after the two largest contributors, in percent of the largest; where it is
                        None, M5 takes what stands for it from (2, dominance_k)
    prior_q             M4: how well contributions are known beforehand, in percent; None switches it off
    dominance_n, dominance_k   M2 (n,k): None switches it off
    round_base          conventional rounding of counts (1: none)
    rounding            conventional, or cell_key: then counts get noise of at most `noise_deviation` and of variance
                        `noise_variance`, so that none comes out between 0 and `noise_least`; none of the three is told
    whisker             Q4: where the ends of a box plot stand, as a share from either side
    dof                 D1: least persons, less one, behind a deviation; R1: least residual degrees of freedom
    max_leverage, max_influence   R2: the most that one row may decide its own fitted value, and by how many standard
                        errors one person may move a coefficient
    many_rows, many_values, nearly_all   T4 and T5: from how many rows or values on a script's table is looked at as one
                        of single persons, where at least the share `nearly_all` of its rows are different
    fit_digits, file_digits   significant digits of released coefficients and standard errors, and of fractions in
                        tables that scripts wrote
    mean_digits, percent_digits, sum_digits   significant digits after the decimal point of released figures
                        (`sum_digits` negative rounds to tens, hundreds)
    min_interval        least width of what an attacker derives about a suppressed count
    max_listed_rows     largest cross product of code lists that is written out; beyond it only cells that pass
    max_group_steps     most rows that are looked at by what stands above the groups of an output (joins, windows)
    max_joint_cells     most cells of the joint table of linked tables of a job; beyond it a person looks
    max_joint_targets   most joint cells of 1 to t-1 persons that nobody releases and that are protected all the same
    small_quota         jobs of wholly small populations that a project may have before a person looks at all
    protects_institutions, min_institutions   F6, and F3 and M3 on schools (Digital Economy Act)
    """

    name: str
    source: str
    t: int
    zeros: ZeroPolicy = ZeroPolicy.REVIEW
    full: ZeroPolicy = ZeroPolicy.REVIEW
    full_share: float = 1.0
    coalition: int = 1
    p_percent: float | None = 10.0
    prior_q: float | None = None
    dominance_n: int = 2
    dominance_k: float | None = None
    round_base: int = 5
    mean_digits: int = 1
    percent_digits: int = 1
    sum_digits: int = 0
    min_interval: int = 10
    dof: int = 10
    max_leverage: float = 0.9
    max_influence: float = 1.0
    fit_digits: int = 4
    file_digits: int = 5
    many_rows: int = 200
    many_values: int = 100
    nearly_all: float = 0.9
    whisker: float = 0.1
    max_listed_rows: int = 20000
    max_group_steps: int = 2_000_000
    max_joint_cells: int = 20000
    max_joint_targets: int = 2000
    small_quota: int = 3
    protects_institutions: bool = False
    min_institutions: int = 3
    suppressed_symbol: Literal["c"] = "c"
    rounding: Rounding = Rounding.CONVENTIONAL
    noise_deviation: int = 5
    noise_variance: float = 3.0
    noise_least: int = 2

    @property
    def margin(self) -> float | None:
        """How many times the largest contribution a total must be for no dominance rule (M2 to M5) to see anything,
        were every other contribution as large."""
        known = []
        if self.p_percent is not None:
            known.append(2 + self.p_percent / min(100, self.prior_q or 100))
        if self.dominance_k is not None:
            known.append(max(100 * self.dominance_n / self.dominance_k, 1 + 100 / self.dominance_k))
        return max(known, default=None)


@dataclass(frozen=True, kw_only=True)
class Service(Model):
    """Limits and defaults of the service itself: caps on text, on jobs, on files. Bytes and seconds."""

    text_bytes: int
    max_tokens: int
    max_depth: int
    max_statements: int
    max_outputs: int
    max_parse_steps: int
    max_scans: int
    sql_wall_seconds: int
    python_wall_seconds: int
    memory_bytes: int
    output_bytes: int
    output_files: int
    processes: int
    threads: int
    scratch_bytes: int
    allowed_files: tuple[str, ...]
    max_file_bytes: int
    max_file_rows: int
    max_attempts: int
    jobs_per_project: int
    members_bytes: int = 512 * 1024**2
    members_memory_bytes: int = 4 * 1024**3
    """What a sandbox may give out and use that tells who is in the cells of one table, in place of `output_bytes` and
    `memory_bytes`."""
    time_slot_seconds: int = 10
    """A script that has ended looks as if it ran until the end of a slot of this length."""
    withheld_told_after_hours: int = 48
    """A withheld output looks like one in review until then: a decision by a person could have been made."""
    python_synthetic_first: bool = True
    """A script runs on the synthetic NPD before it meets real data."""
    synthetic_pupils: int = 600
    """Of that NPD: enough people for a script to fail on what it gets wrong."""
    synthetic_seed: int = 1
    rehearsal_pupils: int = 20_000
    """Of the NPD that rehearsals run on, which people ask for: enough for most tables to have cells that are shown."""
    rehearsal_wall_seconds: int = 120
    """What one may take of a worker's slot, where a job may take longer."""
    rehearsals_under_way: int = 2
    """That one person may have waiting or running."""
    rehearsals_kept: int = 20
    """For one person, the oldest goes first; and so long at most:"""
    rehearsal_days: int = 14
    rehearsal_rows: int = 500
    """Of each output that are kept."""
    rehearsal_bytes: int = 2_000_000
    """Of what is kept of one, all in all."""
    rehearsal_prompt_seconds: int = 3
    """One that began so soon is told of at once; one that waited for jobs, in slots of `time_slot_seconds`."""
    noise_wall_seconds: int = 120
    """How long the noise process may take for one job, its start included."""
    warm_each: int = 1
    """Sandboxes that wait, ready and without data, for a project's next job: so many an image. 0: none ever."""
    warm_memory_bytes: int = 2 * 1024**3
    """What all that wait may hold together."""
    warm_idle_seconds: int = 1800
    """How long they wait after a project's last job."""
    max_saved: int = 100
    """Cohorts and lookups that a project may keep at a time."""
    lookup_bytes: int = 200_000
    lookup_rows: int = 2000
    lookup_columns: int = 12
    lookup_cell: int = 100
    """Characters of one value of a lookup."""
    block_milliseconds: int = 500
    """How long a block of a private script may take where the script does not say it; and the most that it may say."""
    most_block_milliseconds: int = 30_000
    block_rest_milliseconds: int = 50
    """After each slot, for taking its blocks away: part of the schedule."""
    block_memory_bytes: int = 384 * 1024**2
    block_scratch_bytes: int = 16 * 1024**2
    block_rows_bytes: int = 256 * 1024**2
    """What all blocks' rows may take together, packed."""
    python_modules: tuple[str, ...] = ()
    """Modules of the Python image beside the standard library; importing others is pointed out to the researcher."""


@dataclass(frozen=True, kw_only=True)
class Policies(Model):
    """Everything that policy says, as one value with one fingerprint."""

    catalogue: Catalogue
    projects: tuple[Project, ...]
    profiles: tuple[Profile, ...]
    combinations: tuple[CombinationRule, ...]
    service: Service
    privacy: PrivacyPolicies = field(default_factory=PrivacyPolicies)
    memory: MemoryPolicy = field(default_factory=MemoryPolicy)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON of all policies."""
        return hashlib.sha256(canonical_json(asdict(self)).encode()).hexdigest()

    def project(self, ident: str) -> Project | None:
        return next((p for p in self.projects if p.ident == ident), None)

    def profile(self, name: str) -> Profile:
        return next(p for p in self.profiles if p.name == name)


def canonical_json(value: object) -> str:
    """JSON with sorted keys; sets are sorted, tuples and lists keep their order."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _plain(value: object) -> object:
    """Models are made dictionaries first; here only containers and the few leaves remain."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, frozenset | set):
        return sorted((_plain(v) for v in value), key=lambda plain: json.dumps(plain, sort_keys=True))
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value.isoformat() if isinstance(value, date) else value
