"""What each word for a job's state means to its researcher, and what they may do next. Says no more than the word."""

from broker.workflow.follow import Progress

MEANING = {
    "refused": "It was not accepted, and no data were read. Each reason below says what to write instead.",
    "waiting for a decision": "It has ended. Rules and people decide what may leave, which can take some days.",
    "failed": "It did not come to its end. This is all that may be told at once.",
    "limit": "It reached a limit of time, memory or output, which every job has. Ask for less at a time.",
    "released": "What may leave has left. The files below are yours to keep.",
    "recalled": "What was released has been taken back. Please do not use the files any more.",
    "not released": "Nothing of it may leave.",
    "returned": "A checker asks for a change: write a new job that replaces this one.",
    "withdrawn": "It was ended before a decision.",
    "kept": "The project keeps what it defined: other jobs can read it.",
}

SAME = "All slots are equally long, whatever their blocks do, and are counted from the whole minute of its beginning."


def told_of(state: str, progress: Progress) -> str:
    if progress.waits:
        return f"It waits for a free place. {_place(progress.ahead)}"
    if progress.blocks is not None:
        found = progress.blocks
        return f"By its schedule, slot {found.slot} of {found.slots} runs. {SAME}"
    if progress.minutes is not None:
        return f"It has run for {_minutes(progress.minutes)} of at most {_minutes(progress.limit)}."
    return MEANING.get(state, "")


def _place(ahead: int | None) -> str:
    if ahead is None:
        return "Many jobs are before it."
    return "It is the next to run." if ahead == 0 else f"At most {ahead} jobs are before it."


def _minutes(number: int) -> str:
    if number == 0:
        return "less than a minute"
    return "1 minute" if number == 1 else f"{number} minutes"
