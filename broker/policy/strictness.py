"""Whether one profile asks at least as much as another of all that leaves. Compares parameters, sees no data."""

from broker.policy.profiles import Profile, ZeroPolicy

LARGER = ("t", "coalition", "min_interval", "dof", "noise_deviation", "noise_variance", "noise_least")
SMALLER = ("full_share", "mean_digits", "percent_digits", "sum_digits", "fit_digits", "max_leverage", "max_influence")
EQUAL = ("rounding", "prior_q", "dominance_n", "whisker")
LOOKS = (ZeroPolicy.PUBLISH, ZeroPolicy.REVIEW, ZeroPolicy.SUPPRESS)


def is_as_strict(profile: Profile, other: Profile) -> bool:
    """What passed under `profile` could have left under `other` too, with the same figures or finer ones. Where two
    parameters cannot be ordered they have to be equal."""
    pairs = [(getattr(profile, name), getattr(other, name)) for name in LARGER]
    pairs += [(getattr(other, name), getattr(profile, name)) for name in SMALLER]
    pairs += [
        (LOOKS.index(profile.zeros), LOOKS.index(other.zeros)),
        (LOOKS.index(profile.full), LOOKS.index(other.full)),
    ]
    pairs += [(profile.p_percent or 0, other.p_percent or 0), (_concentrated(other), _concentrated(profile))]
    return (
        all(mine >= theirs for mine, theirs in pairs)
        and all(getattr(profile, name) == getattr(other, name) for name in EQUAL)
        and profile.round_base % other.round_base == 0
        and _institutions(profile) >= _institutions(other)
    )


def _concentrated(profile: Profile) -> float:
    """The share in percent that the largest contributors may have; all of it where nothing asks."""
    return 100 if profile.dominance_k is None else profile.dominance_k


def _institutions(profile: Profile) -> int:
    return profile.min_institutions if profile.protects_institutions else 0
