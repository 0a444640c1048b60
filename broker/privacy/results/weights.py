"""What the coordinates of a block say: weights of counts and sums, and how far a choice may be off. No figures."""

from math import log

from broker.privacy.blocks import Block
from broker.privacy.results.intervals import Noise
from broker.privacy.tables import Ask, Statistic

Weights = tuple[float, ...]


def count_weights(block: Block) -> Weights:
    """Of the rows that the block is of: coordinates share out a whole."""
    return (1 / block.whole,) * (block.width - block.missing) + (0.0,) * block.missing


def rows_weights(block: Block) -> Weights:
    """Of all rows, those without an argument too."""
    return (1 / block.whole,) * block.width


def weights_of(s: Statistic, block: Block) -> Weights:
    """Of the rows that a statistic is of."""
    return rows_weights(block) if s.ask in (Ask.ROWS, Ask.PERSONS) else count_weights(block)


def sum_weights(block: Block) -> Weights:
    """Of the sum of x in its own units: the j-th Bernstein coefficient of x is low + width * j / degree."""
    clamp, degree = block.cut, block.degree
    at = (clamp.low + clamp.width * j / degree for j in range(degree + 1))
    return tuple(a / block.whole / clamp.scale for a in at) + (0.0,) * block.missing


def own_weights(s: Statistic, block: Block) -> Weights:
    """Of a count or a sum itself."""
    return sum_weights(block) if s.ask is Ask.SUM else weights_of(s, block)


def ranks_off(block: Block, choice: Noise, level: float) -> float:
    """How many rows too far the chosen point's rank may be, beside the best candidate's: a score worse than the best by
    scale * ln(k / (1 - level)) has at most the rest of the probability (McSherry, Talwar 2007; permute-and-flip is no
    worse: McKenna, Sheldon 2020)."""
    return choice.deviation * log(block.width / (1 - level)) / block.of.denominator
