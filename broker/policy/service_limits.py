"""Limits of the service for a job, a script or a rehearsal, as one frozen model. No I/O; every limit is data."""

from dataclasses import dataclass, replace
from typing import Annotated, Self

from broker.domain.jobs.script_files import FileCaps
from broker.domain.stated_values import Condition, Positive, Whole
from broker.policy.policy_model import PolicyModel

_IS_ENDING = Condition(
    lambda text: text.startswith(".") and text == text.lower(),
    "An ending is written like .csv, in small letters.",
    "file-ending",
)
_ARE_GROWING = Condition(
    lambda numbers: numbers and list(numbers) == sorted({0, *numbers})[1:],
    "{key!r} is a list of whole seconds above 0, each more than the last.",
)
Seconds = Annotated[tuple[int, ...], _ARE_GROWING]


@dataclass(frozen=True, kw_only=True)
class ServiceLimits(PolicyModel):
    """Limits and defaults of the service itself: caps on text, jobs and files. In bytes and seconds, unless the name
    says otherwise."""

    text_bytes: Positive
    max_tokens: Positive
    max_depth: Positive
    max_statements: Positive
    max_outputs: Positive
    max_parse_steps: Positive
    max_scans: Positive
    sql_wall_seconds: Positive
    python_wall_seconds: Positive
    memory_bytes: Positive
    output_bytes: Positive
    output_files: Positive
    processes: Positive
    threads: Positive
    scratch_bytes: Positive
    allowed_files: tuple[Annotated[str, _IS_ENDING], ...]
    max_file_bytes: Positive
    max_file_rows: Positive
    max_attempts: Positive
    jobs_per_project: Positive
    max_text_bytes: Positive = 4_000_000
    """Of a CSV, JSON or text file of a script. Checkers could not read a larger one."""
    max_document_bytes: Positive = 256 * 1024
    """Of a JSON file that the library `npd`, or acro, writes next to files."""
    max_file_columns: Positive = 200
    max_file_values: Positive = 100_000
    """Cells of a table, or values of a JSON file."""
    max_file_cell: Positive = 200
    """Characters of a cell, or of one text in a JSON file."""
    max_file_depth: Positive = 20
    """Nesting of lists and objects in a JSON file."""
    max_job_file_bytes: Positive = 32_000_000
    """Of all files of a script together, as it left them. A file beyond it is withheld, and so is one beyond the next
    field."""
    max_job_values: Positive = 500_000
    """Values of these files together, of tables and texts: the broker views each one for checkers."""
    made_file_bytes: Positive = 4_000_000
    """Size of one rebuilt file; the next field limits all files of a job."""
    made_job_bytes: Positive = 32_000_000
    picture_pixels: Positive = 20_000_000
    """Pixels of a picture as a script left it; the next field limits its longer side after the rebuild."""
    picture_side: Positive = 1600
    file_seconds: Positive = 5
    """Processor seconds to rebuild one file; the next field limits all files of a job, in wall-clock seconds."""
    files_seconds: Positive = 60
    file_memory_bytes: Positive = 512 * 1024**2
    """Memory to rebuild one file."""
    members_bytes: Positive = 512 * 1024**2
    members_memory_bytes: Positive = 4 * 1024**3
    """Output and memory of a sandbox that reports the persons in the cells of one table, instead of `output_bytes` and
    `memory_bytes`."""
    time_slots: Seconds = (60, 120, 240, 480, 960)
    """Seconds from the start. A job that has ended appears to run until the first of these times that it did not
    exceed, and its worker takes no other job before that. After the last one, each slot is twice as long as the one
    before."""
    synthetic_time_slots: Seconds = (1, 2, 3, 5, 8, 12, 20, 30, 60, 120, 240, 480, 960)
    """The same for a broker that holds synthetic data only."""
    compare_milliseconds: Whole = 2
    """Time allowed to compare one table of a SQL job with one released table. A job appears to take at least this time,
    multiplied by its tables and by the released tables."""
    fair_window_seconds: Positive = 3600
    """The next job comes from the project that used the workers least in this many past seconds."""
    short_lane_slots: Whole = 1
    """Slots of a worker with several slots that take no scripts."""
    withheld_told_after_hours: Positive = 48
    """Until then, a withheld output looks like one in review, because a person could still be deciding."""
    unread_scripts: Positive = 20
    """Most scripts of a project that ran or wait to run on real rows and that no checker has read. Beyond it, the
    project cannot submit scripts."""
    python_synthetic_first: bool = True
    """A script runs on the synthetic NPD before it reads real data."""
    synthetic_pupils: Positive = 600
    """Pupils of that synthetic NPD: enough for a faulty script to fail."""
    synthetic_seed: Positive = 1
    rehearsal_pupils: Positive = 20_000
    """Pupils of the synthetic NPD for requested rehearsals: enough for most tables to have visible cells."""
    rehearsal_wall_seconds: Positive = 120
    """Time limit of a rehearsal, which is shorter than that of a job."""
    rehearsals_under_way: Positive = 2
    """Most rehearsals of one person that wait or run."""
    rehearsals_kept: Positive = 20
    """Most stored rehearsals of one person; the oldest is removed first. The next field limits their age."""
    rehearsal_days: Positive = 14
    rehearsal_rows: Positive = 500
    """Most rows of each output that are stored."""
    rehearsal_bytes: Positive = 2_000_000
    """Most bytes that are stored for one rehearsal."""
    rehearsal_prompt_seconds: Positive = 3
    """A rehearsal that started within this time reports its end at once. One that waited for jobs reports it in time
    slots."""
    noise_wall_seconds: Positive = 120
    """Time limit of the noise process for one job, including its start."""
    warm_each: Whole = 1
    """Ready sandboxes without data that wait for a project's next job, for each image. 0: none."""
    warm_memory_bytes: Positive = 2 * 1024**3
    """Memory of all waiting sandboxes together."""
    warm_idle_seconds: Positive = 1800
    """How long they wait after a project's last job."""
    tokens_per_person: Positive = 20
    """Most API tokens of one person at a time."""
    max_saved: Positive = 100
    """Most cohorts and lookups of a project at a time."""
    lookup_bytes: Positive = 200_000
    lookup_rows: Positive = 2000
    lookup_columns: Positive = 12
    lookup_cell: Positive = 100
    """Characters of one value of a lookup."""
    block_milliseconds: Positive = 500
    """Time limit of a block if the script does not state one; the next field is the longest that it may state."""
    most_block_milliseconds: Positive = 30_000
    block_rest_milliseconds: Positive = 200
    """Pause after each slot to remove its blocks; it is part of the schedule. If a block needs longer, later slots
    start later because of what it did, and a script with a clock can notice that."""
    block_memory_bytes: Positive = 384 * 1024**2
    block_scratch_bytes: Positive = 16 * 1024**2
    block_library_bytes: Positive = 1280 * 1024**2
    """Address space that the libraries of a block may use; a block can turn all of it into its own memory."""
    block_tasks: Positive = 64
    """Threads of one block. The sandbox has room for all parallel blocks, so no block is limited by another one."""
    block_rows_bytes: Positive = 256 * 1024**2
    """Most bytes of all blocks' rows together, packed."""
    python_modules: tuple[str, ...] = ()
    """Modules of the Python image besides the standard library. The researcher is told about imports of other
    modules."""

    @property
    def file_caps(self) -> FileCaps:
        return FileCaps(
            rows=self.max_file_rows,
            columns=self.max_file_columns,
            values=self.max_file_values,
            cell=self.max_file_cell,
            depth=self.max_file_depth,
            made_bytes=self.made_file_bytes,
            pixels=self.picture_pixels,
            side=self.picture_side,
        )

    @property
    def for_rehearsals(self) -> Self:
        """The same limits with the time limit of rehearsals, where that is shorter."""
        limit = self.rehearsal_wall_seconds
        sql, python = min(limit, self.sql_wall_seconds), min(limit, self.python_wall_seconds)
        return replace(self, sql_wall_seconds=sql, python_wall_seconds=python)
