"""How a sandbox is called and known again: names and labels. The name of an attempt's is the run-once lock."""

import secrets

LABEL = "npd-broker.sandbox"
LABEL_OWNER, LABEL_JOB, LABEL_ATTEMPT = f"{LABEL}.owner", f"{LABEL}.job", f"{LABEL}.attempt"
LABEL_NONCE = f"{LABEL}.nonce"
"""The owner is the broker that started it: two brokers on one engine must not sweep each other's sandboxes."""

JOB, WARM = "npdjob-", "npdwarm-"
"""How names begin: of an attempt's sandbox, and of one that waits for a job. The name alone tells whose it is."""


def name_of(job: str, attempt: int) -> str:
    """The one name a job's attempt can have: the engine's refusal of a second one is the run-once lock."""
    return f"{JOB}{job}-{attempt}"


def attempt_of(name: str) -> tuple[str, int] | None:
    """Whose sandbox a name tells of; None for one that no job has been given."""
    if not name.startswith(JOB):
        return None
    job, _, attempt = name.removeprefix(JOB).rpartition("-")
    return job, int(attempt) if attempt.isdigit() else 0


def waiting_name() -> str:
    return WARM + secrets.token_hex(16)
