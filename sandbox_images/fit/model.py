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
    binary = bool(np.isin(y, (0.0, 1.0)).all())
    return {
        "columns": _columns(design, found, persons),
        "groups": _groups(design, y, persons, binary),
        "cells": _cells(design, y, persons, binary),
        "rows": len(y),
        "persons": int(persons.max()) + 1,
        "residual_df": int(free),
        "absorbed_groups": int(taken),
        "clusters": 0 if clusters is None else int(clusters.max()) + 1,
        "r_squared": float(found["r_squared"]),
        "binary": binary,
        **_influence(x, found, persons, groups),
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


def _columns(design: Design, found: dict, persons: np.ndarray) -> list[dict]:
    many = int(persons.max()) + 1
    told = []
    for j, (name, kind) in enumerate(zip(design.names, design.kinds, strict=True)):
        other = design.x[:, j] != 0
        told.append({
            "name": name,
            "kind": kind,
            "coefficient": float(found["params"][j]),
            "standard_error": float(found["errors"][j]),
            "persons": int(np.unique(persons[other]).size),
            "rest": many if kind == "constant" else int(np.unique(persons[~other]).size),
        })  # fmt: skip
    return told


def _groups(design: Design, y: np.ndarray, persons: np.ndarray, binary: bool) -> list[dict]:
    return [{"name": name, **_behind(at, y, persons, binary)} for name, at in design.combinations()]


def _behind(at: np.ndarray, y: np.ndarray, persons: np.ndarray, binary: bool) -> dict:
    ones = int(np.unique(persons[at & (y == 1)]).size) if binary else 0
    rest = int(np.unique(persons[at & (y == 0)]).size) if binary else 0
    return {"persons": int(np.unique(persons[at]).size), "ones": ones, "rest": rest}


def _cells(design: Design, y: np.ndarray, persons: np.ndarray, binary: bool) -> list[dict]:
    """Of a model of categories only that has a coefficient for each cell: its cells, as a table of means would have
    them. Of any other model none."""
    if not design.is_categorical:
        return []
    cells, codes = np.unique(design.x, axis=0, return_inverse=True)
    codes = np.asarray(codes).reshape(-1)
    if len(cells) > design.x.shape[1] or len(cells) > MOST_CELLS:
        return []
    return [_cell(codes == i, y, persons, binary) for i in range(len(cells))]


def _cell(at: np.ndarray, y: np.ndarray, persons: np.ndarray, binary: bool) -> dict:
    own, codes = np.unique(persons[at], return_inverse=True)
    totals = np.sort(np.abs(np.bincount(codes, y[at])))[::-1]
    second = float(totals[1]) if len(own) > 1 else 0.0
    spread = float(np.ptp(y[at]))
    return {**_behind(at, y, persons, binary), "total": float(totals.sum()), "largest": float(totals[0]),
            "second": second, "spread": spread}  # fmt: skip


def _influence(x: np.ndarray, found: dict, persons: np.ndarray, groups: list[np.ndarray]) -> dict:
    """The largest leverage of a row, what its group's own effect adds included; and by how many standard errors the
    removal of one person would move a coefficient (to first order)."""
    w = found["weights"]
    inverse = np.linalg.inv((x * w[:, None]).T @ x)
    leverage = w * np.einsum("ij,jk,ik->i", x, inverse, x)
    for codes in groups:
        leverage = leverage + 1.0 / np.bincount(codes)[codes]
    leverage = np.clip(leverage, 0.0, 1.0)
    scores = x * (w * found["resid"] / np.maximum(1 - leverage, 1e-6))[:, None]
    of_person = np.zeros((int(persons.max()) + 1, x.shape[1]))
    np.add.at(of_person, persons, scores)
    moved = np.abs(of_person @ inverse) / np.maximum(found["errors"], 1e-300)
    return {"leverage": float(leverage.max()), "influence": float(min(moved.max(), 1e9))}
