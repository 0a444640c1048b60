"""Files of scripts, made anew in this process by the code of the container."""

import sys
from pathlib import Path
from typing import Any
from unittest import mock

from broker.domain.jobs.script_files import RawFile, RebuiltFile
from broker.engine.file_rebuilders import InProcessRebuilder
from broker.policy.files import load_policies
from broker.python_jobs import sanitised_files

SERVICE = load_policies(Path(__file__).parents[1] / "policies").service
CAPS, DIGITS = SERVICE.file_caps, 5


def ending(name: str) -> str:
    return f".{name.rpartition('.')[2]}"


def remake(name: str, content: bytes, digits: int = DIGITS) -> sanitised_files.SanitisedFile:
    return sanitised_files.sanitise_file(ending(name), content, digits, CAPS)


def made(name: str, content: bytes) -> RebuiltFile:
    how: Any = mock.Mock(digits=DIGITS, caps=CAPS, job_values=sys.maxsize)
    (file,) = InProcessRebuilder().rebuild([RawFile(name, ending(name), content)], how, mock.Mock())
    return file
