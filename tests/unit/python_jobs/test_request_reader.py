"""The request reader accepts requests exactly as the library writes them, and refuses all others. It reads no rows."""

import json
from typing import Any

import pytest

from broker.domain.errors import Invalid
from broker.domain.jobs.script_requests import FigureMark, MeasureKind, MeasureRequest, ModelFamily, ScriptFigure
from broker.python_jobs.request_reader import read_request

TABLE: dict[str, Any] = {
    "version": 1, "kind": "table", "name": "t", "person": "pupil", "by": ["LA"],
    "measures": {"n": {"count": True}, "m": {"mean": "score"}},
    "variables": {"pupil": "npd.spring_census.PupilMatchingRefAnonymous", "LA": "spring_census.LA"},
    "description": "a table",
}  # fmt: skip
REGRESSION: dict[str, Any] = {
    "version": 1, "kind": "regression", "name": "r", "person": "pupil", "formula": "y ~ x | URN", "family": "ols",
    "variables": {"pupil": "npd.spring_census.PupilMatchingRefAnonymous"}, "description": "a model",
}  # fmt: skip
FIGURE: dict[str, Any] = {
    "version": 1, "kind": "figure", "name": "f", "data": "t", "mark": "bar", "x": "LA", "y": "m", "colour": None,
    "description": "a figure",
}  # fmt: skip


def read(document: dict[str, Any], **changed: Any) -> Any:
    content = json.dumps({k: v for k, v in {**document, **changed}.items() if v is not ...})
    return read_request(content.encode(), document["kind"], document["name"])


def test_a_table_may_say_what_its_own_columns_can_be() -> None:
    found = read(TABLE)
    measures = (MeasureRequest("n", MeasureKind.COUNT, None), MeasureRequest("m", MeasureKind.MEAN, "score"))
    assert (found.by, found.measures) == (("LA",), measures)
    assert found.bounds == ()
    assert read(TABLE, bounds={"score": [0, 100.5]}).bounds == (("score", 0.0, 100.5),)


@pytest.mark.parametrize("bounds", [
    [], {"LA": [0, 1]}, {"score": [1, 0]}, {"score": [0]}, {"score": [0, 2e9]}, {"score": [False, 1]}, {"score": "01"},
    {"other": [0, 1]}, {"score": [0, None]},
])  # fmt: skip
def test_bounds_are_of_measured_columns_of_the_scripts_own(bounds: Any) -> None:
    with pytest.raises(Invalid):
        read(TABLE, bounds=bounds)


def test_a_regression_may_name_a_cluster_and_a_figure_names_its_table() -> None:
    found = read(REGRESSION, cluster="URN")
    assert (found.family, found.cluster, found.formula.absorbed) == (ModelFamily.OLS, "URN", ("URN",))
    assert read(REGRESSION).cluster is None
    assert read(FIGURE) == ScriptFigure("f", "t", FigureMark.BAR, "LA", "m", None, "a figure")


@pytest.mark.parametrize(("document", "changed"), [
    (TABLE, {"version": 2}), (TABLE, {"name": "other"}), (TABLE, {"kind": "regression"}), (TABLE, {"residuals": True}),
    (TABLE, {"by": ...}), (TABLE, {"by": "LA"}), (TABLE, {"by": ["LA"] * 7}), (TABLE, {"by": ["LA", "n"]}),
    (TABLE, {"by": ["pupil"]}),
    (TABLE, {"by": ['LA"; DROP TABLE x; --']}),
    (TABLE, {"by": ["__p"]}), (TABLE, {"by": [1]}), (TABLE, {"measures": {}}),
    (TABLE, {"measures": {"n": {"count": False}}}),
    (TABLE, {"measures": {"n": {"count": True, "sum": "x"}}}),
    (TABLE, {"measures": {"n": {"max": "x"}}}),
    (TABLE, {"measures": {"n": {"sum": "pupil"}}}),
    (TABLE, {"measures": {f"m{i}": {"count": True} for i in range(40)}}),
    (TABLE, {"variables": {"LA": "npd.spring_census.LA"}}),
    (TABLE, {"variables": {**TABLE["variables"], "x": "npd.spring_census.LA; --"}}),
    (TABLE, {"variables": []}),
    (TABLE, {"description": "line\nline"}),
    (TABLE, {"description": "x" * 501}), (REGRESSION, {"family": "gamma"}), (REGRESSION, {"family": ["ols"]}),
    (REGRESSION, {"formula": "y ~ os.system('x')"}),
    (REGRESSION, {"formula": "y ~ C(pupil)"}),
    (REGRESSION, {"formula": "y ~ x | pupil"}),
    (REGRESSION, {"formula": "y ~ x | URN", "family": "logit"}),
    (REGRESSION, {"formula": ["y", "x"]}),
    (REGRESSION, {"cluster": "a b"}), (FIGURE, {"mark": "pie"}), (FIGURE, {"mark": {}}),
    (FIGURE, {"spec": {"url": "https://example.org"}}),
    (FIGURE, {"x": 3}),
])  # fmt: skip
def test_anything_else_is_refused(document: dict[str, Any], changed: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        read(document, **changed)
    assert refused.value.code in {"request", "formula"}


@pytest.mark.parametrize("content", [
    b"", b"[]", b"null", b"{", b"\xff", b'{"version": NaN}', b'{"version": 1, "version": 1}', b"[" * 100_000,
    b" " * 70_000,
])  # fmt: skip
def test_what_is_no_request_is_refused(content: bytes) -> None:
    with pytest.raises(Invalid):
        read_request(content, "table", "t")
