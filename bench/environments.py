"""Environments of their own for those that ours is compared with: made under build/ from a lock, checked by hash, when
the bench is run first and when the lock has changed. Nothing of theirs is in ours."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path


def environment(folder: Path, lock: Path) -> Path:
    """The Python of the environment in a folder."""
    stamp, wanted = folder / "lock", hashlib.sha256(lock.read_bytes()).hexdigest()
    python = folder / "env" / "bin" / "python"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv") or "uv"
    folder.mkdir(parents=True, exist_ok=True)
    base = ["--python", sys.executable]
    subprocess.run([uv, "venv", "-q", "--clear", *base, str(folder / "env")], check=True)
    subprocess.run([uv, "pip", "sync", "-q", "--python", str(python), "--require-hashes", str(lock)], check=True)
    stamp.write_text(wanted)
    return python
