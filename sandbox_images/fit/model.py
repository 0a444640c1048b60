"""Fits one model with statsmodels, and counts who stands behind it: persons of each category, leverage, influence.

Trusted code on verified rows. What leaves are coefficients and evidence; residuals, fitted values and effects of groups
exist in here only.
"""

import warnings

import numpy as np
import statsmodels.api as sm
from design import Design, NoModel, absorbed_codes, demeaned, without_missing, without_singles

TINY = 1e-9
MOST_CELLS = 2_000
HEAD = 5_000
LOOKED_AT = 1_000
MAKES_UP = 0.95
"""Who makes up so much of a column's own variation stands behind its coefficient; others are noise beside them."""
LARGEST = 50
"""Beyond it a coefficient of a logarithm, or its standard error, says that there is none."""


def fit(frame: dict[str, np.ndarray], model: dict) -> dict:
    """Raises NoModel."""
    used = [model["outcome"], *model["absorbed"], *(f["column"] for term in model["terms"] for f in term)]
    used += [model["cluster"]] if model["cluster"] else []
    frame = without_missing(frame, list(dict.fromkeys(used)))
    frame = without_singles(frame, model["absorbed"])
    if len(frame["__p"]) < 3:
        raise NoModel
    design = Design(frame, model)
    y = frame[model["outcome"]].astype(float)
    persons = np.unique(frame["__p"], return_inverse=True)[1]
    groups = absorbed_codes(frame, model["absorbed"])
    x, y_used = design.x, y
    if groups:
        both = demeaned(np.column_stack([y, design.x]), groups)
        y_used, x = both[:, 0], both[:, 1:]
    _check_rank(x)
    taken = sum(int(g.max()) + 1 for g in groups) - max(0, len(groups) - 1)
    free = len(y) - x.shape[1] - taken
    if free < 1 or np.ptp(y) < TINY:
        raise NoModel
    clusters = (
        np.unique([str(v) for v in frame[model["cluster"]]], return_inverse=True)[1] if model["cluster"] else None
    )
    found = _fitted(y_used, x, model["family"], clusters, free)
    inverse = np.linalg.inv((x * found["weights"][:, None]).T @ x)
    binary = bool(np.isin(y, (0.0, 1.0)).all())
    return {
        "columns": _columns(design, x * found["weights"][:, None] @ inverse, found, persons),
        "groups": _groups(design, y, persons, binary),
        "cells": [] if groups else _cells(design.x, y, persons, binary),
        "rows": len(y),
        "persons": int(persons.max()) + 1,
        "residual_df": int(free),
        "absorbed_groups": int(taken),
        "clusters": 0 if clusters is None else int(clusters.max()) + 1,
        "r_squared": float(found["r_squared"]),
        "binary": binary,
        **_influence(x, inverse, found, persons, groups),
    }


def _check_rank(x: np.ndarray) -> None:
    if not x.shape[1] or not np.isfinite(x).all():
        raise NoModel
    scale = np.linalg.norm(x, axis=0)
    if (scale < TINY).any() or np.linalg.matrix_rank(x / scale, tol=1e-7) < x.shape[1]:
        raise NoModel


def _fitted(y: np.ndarray, x: np.ndarray, family: str, clusters: np.ndarray | None, free: int) -> dict:
    how = {} if clusters is None else {"cov_type": "cluster", "cov_kwds": {"groups": clusters}}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            warnings.simplefilter("error", sm.tools.sm_exceptions.PerfectSeparationWarning)
            warnings.simplefilter("ignore", UserWarning)
            return _ols(y, x, how, free) if family == "ols" else _glm(y, x, family, how)
    except (np.linalg.LinAlgError, RuntimeWarning, ValueError, ArithmeticError) as fault:
        raise NoModel from fault
    except sm.tools.sm_exceptions.PerfectSeparationWarning as fault:
        raise NoModel from fault


def _ols(y: np.ndarray, x: np.ndarray, how: dict, free: int) -> dict:
    result = sm.OLS(y, x).fit(**how)
    errors = np.asarray(result.bse)
    if not how:  # what absorbed effects cost
        errors = errors * np.sqrt((len(y) - x.shape[1]) / free)
    total = ((y - y.mean()) ** 2).sum()
    explained = 1 - (result.resid**2).sum() / total
    return _checked(result.params, errors, explained, np.ones(len(y)), np.asarray(result.resid))


def _glm(y: np.ndarray, x: np.ndarray, family: str, how: dict) -> dict:
    if (family == "logit" and not np.isin(y, (0.0, 1.0)).all()) or (family == "poisson" and (y < 0).any()):
        raise NoModel
    kind = sm.families.Binomial() if family == "logit" else sm.families.Poisson()
    result = sm.GLM(y, x, family=kind).fit(maxiter=100, **how)
    if not result.converged or np.abs(result.params).max() > LARGEST or np.max(result.bse) > LARGEST:
        raise NoModel  # categories that decide the outcome have no finite coefficient
    mean = np.asarray(result.fittedvalues)
    weights = mean * (1 - mean) if family == "logit" else mean
    if weights.min() < TINY**2:
        raise NoModel
    return _checked(result.params, result.bse, 1 - result.llf / result.llnull, weights, (y - mean) / weights)


def _checked(params: np.ndarray, errors: np.ndarray, r_squared: float, weights: np.ndarray, resid: np.ndarray) -> dict:
    params, errors = np.asarray(params), np.asarray(errors)
    if not (np.isfinite(params).all() and np.isfinite(errors).all() and np.isfinite(r_squared)):
        raise NoModel
    return {"params": params, "errors": errors, "r_squared": r_squared, "weights": weights, "resid": resid}


def _columns(design: Design, pulls: np.ndarray, found: dict, persons: np.ndarray) -> list[dict]:
    """`pulls` is how much each row's outcome pulls at each coefficient."""
    many = int(persons.max()) + 1
    told = []
    for j, (name, kind) in enumerate(zip(design.names, design.kinds, strict=True)):
        other = design.x[:, j] != 0
        told.append({
            "name": name,
            "kind": kind,
            "coefficient": float(found["params"][j]),
            "standard_error": float(found["errors"][j]),
            "persons": min(int(np.unique(persons[other]).size), _behind_column(pulls[:, j], persons)),
            "rest": many if kind == "constant" else int(np.unique(persons[~other]).size),
        })  # fmt: skip
    return told


def _behind_column(pulls: np.ndarray, persons: np.ndarray) -> int:
    """The fewest persons who make up nearly all of a column's own variation: who has nothing in it but noise, or
    nothing once other columns and absorbed effects are taken out, is not one of them."""
    shares = np.sort(np.bincount(persons, pulls**2))[::-1].cumsum()
    return int(np.searchsorted(shares, MAKES_UP * shares[-1])) + 1


def _groups(design: Design, y: np.ndarray, persons: np.ndarray, binary: bool) -> list[dict]:
    return [{"name": name, **_behind(at, y, persons, binary)} for name, at in design.combinations()]


def _behind(at: np.ndarray, y: np.ndarray, persons: np.ndarray, binary: bool) -> dict:
    ones = int(np.unique(persons[at & (y == 1)]).size) if binary else 0
    rest = int(np.unique(persons[at & (y == 0)]).size) if binary else 0
    return {"persons": int(np.unique(persons[at]).size), "ones": ones, "rest": rest}


def _cells(x: np.ndarray, y: np.ndarray, persons: np.ndarray, binary: bool) -> list[dict]:
    """Of a model that has a coefficient for each different row of its design: its cells, as a table of means would have
    them, however categories were written. Of any other model none."""
    most = min(x.shape[1], MOST_CELLS)
    if len(np.unique(x[:HEAD], axis=0)) > most:
        return []
    cells, codes = np.unique(x, axis=0, return_inverse=True)
    codes = np.asarray(codes).reshape(-1)
    return [] if len(cells) > most else [_cell(codes == i, y, persons, binary) for i in range(len(cells))]


def _cell(at: np.ndarray, y: np.ndarray, persons: np.ndarray, binary: bool) -> dict:
    own, codes = np.unique(persons[at], return_inverse=True)
    totals = np.sort(np.abs(np.bincount(codes, y[at])))[::-1]
    second = float(totals[1]) if len(own) > 1 else 0.0
    spread = float(np.ptp(y[at]))
    return {**_behind(at, y, persons, binary), "total": float(totals.sum()), "largest": float(totals[0]),
            "second": second, "spread": spread}  # fmt: skip


def _influence(x: np.ndarray, inverse: np.ndarray, found: dict, persons: np.ndarray, groups: list[np.ndarray]) -> dict:
    """The largest leverage of a row, what its group's own effect adds included, or of all rows of one person together;
    and by how many standard errors the removal of one person would move a coefficient (to first order)."""
    w = found["weights"]
    leverage = w * np.einsum("ij,jk,ik->i", x, inverse, x)
    together = _of_one_person(x * np.sqrt(w)[:, None], inverse, leverage, persons)
    for codes in groups:
        leverage = leverage + 1.0 / np.bincount(codes)[codes]
    leverage = np.clip(leverage, 0.0, 1.0)
    scores = x * (w * found["resid"] / np.maximum(1 - leverage, 1e-6))[:, None]
    of_person = np.zeros((int(persons.max()) + 1, x.shape[1]))
    np.add.at(of_person, persons, scores)
    moved = np.abs(of_person @ inverse) / np.maximum(found["errors"], 1e-300)
    return {"leverage": float(max(leverage.max(), together)), "influence": float(min(moved.max(), 1e9))}


def _of_one_person(x: np.ndarray, inverse: np.ndarray, leverage: np.ndarray, persons: np.ndarray) -> float:
    """How far one person's rows decide their own fitted values, at most: 1 where a coefficient is that person's alone,
    in however many rows. The sum of a person's leverages bounds it, so those with the largest are looked at."""
    sums = np.bincount(persons, leverage)
    order, many = np.argsort(persons, kind="stable"), np.bincount(persons)
    ends = np.cumsum(many)
    best = 0.0
    for looked, person in enumerate(np.argsort(-sums)):
        if sums[person] <= best:
            break
        if looked == LOOKED_AT:
            return min(1.0, float(sums[person]))
        own = x[order[ends[person] - many[person] : ends[person]]]
        best = max(best, float(np.linalg.eigvalsh(own @ inverse @ own.T)[-1]))
    return min(best, 1.0)
