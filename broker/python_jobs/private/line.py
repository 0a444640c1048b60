"""Reads the line `# private: epsilon 0.5, blocks 500, range [-20, 10]` at the top of a script. Refuses, never
raises."""

import re
from dataclasses import dataclass, field
from decimal import Decimal

from broker.domain.errors import Refusal
from broker.policy.privacy import PrivacyProfile
from broker.policy.service import Service
from broker.python_jobs.look import lines_of
from broker.python_jobs.private.asks import Asks, Estimator, Range

LINE = re.compile(r"[ \t\f]*#[ \t]*private[ \t]*:(.*)", re.IGNORECASE)
PLAIN = re.IGNORECASE | re.ASCII
"""Digits and letters are those that everybody reads alike."""
PART = re.compile(r"[^,\[\]]*+(?:\[[^\[\]]*+\])?+[^,\[\]]*+")
"""One part: no comma but between brackets."""
POSITIVE = r"(\d{1,9}(?:\.\d{1,9})?)"
NUMBER = r"([+-]?\d{1,12}(?:\.\d{1,9})?)"
SPEND = re.compile(rf"(epsilon|rho)[ \t]+{POSITIVE}", PLAIN)
BLOCKS = re.compile(r"blocks[ \t]+(\d{1,7})", PLAIN)
RANGE = re.compile(rf"range(?:[ \t]+([A-Za-z]\w{{0,39}}))?[ \t]*\[[ \t]*{NUMBER}[ \t]*,[ \t]*{NUMBER}[ \t]*\]",
                   PLAIN)  # fmt: skip
SECONDS = re.compile(rf"seconds[ \t]+{POSITIVE}", PLAIN)
SPARE_SECONDS = 1
"""After the last slot, where the rests were too short for blocks that are slow to go: the end is where it was to be."""
FORM = "Write  # private: epsilon 0.5, blocks 500, range [-20, 10]  with a range for each number that answer returns."


@dataclass(slots=True)
class Found:
    """The line as far as it was understood. `line` is None where the script has none: then it is not private."""

    line: int | None = None
    asks: Asks | None = None
    refusals: list[Refusal] = field(default_factory=list)

    def refuse(self, code: str, message: str, advice: str, line: int | None = None, column: int = 1) -> None:
        self.refusals.append(Refusal(code, message, advice, line or self.line, column))


@dataclass(slots=True)
class _Parts:
    """What the parts say, each kind in order."""

    spends: list[tuple[str, Decimal]] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    ranges: list[tuple[str, Decimal, Decimal]] = field(default_factory=list)
    estimators: list[Estimator] = field(default_factory=list)
    seconds: list[Decimal] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def is_private(text: str) -> bool:
    return any(True for _ in _lines(text))


def without_line(text: str) -> str:
    """The text without it, for where it is written again."""
    own = {number for number, _ in _lines(text)}
    return "\n".join(line for number, line in enumerate(lines_of(text), 1) if number not in own)


def private_line(text: str, profile: PrivacyProfile | None, service: Service) -> Found:
    """`profile`: the project's; None where it has none, which is refused elsewhere."""
    found, asked = Found(), list(_lines(text))
    if not asked:
        return found
    found.line, rest = asked[0]
    for number, _ in asked[1:]:
        found.refuse("private-line", "The spend is said twice.", "Leave one of the lines.", number)
    parts = _read(rest)
    _check_form(found, parts)
    if not found.refusals:
        found.asks = _asks(parts)
        _check_limits(found, found.asks, profile, service)
    return found


def _lines(text: str) -> list[tuple[int, str]]:
    """Lines at the top, before any code, as for inputs and outputs."""
    found = []
    for number, line in enumerate(lines_of(text), 1):
        match = LINE.fullmatch(line)
        if match is not None:
            found.append((number, match[1]))
        elif line.strip() and not line.lstrip().startswith("#"):
            break
    return found


def _read(rest: str) -> _Parts:
    parts = _Parts()
    for match in PART.finditer(rest.strip()):
        if match[0].strip():
            _part(parts, match[0].strip())
    return parts


def _part(parts: _Parts, text: str) -> None:
    if spend := SPEND.fullmatch(text):
        parts.spends.append((spend[1].lower(), Decimal(spend[2]).normalize()))
    elif blocks := BLOCKS.fullmatch(text):
        parts.blocks.append(int(blocks[1]))
    elif asked := RANGE.fullmatch(text):
        parts.ranges.append((asked[1] or "", Decimal(asked[2]), Decimal(asked[3])))
    elif seconds := SECONDS.fullmatch(text):
        parts.seconds.append(Decimal(seconds[1]).normalize())
    elif text.lower() in set(Estimator):
        parts.estimators.append(Estimator(text.lower()))
    else:
        parts.unknown.append(text)


def _check_form(found: Found, parts: _Parts) -> None:
    for text in parts.unknown:
        found.refuse("private-line", f"The part {text[:60]!r} is not understood.", FORM)
    for what, told in (("spend", parts.spends), ("number of blocks", parts.blocks)):
        if len(told) != 1 and not parts.unknown:
            found.refuse("private-line", f"The line says the {what} {len(told)} times; it has to say it once.", FORM)
    for what, often in (("estimator", parts.estimators), ("time of a block", parts.seconds)):
        if len(often) > 1:
            found.refuse("private-line", f"The line says the {what} more than once.", "Say it once, or leave it out.")
    if any(not number for _, number in parts.spends) or any(not s for s in parts.seconds):
        found.refuse("private-line", "Nothing costs nothing, and takes no time.", FORM)
    _check_ranges(found, parts)


def _check_ranges(found: Found, parts: _Parts) -> None:
    if not parts.ranges and not parts.unknown:
        message = "Nothing says between which values an answer lies, so one block's part in it has no bound."
        found.refuse("private-range", message, "Write  range [-20, 10]  for each number that answer returns.")
    for _, low, high in parts.ranges:
        if low >= high:
            message = f"The range [{low:f}, {high:f}] holds nothing between its ends."
            found.refuse("private-range", message, "Write the low end first.")
    names = {name.casefold() for name in _names(parts)}
    if len(names) < len(parts.ranges):
        found.refuse("private-line", "Two numbers have one name.", "Give each range its own name.")


def _names(parts: _Parts) -> list[str]:
    """As they are written, and numbers that have none by their place: which somebody may have written for another."""
    if len(parts.ranges) == 1:
        return [parts.ranges[0][0] or "answer"]
    return [name or f"answer_{n}" for n, (name, _, _) in enumerate(parts.ranges, 1)]


def _asks(parts: _Parts) -> Asks:
    (word, number), (blocks,) = parts.spends[0], parts.blocks
    ranges = tuple(Range(name, *ends) for name, (_, *ends) in zip(_names(parts), parts.ranges, strict=True))
    estimator = parts.estimators[0] if parts.estimators else Estimator.MEAN
    return Asks(word, number, blocks, ranges, estimator, parts.seconds[0] if parts.seconds else None)


def _check_limits(found: Found, asks: Asks, profile: PrivacyProfile | None, service: Service) -> None:
    if profile is not None and not profile.least_blocks <= asks.blocks <= profile.most_blocks:
        message = f"{asks.blocks} blocks are asked for; from {profile.least_blocks} to {profile.most_blocks} can be."
        found.refuse("private-blocks", message, "More blocks have less noise, and fewer persons each.")
    if profile is not None and len(asks.ranges) > profile.most_answers:
        message = f"{len(asks.ranges)} numbers are asked for; at most {profile.most_answers} are."
        found.refuse("private-answers", message, "Return fewer, or ask in a second job.")
    seconds = seconds_of(asks, service)
    if 1000 * seconds > service.most_block_milliseconds:
        message = f"A block may take at most {service.most_block_milliseconds / 1000:g} seconds."
        found.refuse("private-time", message, "Name fewer seconds, and more blocks: smaller ones are quicker.")
    elif (lasts := lasting(asks, service)) > service.python_wall_seconds:
        message = f"{asks.blocks} blocks of {seconds:g} seconds last {lasts:,.0f} seconds; a job has at most "
        message += f"{service.python_wall_seconds:,}."
        found.refuse("private-time", message, "Name fewer blocks, or fewer seconds.")


def seconds_of(asks: Asks, service: Service) -> float:
    """How long each block may take."""
    return service.block_milliseconds / 1000 if asks.seconds is None else float(asks.seconds)


def slots_of(asks: Asks, service: Service) -> int:
    """As many blocks run side by side as there are lanes."""
    return -(-asks.blocks // service.threads)


def lasting(asks: Asks, service: Service) -> float:
    """How long all slots together last, and what is spare after them, whatever the data are."""
    length = seconds_of(asks, service) + service.block_rest_milliseconds / 1000
    return slots_of(asks, service) * length + SPARE_SECONDS


def slot_at(asks: Asks, service: Service, passed: float) -> int:
    """Which slot runs by the schedule, so many seconds after its beginning: of the clock and the line alone."""
    length = seconds_of(asks, service) + service.block_rest_milliseconds / 1000
    return min(int(max(passed, 0.0) / length) + 1, slots_of(asks, service))
