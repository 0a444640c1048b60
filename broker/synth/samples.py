"""The small tables `fixture.*` of `tests/policies`, whose names hostile samples use. They link to nothing else."""

import numpy as np

from broker.synth.delivery import Columns, coded, day, days_of, flag, whole
from broker.synth.draws import Array, patterned, pick, stream
from broker.synth.synthetic_people import MAJOR, SURNAMES

_PUPILS = 2000
_YEARS = ("2018/2019", "2020/2021", "2021/2022", "2022/2023")


def _keys() -> Array:
    return 1 + np.arange(_PUPILS)


def npd_pupil(seed: int) -> Columns:
    rng = stream(seed, "sample pupils")
    school, fsm = rng.integers(0, 20, _PUPILS), rng.random(_PUPILS) < 0.25
    return {
        "pupil_key": whole(_keys()),
        "la_code": whole(1 + school // 4),
        "school_urn": whole(100 + school),
        "fsm": flag(fsm),
        "sen": coded(("N", "K", "E"), pick(rng, [0.82, 0.13, 0.05], _PUPILS)),
        "ethnicity": coded(MAJOR, pick(rng, [0.7, 0.06, 0.12, 0.06, 0.01, 0.02, 0.03], _PUPILS)),
        "gender": coded(("F", "M"), pick(rng, [0.49, 0.51], _PUPILS)),
        "ks2_score": whole(np.clip(np.round(105 - 4 * fsm + 8 * rng.standard_normal(_PUPILS)), 80, 120)),
        "upn": patterned(rng, _PUPILS, "A999999999999"),
        "surname": coded(SURNAMES, rng.integers(0, len(SURNAMES), _PUPILS)),
        "dob": day(days_of(2006, 9, 1) + rng.integers(0, 365, _PUPILS)),
        "postcode": patterned(rng, _PUPILS, "QQ99 9AA"),
    }


def npd_absence(seed: int) -> Columns:
    """Three rows for each pupil, one a year: the catalogue's limit."""
    rng = stream(seed, "sample absence")
    row = np.repeat(np.arange(_PUPILS), 3)
    return {
        "pupil_key": whole(_keys()[row]),
        "sessions_missed": whole(np.minimum(rng.gamma(1.4, 12, len(row)), 380)),
        "acad_year": coded(_YEARS, np.tile(np.arange(1, 4), _PUPILS)),
        "upn": patterned(rng, len(row), "A999999999999"),
        "reason_code": coded(("I", "M", "E", "U"), pick(rng, [0.6, 0.15, 0.05, 0.2], len(row))),
    }


def npd_cin(seed: int) -> Columns:
    rng = stream(seed, "sample need")
    who = np.sort(rng.permutation(_PUPILS)[:80])
    return {
        "pupil_key": whole(_keys()[who]),
        "primary_need": coded(("N1", "N2", "N4", "N5"), pick(rng, [0.6, 0.1, 0.1, 0.2], len(who))),
    }
