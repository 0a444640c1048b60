"""What a profile's rules will ask of the evidence. No thresholds of its own."""

from broker.domain.plans import Needs
from broker.policy.profiles import Profile, Rounding


def needs_of(profile: Profile) -> Needs:
    return Needs(
        profile.t,
        institutions=profile.protects_institutions,
        record_keys=profile.rounding is Rounding.CELL_KEY,
        joint_cells=profile.max_joint_cells,
        exact_persons=profile.full_share < 1,
        margin=profile.margin,
        digits=profile.mean_digits,
    )
