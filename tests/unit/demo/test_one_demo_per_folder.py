"""One demo a folder: a second demo names the folder of the first, and signals end the demo like Ctrl-C."""

import os
import signal
import subprocess

import pytest

from broker.demo.demo_processes import ignore_signals, interrupted_by_signals, lock_folder, note
from broker.domain.errors import Conflict


def test_the_second_demo_names_the_first_and_how_to_end_it(tmp_path):
    with lock_folder(tmp_path) as first:
        note(first, "99999")
        note(first, "http://127.0.0.1:8000")
        with (
            pytest.raises(Conflict, match=rf"at http://127\.0\.0\.1:8000, in .*`kill {os.getpid()} 99999`"),
            lock_folder(tmp_path),
        ):
            pass
    with lock_folder(tmp_path):
        pass


def test_what_a_killed_demo_left_still_holds_the_folder(tmp_path):
    with lock_folder(tmp_path) as first:
        left = subprocess.Popen(["sleep", "60"], pass_fds=(first.fileno(),))
    try:
        with pytest.raises(Conflict), lock_folder(tmp_path):
            pass
    finally:
        left.kill()
        left.wait()
    with lock_folder(tmp_path):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_each_ending_signal_unwinds_and_the_ending_is_left_in_peace(number):
    before = signal.getsignal(number)
    ended = []
    with pytest.raises(KeyboardInterrupt):
        _signalled(number, ended)
    assert ended == ["whole"]
    assert signal.getsignal(number) is before


def _signalled(number, ended):
    with interrupted_by_signals():
        try:
            os.kill(os.getpid(), number)
        finally:
            ignore_signals()
            os.kill(os.getpid(), number)
            ended.append("whole")
