"""Design matrices of the broker's own formulas, and who stands behind each column. Numpy only; fits nothing.

Categories are the levels that occur, in the order of their texts; the first is the reference wherever a constant or
absorbed effects stand for it. A product of factors is the product of their columns.
"""

import numpy as np

MOST_COLUMNS = 400
MOST_GROUPS = 20_000


class NoModel(Exception):
    """The rows do not identify the model."""


class Design:
    """`x` is the matrix, `names` and `kinds` of its columns; `groups` are the categories and their combinations."""

    def __init__(self, frame: dict[str, np.ndarray], model: dict) -> None:
        self.frame, self.model = frame, model
        self.rows = len(frame["__p"])
        self.absorbs = bool(model["absorbed"])
        self.levels: dict[str, np.ndarray] = {}
        self.codes: dict[str, np.ndarray] = {}
        columns = [("(constant)", "constant", np.ones(self.rows))] if model["constant"] and not self.absorbs else []
        full = not model["constant"] and not self.absorbs
        for term in model["terms"]:
            takes_all = full and len(term) == 1 and term[0]["levels"]
            columns += self._term(term, whole=takes_all)
            full = full and not takes_all
            if len(columns) > MOST_COLUMNS:
                raise NoModel
        self.names = [c[0] for c in columns]
        self.kinds = [c[1] for c in columns]
        self.x = np.column_stack([c[2] for c in columns]) if columns else np.zeros((self.rows, 0))

    def _term(self, term: list[dict], whole: bool) -> list[tuple[str, str, np.ndarray]]:
        found = [("", "level", np.ones(self.rows))]
        for factor in term:
            parts = self._factor(factor, whole)
            found = [
                (f"{n}:{m}" if n else m, "level" if {k, j} == {"level"} else "number", a * b)
                for n, k, a in found
                for m, j, b in parts
            ]
            if len(found) > MOST_COLUMNS:
                raise NoModel
        return found

    def _factor(self, factor: dict, whole: bool) -> list[tuple[str, str, np.ndarray]]:
        column = factor["column"]
        if not factor["levels"]:
            values = self.frame[column].astype(float)
            if len(np.unique(values)) == 2:  # a category, whatever its two values are: who has each is counted
                self._code(column)
            return [(column, "number", values)]
        self._code(column)
        kept = range(0 if whole else 1, len(self.levels[column]))
        return [(f"{column}[{self.levels[column][i]}]", "level", (self.codes[column] == i) * 1.0) for i in kept]

    def _code(self, column: str) -> None:
        if column not in self.codes:
            texts = _texts(self.frame[column])
            self.levels[column], self.codes[column] = np.unique(texts, return_inverse=True)
            if len(self.levels[column]) > MOST_COLUMNS:
                raise NoModel

    def combinations(self) -> list[tuple[str, np.ndarray]]:
        """Each observed category, and each observed combination of categories in a product, with its rows. A number of
        two values is one."""
        found = []
        for term in self.model["terms"]:
            factors = [f["column"] for f in term if f["column"] in self.levels]
            if factors:
                place = np.zeros(self.rows, np.int64)
                for column in factors:
                    place = place * len(self.levels[column]) + self.codes[column]
                for value in np.unique(place):
                    at = place == value
                    first = int(np.flatnonzero(at)[0])
                    label = ":".join(f"{c}[{self.levels[c][self.codes[c][first]]}]" for c in factors)
                    found.append((label, at))
                if len(found) > MOST_GROUPS:
                    raise NoModel
        return found


def without_missing(frame: dict[str, np.ndarray], used: list[str]) -> dict[str, np.ndarray]:
    """Rows that have a value in every column of the model."""
    known = np.ones(len(frame["__p"]), bool)
    for column in used:
        values = frame[column]
        if values.dtype == object:
            known &= np.array([v is not None for v in values], bool)
        elif values.dtype.kind == "f":
            known &= ~np.isnan(values)
    return {name: values[known] for name, values in frame.items()}


def without_singles(frame: dict[str, np.ndarray], absorbed: list[str]) -> dict[str, np.ndarray]:
    """A row that is alone in a group whose effect is absorbed says nothing of anything else."""
    while True:
        alone = np.zeros(len(frame["__p"]), bool)
        for column in absorbed:
            _, codes, counts = np.unique(_texts(frame[column]), return_inverse=True, return_counts=True)
            alone |= counts[codes] == 1
        if not alone.any():
            return frame
        frame = {name: values[~alone] for name, values in frame.items()}


def _texts(values: np.ndarray) -> np.ndarray:
    """Whole numbers without a point, however they came."""
    whole = values.dtype.kind == "f" and bool((values == np.round(values)).all())
    return np.array([str(v) for v in (values.astype(np.int64) if whole else values)], dtype=str)


def absorbed_codes(frame: dict[str, np.ndarray], absorbed: list[str]) -> list[np.ndarray]:
    return [np.unique(_texts(frame[column]), return_inverse=True)[1] for column in absorbed]


def demeaned(values: np.ndarray, groups: list[np.ndarray], tolerance: float = 1e-10, most: int = 500) -> np.ndarray:
    """What is left of columns when the groups' effects are taken out, by alternating projections."""
    found = values.astype(float).copy()
    scale = np.maximum(np.abs(found).max(axis=0), 1e-30)
    for _ in range(most):
        before = found.copy()
        for codes in groups:
            counts = np.bincount(codes)
            for j in range(found.shape[1]):
                found[:, j] -= (np.bincount(codes, found[:, j]) / counts)[codes]
        if len(groups) < 2 or (np.abs(found - before) / scale).max(initial=0.0) < tolerance:
            return found
    raise NoModel
