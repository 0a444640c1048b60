"""The noise of margins after they were fitted to one another: the fit is linear, so its moments are known before any
figure is. Sees no figures at all."""

from collections.abc import Mapping, Sequence
from math import prod, sqrt

from broker.privacy.results.intervals import Noise
from broker.privacy.results.margins import Set, subsets, weights_of


def fitted(lengths: Sequence[int], noises: Mapping[Set, Noise]) -> dict[Set, Noise]:
    """Noise of a cell of each grouping set, from that of a cell before the fit.

    A cell c of S' takes from a cell r of S the same weight wherever c and r agree in the same shared dimensions A, the
    sum over T within S and S' of share(S, T) / prod(d_i, i in S' not T) * prod(1[i in A] - 1 / d_i, i in T); there are
    prod(d_i - 1, i shared not A) * prod(d_i, i in S not S') such cells.
    """
    variances = {s: n.deviation**2 for s, n in noises.items()}
    return {s: _cell(s, lengths, noises, variances) for s in noises}


def _cell(of: Set, lengths: Sequence[int], noises: Mapping[Set, Noise], variances: Mapping[Set, float]) -> Noise:
    variance = fourth = 0.0
    for s, noise in noises.items():
        shared = tuple(i for i in s if i in of)
        shares = {
            t: _share(s, t, lengths, variances) / prod(lengths[i] for i in of if i not in t) for t in subsets(shared)
        }
        for agree in subsets(shared):
            weight = sum(v * prod((i in agree) - 1 / lengths[i] for i in t) for t, v in shares.items())
            number = prod(lengths[i] - 1 for i in shared if i not in agree) * prod(lengths[i] for i in s if i not in of)
            variance += number * (weight * noise.deviation) ** 2
            fourth += number * noise.excess * (weight * noise.deviation) ** 4
    return Noise(sqrt(variance), fourth / variance**2 if variance else 0.0)


def _share(s: Set, t: Set, lengths: Sequence[int], variances: Mapping[Set, float]) -> float:
    weights = weights_of(t, lengths, variances)
    return weights[s] / sum(weights.values())
