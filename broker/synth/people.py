"""The people: what stays the same about each over the years. Draws nothing and writes no table."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from broker.synth.draws import Array

ETHNIC = (
    "WBRI",
    "WIRI",
    "WIRT",
    "WROM",
    "WOTH",
    "MWBC",
    "MWBA",
    "MWAS",
    "MOTH",
    "AIND",
    "APKN",
    "ABAN",
    "AOTH",
    "CHNE",
    "BCRB",
    "BAFR",
    "BOTH",
    "OOTH",
    "REFU",
    "NOBT",
)
MAJOR = ("WHIT", "MIXD", "ASIA", "BLAC", "CHIN", "AOEG", "UNCL")
MAJOR_OF = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 4, 3, 3, 3, 5, 6, 6])
NEEDS = ("SPLD", "MLD", "SLD", "PMLD", "BESD", "SEMH", "SLCN", "HI", "VI", "MSI", "PD", "ASD", "OTH", "NSA")
# fmt: off
SURNAMES = (
    "Archer", "Bell", "Brook", "Carter", "Clay", "Dale", "Ellis", "Field", "Ford", "Grant", "Hale", "Hill",
    "Holt", "Kaur", "Khan", "Lake", "Lane", "Marsh", "Mills", "Moor", "Nowak", "Okoye", "Park", "Patel",
    "Pike", "Pond", "Reed", "Rivers", "Shaw", "Stone", "Vale", "Wood",
)
# fmt: on
LEAVES = 13
"""The last year group; year groups count from reception (0), nursery is below."""


@dataclass(frozen=True)
class People:
    """One element a person; `reception` is the first calendar year of their reception year."""

    reception: Array
    male: Array
    month: Array
    born: Array
    la: Array
    area: Array
    idaci: Array
    ethnic: Array
    english: Array
    poverty: Array
    """The uniform draw behind free meals; `poor` is who would be eligible in the latest year."""
    poor: Array
    sen: Array
    need_plan: Array
    need_support: Array
    ability: Array
    noise: Array
    """One row a stage (profile, phonics, KS1, KS2, KS4): what a test adds to ability."""
    truancy: Array
    conduct: Array
    hardship: Array
    arrives: Array
    leaves: Array
    stays_on: Array
    moves_at: Array
    school: Array
    """Rows: primary before and after a move, secondary before and after, nursery."""
    special: Array
    service: Array
    outside: Array
    """Never in a census (independent schools): exam results without a match."""
    reference: pa.Array
    second_reference: Array
    """Position of a second reference in `reference`, or the person's own."""
    second_from: Array
    upn: pa.Array
    surname: Array
    edukey: pa.Array

    def references(self, who: Array, year: int) -> pa.Array:
        """The pseudonym of each person in a year: a few get a new one along the way."""
        return self.reference.take(pa.array(np.where(year >= self.second_from[who], self.second_reference[who], who)))

    @property
    def count(self) -> int:
        return len(self.reception)
