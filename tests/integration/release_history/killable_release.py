"""One release with its file of members stops at a named point, so that a test can kill it there.

`killable_release.py URL FOLDER JOB OUTPUT POINT`: `file` (the file is written, nothing of the release is), `inside`
(all is written, nothing committed), `unsigned` (committed, the history's head not signed yet), `after`. The process
prints the point. `racer` instead prints `ready`, waits for a line, and prints how the release ended.
"""

# ruff: noqa: T201 - spoken to by lines

import hashlib
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from release_history_kit import NOW, event, files_of, new, opened

from broker.domain.errors import Conflict
from broker.domain.ports import Release
from broker.domain.release_history import HistoryUpdate, new_entry_to_json
from broker.storage.job_stores import release_store


def stop(point: str) -> None:
    print(point, flush=True)
    time.sleep(600)


def main() -> None:
    url, folder, job, output, point = sys.argv[1:]
    store = opened(url, Path(folder))
    manifest = f'{{"job": "{job}"}}'
    release = Release(f"rel-{job}", job, "P0421", NOW, hashlib.sha256(manifest.encode()).hexdigest(), (output,))
    entry = new(1, release=release.ident)
    seen = store.history_version()
    entry = replace(entry, members=files_of(Path(folder)).put(new_entry_to_json(entry), job.encode()))
    if point == "file":
        stop(point)
    if point == "inside":
        release_store.check_not_stopped = lambda connection, ident: stop(point)
    if point == "unsigned":
        store.history.sign = lambda: stop(point)
    if point == "racer":
        print("ready", flush=True)
        sys.stdin.readline()
    try:
        store.release(release, manifest, NOW, event("release.made"), history_update=HistoryUpdate(seen, (entry,)))
    except Conflict as conflict:
        print(conflict.code, flush=True)
        return
    if point == "racer":
        print("released", flush=True)
        return
    stop(point)


if __name__ == "__main__":
    main()
