"""The last filter of a block, run as the kernel would: what it lets through, on both machines it is written for."""

import errno
import struct

import pytest

ALLOW, REFUSE = 0x7FFF0000, 0x00050000
READ = {"x86_64": 0, "aarch64": 63}
CLONE3 = 435
FUTEXES = (449, 454, 455, 456)
LOCKS_LEASES_WATCHES_HINTS = (5, 6, 7, 36, 37, 38, 1024, 1026, 1031, 1033, 1035, 1036, 1037, 1038)
"""Commands of fcntl by which a file, or what a user may have of pipes, holds something for who looks later."""
CORES_MERGES_FILTERS = (22, 62, 67)
"""Options of prctl by which processes share what others do not, or take it from them."""
OF_FILES = {
    "x86_64": (76, 90, 91, 92, 93, 94, 132, 133, 188, 189, 190, 235, 259, 260, 261, 268, 280, 452),
    "aarch64": (5, 6, 7, 33, 45, 52, 53, 54, 55, 88, 452),
}
"""Calls that change what a file is like, also one that cannot be written to, or make a pipe that has a name."""


@pytest.fixture
def syscalls(image_module):
    return image_module("syscalls")


def judged(program: bytes, arch: int, number: int, *arguments: int) -> int:
    """What the filter gives."""
    data = struct.pack("=IIQ6Q", number, arch, 0, *arguments, *(0 for _ in range(6 - len(arguments))))
    lines = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    at = held = 0
    while True:
        code, yes, no, value = lines[at]
        at += 1
        if code == 0x20:
            (held,) = struct.unpack_from("=I", data, value)
        elif code == 0x06:
            return value
        else:
            met = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[code]
            at += yes if met else no


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_system_calls_that_a_block_may_make(syscalls, machine):
    column, arch = syscalls.MACHINES[machine]
    program = syscalls.assembled(machine)

    def word(number, *arguments):
        return judged(program, arch, number, *arguments)

    refused, absent = REFUSE | errno.EPERM, REFUSE | errno.ENOSYS
    assert word(READ[machine]) == ALLOW
    for name, numbers in syscalls.NUMBERS.items():
        if numbers[column] is not None:
            assert word(numbers[column]) == refused, name
    assert word(syscalls.CLONE[column], 0x003D0F00) == ALLOW, "a thread"
    assert word(syscalls.CLONE[column], 17) == refused, "a process"
    assert word(syscalls.CLONE[column], 0x003D1F00) == refused, "a thread that a descriptor holds"
    assert word(syscalls.CLONE[column], 0x003D0B00) == refused, "a thread with open files of its own"
    assert judged(syscalls.assembled(machine, threads=False), arch, syscalls.CLONE[column], 0x003D0F00) == refused
    assert word(CLONE3) == absent
    assert all(word(number) == ALLOW for number in syscalls.NEWER)
    assert word(463) == absent, "whatever a newer kernel has"
    for command in (0, 1, 2, 3, 4, 1030):
        assert word(syscalls.FCNTL[column], 3, command) == ALLOW, command
    for command in LOCKS_LEASES_WATCHES_HINTS:
        assert word(syscalls.FCNTL[column], 3, command) == refused, command
    assert word(syscalls.MMAP[column], 0, 4096, 3, 0x22) == ALLOW
    assert word(syscalls.MMAP[column], 0, 4096, 3, 0x40022) == refused, "pages of the machine's store"
    assert word(syscalls.MADVISE[column], 0, 4096, 14) == ALLOW
    assert word(syscalls.MADVISE[column], 0, 4096, 12) == refused, "pages merged with those of others"
    for option in (15, 16, 41, 42, 0x53564D41):
        assert word(syscalls.PRCTL[column], option) == ALLOW, option
    for option in CORES_MERGES_FILTERS:
        assert word(syscalls.PRCTL[column], option) == REFUSE | errno.EINVAL, option
    for operation in (0, 1, 3, 5, 6, 9, 265):
        assert word(syscalls.FUTEX[column], 0, operation | 128) == ALLOW, "of this process alone"
        assert word(syscalls.FUTEX[column], 0, operation) == REFUSE | errno.EAGAIN, "known by a page that others have"
    assert all(word(number) == absent for number in FUTEXES), "whose words are where no filter sees them"
    assert judged(program, arch ^ 1, READ[machine]) == refused, "another machine's numbers"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_block_changes_nothing_of_a_file_but_what_is_in_it(syscalls, machine):
    program, (_, arch) = syscalls.assembled(machine), syscalls.MACHINES[machine]
    assert all(judged(program, arch, number) != ALLOW for number in OF_FILES[machine])


def test_the_other_way_to_call_is_closed(syscalls):
    """x32: the same kernel under other numbers."""
    program, (_, arch) = syscalls.assembled("x86_64"), syscalls.MACHINES["x86_64"]
    assert judged(program, arch, 0x40000000 | 101) != ALLOW
