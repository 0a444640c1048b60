"""What the service lets a job, a script or a rehearsal take, as one frozen model. No I/O; every limit is data here."""

from dataclasses import dataclass, replace
from typing import Self

from broker.domain.jobs.script_files import FileCaps
from broker.policy.policy_model import PolicyModel


@dataclass(frozen=True, kw_only=True)
class ServiceLimits(PolicyModel):
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
    max_text_bytes: int = 4_000_000
    """Of a CSV, JSON or text file that a script leaves: people could read no more of it."""
    max_document_bytes: int = 256 * 1024
    """Of what the library `npd`, or acro, leaves beside files."""
    max_file_columns: int = 200
    max_file_values: int = 100_000
    """Cells of a table, or values of a JSON."""
    max_file_cell: int = 200
    """Characters of a cell, or of one text in a JSON."""
    max_file_depth: int = 20
    """Lists and objects of a JSON within one another."""
    made_file_bytes: int = 4_000_000
    """What a file may come to when it is made anew; and all of a job:"""
    made_job_bytes: int = 32_000_000
    picture_pixels: int = 20_000_000
    """Of a picture as a script leaves it; and one of its sides as it leaves:"""
    picture_side: int = 1600
    file_seconds: int = 5
    """How long a processor may take to make one file anew; and by the clock, all of a job:"""
    files_seconds: int = 60
    file_memory_bytes: int = 512 * 1024**2
    """And how much memory each."""
    members_bytes: int = 512 * 1024**2
    members_memory_bytes: int = 4 * 1024**3
    """What a sandbox may give out and use that tells who is in the cells of one table, in place of `output_bytes` and
    `memory_bytes`."""
    time_slots: tuple[int, ...] = (60, 120, 240, 480, 960)
    """A job that has ended looks as if it ran until the end of the first of these times, in seconds since it began,
    that it did not take longer than; its worker takes nothing else before that. After the last, each is twice the one
    before."""
    synthetic_time_slots: tuple[int, ...] = (1, 2, 3, 5, 8, 12, 20, 30, 60, 120, 240, 480, 960)
    """The same where a broker holds synthetic data only."""
    compare_milliseconds: int = 2
    """What comparing one table of a SQL job with one released table may take: so much the job looks to take at least,
    times its tables, times the released tables."""
    fair_window_seconds: int = 3600
    """The next job is that of the project which had the workers for the least time in so many seconds before."""
    short_lane_slots: int = 1
    """Slots of a worker with several that take no scripts."""
    withheld_told_after_hours: int = 48
    """A withheld output looks like one in review until then: a decision by a person could have been made."""
    unread_scripts: int = 20
    """Of a project, that met real rows or wait to, and that no checker has read: beyond these it sends no more."""
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
    """One that began so soon is told of at once; one that waited for jobs, in slots of time."""
    noise_wall_seconds: int = 120
    """How long the noise process may take for one job, its start included."""
    warm_each: int = 1
    """Sandboxes that wait, ready and without data, for a project's next job: so many an image. 0: none ever."""
    warm_memory_bytes: int = 2 * 1024**3
    """What all that wait may hold together."""
    warm_idle_seconds: int = 1800
    """How long they wait after a project's last job."""
    tokens_per_person: int = 20
    """API tokens that one person may have at a time."""
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
    block_rest_milliseconds: int = 200
    """After each slot, for taking its blocks away: part of the schedule. Where a block needs more, later slots begin
    later for what it did, which a script with a clock can see."""
    block_memory_bytes: int = 384 * 1024**2
    block_scratch_bytes: int = 16 * 1024**2
    block_library_bytes: int = 1280 * 1024**2
    """Most address space that the libraries of a block count for: it can make all of that memory of its own, too."""
    block_tasks: int = 64
    """Threads of one block. The sandbox has room for those of all lanes: none is short of them by what another has."""
    block_rows_bytes: int = 256 * 1024**2
    """What all blocks' rows may take together, packed."""
    python_modules: tuple[str, ...] = ()
    """Modules of the Python image beside the standard library; importing others is pointed out to the researcher."""

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
        """With the limit of time that rehearsals have, where it is the shorter one."""
        limit = self.rehearsal_wall_seconds
        sql, python = min(limit, self.sql_wall_seconds), min(limit, self.python_wall_seconds)
        return replace(self, sql_wall_seconds=sql, python_wall_seconds=python)
