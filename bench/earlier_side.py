"""A broker of the tree that is named on the command line. It answers each line of `earlier.py` once it has done it:
`rest` until the machine is ready, `submit` a text, or a whole `job`."""

import sys
import tempfile
from pathlib import Path

sys.path[0] = sys.argv[1]

from bench import job  # noqa: E402  of the tree that was named
from broker.demo.demo_setup import prepare  # noqa: E402
from broker.domain.jobs.job import JobKind, Submission  # noqa: E402
from broker.settings import Settings  # noqa: E402

PUPILS = 20_000
ANSWERS, sys.stdout = sys.stdout, sys.stderr
"""What the preparation says must not be read as an answer."""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="broker-version-") as folder:
        settings = Settings(data=Path(folder), synthetic_only=True, policies=job.without_synthetic_run(Path(folder)))
        ports = prepare(settings, PUPILS)
        with job.site(settings, ports, "runc") as here:
            answer("ready")
            for line in sys.stdin:
                do(line.strip(), here)
                answer("done")


def do(question: str, here: job.Site) -> None:
    match question:
        case "rest":
            job.await_ready(here)
        case "submit":
            here.researcher.submit(Submission(job.PROJECT, JobKind.SQL, "", job.QUERY, "bench", "bench"))
        case "job":
            job.sql_job(here)
        case _:
            raise SystemExit(f"nothing is known of {question!r}")


def answer(word: str) -> None:
    ANSWERS.write(f"{word}\n")
    ANSWERS.flush()


if __name__ == "__main__":
    main()
