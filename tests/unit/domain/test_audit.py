"""The hash chain: any change, loss or reordering of a line is found (invariant 7)."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, strategies as st

from broker.domain.identity.audit import GENESIS, AuditEvent, AuditLine, check_lines, line_hash

words = st.text(max_size=12)
codes = st.lists(st.tuples(words, words), max_size=3).map(tuple)
events = st.builds(AuditEvent, st.datetimes(timezones=st.just(UTC)), words, words, words, codes)


def chain(found: list[AuditEvent]) -> list[AuditLine]:
    lines, previous = [], GENESIS
    for number, event in enumerate(found, 1):
        lines.append(AuditLine(number, event, previous, line_hash(number, event, previous)))
        previous = lines[-1].hash
    return lines


def first_break(lines: list[AuditLine]) -> int | None:
    return next((line.number for line, holds in check_lines(lines) if not holds), None)


@given(st.lists(events, max_size=8))
def test_an_honest_chain_holds(found):
    assert first_break(chain(found)) is None


@given(st.lists(events, min_size=1, max_size=8), st.data())
def test_invariant_7_a_changed_line_is_found(found, data):
    lines = chain(found)
    index = data.draw(st.integers(0, len(lines) - 1))
    other = data.draw(events.filter(lambda e: e != lines[index].event))
    lines[index] = replace(lines[index], event=other)
    assert first_break(lines) == index + 1


@given(st.lists(events, min_size=2, max_size=8), st.data())
def test_invariant_7_a_lost_line_is_found_unless_it_is_the_last(found, data):
    lines = chain(found)
    index = data.draw(st.integers(0, len(lines) - 2))
    del lines[index]
    assert first_break(lines) is not None


def test_codes_cannot_be_shifted_between_fields():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    one = AuditEvent(at, "a", "b", "c", (("k", "v,w"),))
    two = AuditEvent(at, "a", "b", "c", (("k", "v"), ("w", "")))
    assert line_hash(1, one, GENESIS) != line_hash(1, two, GENESIS)
