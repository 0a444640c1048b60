"""Reads the directive `# private: epsilon 0.5, blocks 500, range [-20, 10]` at the top of a script."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from broker.domain.errors import Refusal
from broker.policy.privacy_policy import PrivacyProfile
from broker.policy.service_limits import ServiceLimits
from broker.python_jobs.script_text import lines_of


class BlockEstimator(StrEnum):
    """How the answers of the blocks are combined. The directive chooses it before anything runs."""

    MEAN = "mean"
    MEDIAN = "median"


@dataclass(frozen=True, slots=True)
class AnswerRange:
    """One number that `answer` returns: its name, and the range to which each block's answer is clamped."""

    name: str
    low: Decimal
    high: Decimal

    @property
    def width(self) -> float:
        return float(self.high - self.low)

    @property
    def middle(self) -> float:
        return float((self.low + self.high) / 2)

    def __str__(self) -> str:
        return f"range {self.name} [{self.low:f}, {self.high:f}]"


@dataclass(frozen=True, slots=True)
class ScriptDirective:
    """The directive of a private script. `loss_name` and `loss`: the privacy loss to spend, in `epsilon` or `rho`.
    `seconds`: time limit of each block; None for the default."""

    loss_name: str
    loss: Decimal
    blocks: int
    ranges: tuple[AnswerRange, ...]
    estimator: BlockEstimator = BlockEstimator.MEAN
    seconds: Decimal | None = None

    @property
    def canonical(self) -> str:
        """The directive in a canonical spelling."""
        lasts = () if self.seconds is None else (f"seconds {self.seconds:f}",)
        parts = (
            f"{self.loss_name} {self.loss:f}",
            f"blocks {self.blocks}",
            *map(str, self.ranges),
            self.estimator,
            *lasts,
        )
        return "# private: " + ", ".join(parts)


DIRECTIVE_LINE = re.compile(r"[ \t\f]*#[ \t]*private[ \t]*:(.*)", re.IGNORECASE)
PLAIN_FLAGS = re.IGNORECASE | re.ASCII
"""Matches ASCII digits and letters only, so that every reader reads the same."""
# possessive quantifiers, so that a long line takes linear time
PART_PATTERN = re.compile(r"[^,\[\]]*+(?:\[[^\[\]]*+\])?+[^,\[\]]*+")
"""One part of the directive. Commas occur between brackets only."""
POSITIVE_PATTERN = r"(\d{1,9}(?:\.\d{1,9})?)"
NUMBER_PATTERN = r"([+-]?\d{1,12}(?:\.\d{1,9})?)"
SPEND_PART = re.compile(rf"(epsilon|rho)[ \t]+{POSITIVE_PATTERN}", PLAIN_FLAGS)
BLOCKS_PART = re.compile(r"blocks[ \t]+(\d{1,7})", PLAIN_FLAGS)
RANGE_PART = re.compile(
    rf"range(?:[ \t]+([A-Za-z]\w{{0,39}}))?[ \t]*"
    rf"\[[ \t]*{NUMBER_PATTERN}[ \t]*,[ \t]*{NUMBER_PATTERN}[ \t]*\]",
    PLAIN_FLAGS,
)
SECONDS_PART = re.compile(rf"seconds[ \t]+{POSITIVE_PATTERN}", PLAIN_FLAGS)
SPARE_SECONDS = 1
"""Seconds after the last slot, for blocks that are slow to end when the pauses between slots were too short. The job
then still ends on schedule."""
DIRECTIVE_FORM = (
    "Write  # private: epsilon 0.5, blocks 500, range [-20, 10]  with a range for each number that answer returns."
)


@dataclass(slots=True)
class ParsedDirective:
    """The directive, as far as it was understood. `line` is None if the script has none; it is then not private."""

    line: int | None = None
    directive: ScriptDirective | None = None
    refusals: list[Refusal] = field(default_factory=list)

    def refuse(self, code: str, message: str, advice: str, line: int | None = None, column: int = 1) -> None:
        self.refusals.append(Refusal(code, message, advice, line or self.line, column))


@dataclass(slots=True)
class _DirectiveParts:
    """The parts of the directive, by kind and in order."""

    spends: list[tuple[str, Decimal]] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    ranges: list[tuple[str, Decimal, Decimal]] = field(default_factory=list)
    estimators: list[BlockEstimator] = field(default_factory=list)
    seconds: list[Decimal] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def is_private(text: str) -> bool:
    return any(True for _ in _directive_lines(text))


def without_directive(text: str) -> str:
    """The text without its directive lines, which the caller writes again."""
    own = {number for number, _ in _directive_lines(text)}
    return "\n".join(line for number, line in enumerate(lines_of(text), 1) if number not in own)


def read_private_directive(text: str, profile: PrivacyProfile | None, service: ServiceLimits) -> ParsedDirective:
    """Read the directive. `profile`: the project's privacy profile; None if it has none, which is refused elsewhere."""
    parsed, lines = ParsedDirective(), list(_directive_lines(text))
    if not lines:
        return parsed
    parsed.line, rest = lines[0]
    for number, _ in lines[1:]:
        parsed.refuse("private-line", "The spend is stated twice.", "Remove one of the lines.", number)
    parts = _read_parts(rest)
    _check_form(parsed, parts)
    if not parsed.refusals:
        parsed.directive = _complete_directive(parts)
        _check_limits(parsed, parsed.directive, profile, service)
    return parsed


def _directive_lines(text: str) -> list[tuple[int, str]]:
    """Directive lines at the top, before any code, like input and output lines."""
    lines = []
    for number, line in enumerate(lines_of(text), 1):
        match = DIRECTIVE_LINE.fullmatch(line)
        if match is not None:
            lines.append((number, match[1]))
        # the first line of code
        elif line.strip() and not line.lstrip().startswith("#"):
            break
    return lines


def _read_parts(rest: str) -> _DirectiveParts:
    parts = _DirectiveParts()
    for match in PART_PATTERN.finditer(rest.strip()):
        if match[0].strip():
            _add_part(parts, match[0].strip())
    return parts


def _add_part(parts: _DirectiveParts, text: str) -> None:
    if spend := SPEND_PART.fullmatch(text):
        parts.spends.append((spend[1].lower(), Decimal(spend[2]).normalize()))
    elif blocks := BLOCKS_PART.fullmatch(text):
        parts.blocks.append(int(blocks[1]))
    elif answer_range := RANGE_PART.fullmatch(text):
        parts.ranges.append((answer_range[1] or "", Decimal(answer_range[2]), Decimal(answer_range[3])))
    elif seconds := SECONDS_PART.fullmatch(text):
        parts.seconds.append(Decimal(seconds[1]).normalize())
    elif text.lower() in set(BlockEstimator):
        parts.estimators.append(BlockEstimator(text.lower()))
    else:
        parts.unknown.append(text)


def _check_form(parsed: ParsedDirective, parts: _DirectiveParts) -> None:
    for text in parts.unknown:
        parsed.refuse("private-line", f"The part {text[:60]!r} is not understood.", DIRECTIVE_FORM)
    for what, values in (("spend", parts.spends), ("number of blocks", parts.blocks)):
        if len(values) != 1 and not parts.unknown:  # an unknown part may be the missing one
            parsed.refuse(
                "private-line",
                f"The line states the {what} {len(values)} times. State it exactly once.",
                DIRECTIVE_FORM,
            )
    for what, optional in (("estimator", parts.estimators), ("time of a block", parts.seconds)):
        if len(optional) > 1:
            parsed.refuse("private-line", f"The line states the {what} more than once.", "State it once, or remove it.")
    if any(not number for _, number in parts.spends) or any(not s for s in parts.seconds):
        parsed.refuse("private-line", "The number must be above zero.", DIRECTIVE_FORM)
    _check_ranges(parsed, parts)


def _check_ranges(parsed: ParsedDirective, parts: _DirectiveParts) -> None:
    if not parts.ranges and not parts.unknown:
        message = "The line has no range for the answer, so the influence of one block has no bound."
        parsed.refuse("private-range", message, "Write  range [-20, 10]  for each number that answer returns.")
    for _, low, high in parts.ranges:
        if low >= high:
            message = f"The range [{low:f}, {high:f}] is empty."
            parsed.refuse("private-range", message, "Write the low end first.")
    names = {name.casefold() for name in _range_names(parts)}  # names that differ only in case count as one
    if len(names) < len(parts.ranges):
        parsed.refuse("private-line", "Two numbers have the same name.", "Give each range its own name.")


def _range_names(parts: _DirectiveParts) -> list[str]:
    """Names of the ranges as written. A range without a name is named by its position, which another range may have as
    its name."""
    if len(parts.ranges) == 1:
        return [parts.ranges[0][0] or "answer"]
    return [name or f"answer_{n}" for n, (name, _, _) in enumerate(parts.ranges, 1)]


def _complete_directive(parts: _DirectiveParts) -> ScriptDirective:
    (word, number), (blocks,) = parts.spends[0], parts.blocks
    ranges = tuple(AnswerRange(name, *ends) for name, (_, *ends) in zip(_range_names(parts), parts.ranges, strict=True))
    estimator = parts.estimators[0] if parts.estimators else BlockEstimator.MEAN
    return ScriptDirective(word, number, blocks, ranges, estimator, parts.seconds[0] if parts.seconds else None)


def _check_limits(
    parsed: ParsedDirective, directive: ScriptDirective, profile: PrivacyProfile | None, service: ServiceLimits
) -> None:
    if profile is not None and not profile.least_blocks <= directive.blocks <= profile.most_blocks:
        message = (
            f"The line requests {directive.blocks} blocks, but the number must be from {profile.least_blocks} to "
            f"{profile.most_blocks}."
        )
        parsed.refuse("private-blocks", message, "More blocks give less noise, but have fewer persons each.")
    if profile is not None and len(directive.ranges) > profile.most_answers:
        message = f"The script requests {len(directive.ranges)} numbers, but the limit is {profile.most_answers}."
        parsed.refuse("private-answers", message, "Return fewer numbers, or use a second job.")
    seconds = block_seconds(directive, service)
    if 1000 * seconds > service.most_block_milliseconds:
        message = f"A block may take at most {service.most_block_milliseconds / 1000:g} seconds."
        parsed.refuse("private-time", message, "Use fewer seconds and more blocks: smaller blocks are quicker.")
    elif (duration := total_seconds(directive, service)) > service.python_wall_seconds:
        message = (
            f"{directive.blocks} blocks of {seconds:g} seconds take {duration:,.0f} seconds, but a job has at most "
        )
        message += f"{service.python_wall_seconds:,}."
        parsed.refuse("private-time", message, "Use fewer blocks, or fewer seconds.")


def block_seconds(directive: ScriptDirective, service: ServiceLimits) -> float:
    """Time limit of each block, in seconds."""
    return service.block_milliseconds / 1000 if directive.seconds is None else float(directive.seconds)


def slot_count(directive: ScriptDirective, service: ServiceLimits) -> int:
    """Number of slots. As many blocks run in parallel as there are threads."""
    return -(-directive.blocks // service.threads)  # rounded up


def total_seconds(directive: ScriptDirective, service: ServiceLimits) -> float:
    """Duration of all slots and the spare time, in seconds. It does not depend on the data."""
    length = block_seconds(directive, service) + service.block_rest_milliseconds / 1000
    return slot_count(directive, service) * length + SPARE_SECONDS


def slot_by_schedule(directive: ScriptDirective, service: ServiceLimits, passed: float) -> int:
    """Number of the slot (from 1) that runs by schedule, `passed` seconds after the start. It depends on the clock and
    the directive only."""
    length = block_seconds(directive, service) + service.block_rest_milliseconds / 1000
    return min(int(max(passed, 0.0) / length) + 1, slot_count(directive, service))
