"""What a block may ask of the kernel, as a filter that is laid on it last, for good. Where a runtime does not apply the
container's own filter inside (gVisor), this is the only one.

It closes what namespaces leave open between blocks that run beside or after one another: sockets, System V and POSIX
messages, locks and watches on the files that all of them see, their times, owners, rights and notes (gVisor changes
those of a mount that is read only, too), waiting at a page of one, the processor that another block runs on, the
machine's memory and load, numbers that the kernel counts up for everybody (of pipes, of processes that are held by a
descriptor), stores that everybody takes from (requests for files, huge pages, pipes, filters, merged pages); and every
way to change mounts, to make a process or to look into one.
"""

import ctypes
import errno
import platform
import struct

PR_SET_SECCOMP, MODE_FILTER = 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
NUMBER, ARCH, FIRST, SECOND, THIRD, FOURTH = 0, 4, 16, 24, 32, 40
"""Where the number, the architecture and the low words of arguments lie in what a filter sees."""
LOAD, EQUAL, AT_LEAST, ANY_BIT, GIVE = 0x20, 0x15, 0x35, 0x45, 0x06
THREAD = 0x003D0F00
"""The flags of clone by which the C library makes a thread, and no other: with one more a thread is held by a
descriptor, whose number the kernel counts up for all processes of the machine; with one less it has open files of its
own, as many again, and the pipes and watches among them are counted for the user whom all blocks are."""
SHARED = 424
"""From here on numbers are the same on every machine."""

NUMBERS = {
    # name: (x86-64, AArch64; None where it has none)
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272), "unshare": (272, 97),
    "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "shmget": (29, 194), "shmctl": (31, 195), "shmat": (30, 196), "semget": (64, 190), "semop": (65, 193),
    "semctl": (66, 191), "semtimedop": (220, 192), "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188),
    "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181), "socket": (41, 198), "socketpair": (53, 199),
    "pipe": (22, None), "pipe2": (293, 59), "io_setup": (206, 0), "ustat": (136, None),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "flock": (73, 32), "memfd_create": (319, 279),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "userfaultfd": (323, 282),
    "perf_event_open": (298, 241), "bpf": (321, 280), "settimeofday": (164, 170), "adjtimex": (159, 171),
    "clock_settime": (227, 112), "clock_adjtime": (305, 266), "setpriority": (141, 140), "getpriority": (140, 141),
    "ioprio_set": (251, 30), "ioprio_get": (252, 31), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118),
    "sched_setattr": (314, 274), "sched_setaffinity": (203, 122), "sysinfo": (99, 179), "mincore": (27, 232),
    "preadv2": (327, 286), "pwritev2": (328, 287), "readahead": (187, 213), "fadvise64": (221, 223), "sync": (162, 81),
    "syncfs": (306, 267), "sethostname": (170, 161), "setdomainname": (171, 162), "personality": (135, 92),
    "syslog": (103, 116), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "quotactl": (179, 60),
    "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89), "reboot": (169, 142), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104), "mbind": (237, 235),
    "set_mempolicy": (238, 237), "migrate_pages": (256, 238), "move_pages": (279, 239), "lookup_dcookie": (212, 18),
    "mknod": (133, None), "mknodat": (259, 33), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "truncate": (76, 45),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16), "seccomp": (317, 277), "timer_create": (222, 107),
    "vhangup": (153, 58), "iopl": (172, None), "ioperm": (173, None), "modify_ldt": (154, None),
}  # fmt: skip
CLONE, FCNTL, MMAP, FUTEX = (56, 220), (72, 25), (9, 222), (202, 98)
PRCTL, MADVISE = (157, 167), (28, 233)
COMMANDS = (0, 1, 2, 3, 4, 1030)
"""Of fcntl, these alone: copies and flags of what is open. Others are locks, leases, watches, hints that stay."""
OPTIONS = (15, 16, 41, 42, 0x53564D41)
"""Of prctl, these alone: names of threads and of memory, and whether there are large pages. Others share a processor's
core, merge pages with those of other processes, or take room for filters."""
MERGE = 12
"""Of madvise, what does that for a range."""
HUGE = 0x00040000
"""The flag of mmap that takes huge pages from the machine's store."""
PRIVATE = 128
"""The flag of a futex that is this process's alone. Another is known by the page of a file that it lies in, and all
blocks have the libraries' pages: who waits at one is woken from another block. What is refused says that it is to be
tried again, as who joins a thread does until that has ended."""
NEWER = (436, 437, 439, 441)
"""Of the numbers that are the same everywhere: close_range, openat2, faccessat2, epoll_pwait2."""
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def forbid(threads: bool = True) -> None:
    """Lay the filter on this thread and all that come of it. The process must have no other thread yet."""
    program = assembled(platform.machine(), threads)
    text = ctypes.create_string_buffer(program)
    told = ctypes.create_string_buffer(struct.pack("@HxxxxxxP", len(program) // 8, ctypes.addressof(text)))
    if ctypes.CDLL(None).prctl(PR_SET_SECCOMP, MODE_FILTER, told, 0, 0):
        raise SystemExit("The kernel takes no filter.")


def assembled(machine: str, threads: bool = True) -> bytes:
    """The filter's instructions; without `threads` a block has one and no more."""
    column, arch = MACHINES[machine]
    refuse = (GIVE, 0, 0, REFUSE | errno.EPERM)
    absent = (GIVE, 0, 0, REFUSE | errno.ENOSYS)
    lines = [(LOAD, 0, 0, ARCH), (EQUAL, 1, 0, arch), refuse, (LOAD, 0, 0, NUMBER)]
    for number in sorted(n[column] for n in NUMBERS.values() if n[column] is not None):
        lines += [(EQUAL, 0, 1, number), refuse]
    for number in NEWER:
        lines += [(EQUAL, 0, 1, number), (GIVE, 0, 0, ALLOW)]
    lines += [(AT_LEAST, 0, 1, SHARED), absent]  # clone3 among them: the C library falls back to clone
    if threads:
        lines += [(EQUAL, 0, 4, CLONE[column]), (LOAD, 0, 0, FIRST), (EQUAL, 1, 0, THREAD), refuse, (GIVE, 0, 0, ALLOW)]
    else:
        lines += [(EQUAL, 0, 1, CLONE[column]), refuse]
    lines += [(EQUAL, 0, 4, MMAP[column]), (LOAD, 0, 0, FOURTH), (ANY_BIT, 0, 1, HUGE), refuse, (GIVE, 0, 0, ALLOW)]
    lines += [(EQUAL, 0, 4, MADVISE[column]), (LOAD, 0, 0, THIRD), (EQUAL, 0, 1, MERGE), refuse, (GIVE, 0, 0, ALLOW)]
    again = (GIVE, 0, 0, REFUSE | errno.EAGAIN)
    lines += [(EQUAL, 0, 4, FUTEX[column]), (LOAD, 0, 0, SECOND), (ANY_BIT, 0, 1, PRIVATE), (GIVE, 0, 0, ALLOW), again]
    lines += only(FCNTL[column], SECOND, COMMANDS, refuse)
    lines += only(PRCTL[column], FIRST, OPTIONS, (GIVE, 0, 0, REFUSE | errno.EINVAL))
    lines += [(GIVE, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def only(number: int, argument: int, values: tuple[int, ...], otherwise: tuple) -> list[tuple]:
    """Of one call, those whose argument is one of these."""
    lines = [(EQUAL, 0, 2 + 2 * len(values), number), (LOAD, 0, 0, argument)]
    for value in values:
        lines += [(EQUAL, 0, 1, value), (GIVE, 0, 0, ALLOW)]
    return [*lines, otherwise]
