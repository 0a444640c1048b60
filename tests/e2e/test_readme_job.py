"""The commands of the guides that need a broker, page by page as they stand there, on a broker that runs."""

import os
import re
import subprocess
import sys
import time

import pytest

from tests.docs.commands import ROOT, SESSION, commands

pytestmark = [pytest.mark.long, pytest.mark.docker, pytest.mark.service, pytest.mark.timeout(300)]

IDENT = r"[0-9a-f-]{36}"
TITLE = "My first job"


class Terminal:
    """A shell in the checkout: what is exported stays, JOB, OUTPUT and LOOKUP are the ids that were printed."""

    def __init__(self, site, folder):
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("BROKER_")} | {"BROKER_URL": site.address}
        self.words = {"data/demo": str(site.data), "build/docs": str(folder)}
        self.words[".venv/bin/broker"] = f"{sys.executable} -m broker"
        self.printed: dict[str, str] = {}

    def run(self, written):
        command = written
        for word, meant in self.words.items():
            command = command.replace(word, meant)
        shown = f'{command} && printf %s "$BROKER_TOKEN"' if command.startswith("export ") else command
        ended = subprocess.run(shown, shell=True, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, f"{command}: {ended.stderr}\nprinted before: {self.printed}"
        if command.startswith("export "):
            self.env["BROKER_TOKEN"] = ended.stdout
        else:  # a token is never shown, not even when a later command fails
            self.learn(ended.stdout)
            self.printed[written] = ended.stdout

    def wait_for_outputs(self, command):
        """Wait for an output that `command` names. Its researcher does not see that it is still being compared."""
        deadline = time.monotonic() + 120
        while "OUTPUT" in command and "OUTPUT" not in self.words and time.monotonic() < deadline:
            self.run(".venv/bin/broker review")

    def learn(self, printed):
        if job := re.match(rf"job ({IDENT}): (?:queued|running)", printed):
            self.words["JOB"] = job[1]
        if lookup := re.match(rf"lookup ({IDENT}): in_review", printed):
            self.words["LOOKUP"] = lookup[1]
        if output := re.search(rf"^({IDENT})  .*{TITLE}$", printed, re.MULTILINE):
            self.words.setdefault("OUTPUT", output[1])


def test_the_jobs_of_the_guides_go_their_way(site, tmp_path):
    terminal = Terminal(site, tmp_path)
    for command in (c for page in SESSION for c in commands(page, "sh server")):
        terminal.wait_for_outputs(command)
        terminal.run(command)
    printed = terminal.printed
    (released,) = (tmp_path / "released").glob("*.csv")
    assert released.read_text().startswith("SENprovision,")
    assert TITLE in printed[".venv/bin/broker register"]
    (noisy,) = (tmp_path / "private").glob("*.csv")
    assert noisy.read_text().startswith("NCyearActual,pupils,pupils_low,pupils_high,missed,missed_low,missed_high")
    assert "npd.absence" in printed[".venv/bin/broker budget --project P0733"]
    (kept,) = (out for command, out in printed.items() if command.endswith("broker saved"))
    assert all(name in kept for name in ("project.absentees", "project.stages"))
