"""Attacks by files with counts under the threshold or single persons' values. Two checkers set each finding aside, one
by one, with a reason. Tables of codes and models raise no such finding."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from broker.disclosure.script_table_flags import MOST_NAMES
from broker.domain.errors import Invalid
from broker.domain.jobs.job import OutputState
from broker.domain.jobs.reviews import VoteChoice
from broker.workflow.pipeline.draft_output import DraftOutput
from broker.workflow.pipeline.script_outputs import draft_file
from broker.workflow.reviewing import output_review
from broker.workflow.reviewing.checker_inbox import vote_all
from broker.workflow.reviewing.output_review import Ballot
from tests.attacks.script_town import broker as town, policies, profile
from tests.files import made
from tests.unit.workflow.conftest import CHRIS, CLEO, PYTHON, Broker

PIVOT = "LA,n_0,n_1,mean\n201,5,300,0.2\n202,40,200,0.1\n"
"""Of three means one is of five pupils."""

pytestmark = pytest.mark.long


def prepared(text: str, name: str = "t.csv") -> DraftOutput:
    return draft_file(made(name, text.encode()), policies(), profile())


def aside(text: str, name: str = "t.csv") -> list[str]:
    """Findings that have to be set aside."""
    return [finding for finding, _ in prepared(text, name).record.file.set_aside]


HELD: dict[str, tuple[str, list[str]]] = {
    "a pivot with five pupils": (PIVOT, ["F1:n_0"]),
    "extremes by group": ("LA,max,mean,min\n201,87.94,50.1,1.5\n202,77.1,40.2,2.5\n", ["Q2:max", "Q2:min"]),
    "names of two parts": ("LA,score_max,scoreMin\n201,87.94,1.5\n202,77.1,2.5\n", ["Q2:scoreMin", "Q2:score_max"]),
    "percentiles at the ends": ("LA,p1,p25,p99\n201,1.5,20,87.9\n202,1.6,21,88.1\n", ["Q2:p1", "Q2:p99"]),
    "percent signs": ("LA,1%,50%,99%\n201,1.5,20,87.9\n202,1.6,21,88.1\n", ["Q2:1%", "Q2:99%"]),
    "quantiles": ("LA,q0.01,q0.5\n201,1.5,20.5\n202,1.6,21.5\n", ["Q2:q0.01"]),
    "first and last": ("LA,first,last_score\n201,1.5,20.5\n202,1.6,21.5\n", ["Q2:first", "Q2:last_score"]),
    "a description": ("stat,score\ncount,400\nmean,50.1\nmin,1.5\n50%,50.5\nmax,87.9\n", ["Q2:max", "Q2:min"]),
    "two rows of names": ("LA,score,score.1\nname,mean,max\n201,50.1,87.94\n", ["Q2:max"]),
    "counts called months": ("LA,MonthOfBirth\n201,3\n202,11\n", ["F1:MonthOfBirth"]),
    "counts called a flag": ("LA,FSMeligible\n201,1\n202,1\n203,0\n", ["F1:FSMeligible"]),
    "counts called clusters": ("LA,cluster\n201,3\n202,500\n", ["F1:cluster"]),
    "counts called a flag, twice": ("FSMeligible,n\n5,40\n5,41\n", ["F1:FSMeligible"]),
    "codes that are none": ("FSMeligible,share\n0,0.5\n3,0.25\n7,0.25\n", ["F1:FSMeligible"]),
    "counts with their percentages": ("sex,absent\nF,3 (1.2%)\nM,250 (98.8%)\n", ["F1:absent"]),
    "counts in words": ("sex,absent\nF,n = 3\nM,250 pupils\n", ["F1:absent"]),
    "a count among symbols": ("LA,n\n201,c\n202,c\n203,c\n204,3\n", ["F1:n"]),
    "a description on its side": ("stat,A,B\ncount,3,5\nmean,3.21,4.5\nstd,1.1,2.2\n", ["F1:count"]),
    "an N among statistics": ("stat,A,B\nN,3,400\nMean,3.21,4.5\nSD,1.1,2.2\n", ["F1:N"]),
    "numbers of pupils below means": ("row,F,M\nMean,3.2,4.5\nSD,1.1,2.2\nNo. of pupils,7,400\n", ["F1:No. of pupils"]),
    "quantiles by row": ("q,score\n0.01,2.5\n0.5,40.2\n0.99,87.94\n", ["Q2:0.01", "Q2:0.99"]),
    "quantiles of an index": (",score\n0,2.5\n0.5,40.2\n1,87.94\n", ["Q2:0", "Q2:1"]),
    "chosen percentiles": ("percentile,score\n1,2.5\n50,40.2\n99,87.94\n", ["Q2:1", "Q2:99"]),
    "quantiles by column": ("LA,0.01,0.5,0.99\n201,2.5,40.2,87.94\n", ["Q2:0.01", "Q2:0.99"]),
    "names in one word": ("LA,maxscore,SCOREMIN,amin\n201,87.94,1.5,1.5\n", ["Q2:SCOREMIN", "Q2:amin", "Q2:maxscore"]),
    "other percentiles": (
        "LA,q99,score_q01,pc99,99th,p99score\n201,87.94,1.5,87.94,87.94,87.94\n",
        ["Q2:99th", "Q2:p99score", "Q2:pc99", "Q2:q99", "Q2:score_q01"],
    ),
    "the top": ("LA,top\n201,87.94\n", ["Q2:top"]),
    "measures by row": ("measure,value\nmean_score,50.1\nmax_score,87.94\n", ["Q2:max_score"]),
    "pseudonyms": ("who,n\n0a1b0a1b0a1b0a1b0a1b0a1b0a1b0a1b,400\n", ["T3:who"]),
}


DOCUMENTS: dict[str, tuple[str, list[str]]] = {
    '{"girls": 3, "boys": 5}': ("t.json", ["F1:boys", "F1:girls"]),
    '{"girls": {"n": 3, "m": 2.5}, "boys": {"n": 5}}': ("t.json", ["F1:n"]),
    '{"n": {"girls": 3, "boys": 400}, "mean": {"girls": 2.5}}': ("t.json", ["F1:girls", "F1:n"]),
    '{"by_la": {"201": 3, "202": 400}}': ("t.json", ["F1:by_la"]),
    '{"n_by_year": {"2019": 3, "2020": 400}}': ("t.json", ["F1:n_by_year"]),
    '[["girls", 3], ["boys", 400]]': ("t.json", ["F1"]),
    '{"rows": [{"stat": "count", "a": 3, "b": 5}, {"stat": "mean", "a": 3.5}]}': (
        "t.json",
        ["F1:a", "F1:b", "F1:count"],
    ),
    '{"score_max": 87.94, "n": 400}': ("t.json", ["Q2:score_max"]),
    '{"0.01": 2.5, "0.5": 40.2, "0.99": 87.94}': ("t.json", ["Q2:0.01", "Q2:0.99"]),
    '{"a": {"q": [0.01, 0.5], "score": [2.5, 40.2]}, "b": 1.5}': ("t.json", ["Q2:0.01"]),
    "girls 3\nboys 5": ("t.txt", ["F1"]),
    "girls: 3, boys: 5": ("t.txt", ["F1"]),
    "girls 3 (1.2%)\nboys 250 (98.8%)": ("t.txt", ["F1"]),
    "A,3,0.2\nB,400,0.3": ("t.txt", ["F1"]),
    "  n mean\nLA\n201 3 40.2\n202 400 30.1": ("t.txt", ["F1:n"]),
    "count 3.0\nmean 3.21\nmax 9.2": ("t.txt", ["F1:count", "Q2:max"]),
    "It was absent for 3 pupils in all.": ("t.txt", ["F1:pupils"]),
    "No. Observations: 7": ("t.txt", ["F1:Observations"]),
    "0.01 2.5\n0.50 40.2\n0.99 87.94": ("t.txt", ["Q2:0.01", "Q2:0.99"]),
    "LA mean max\n201 50.1 87.94": ("t.txt", ["Q2:max"]),
    "max score: 87.94 points": ("t.txt", ["Q2:max"]),
    "q99 = 87.94": ("t.txt", ["Q2:q99"]),
    "count 400\nmin 1.5\nmax: 87.9\n": ("t.txt", ["Q2:max", "Q2:min"]),
    '{"a": {"min": 1.5, "b": [{"mean": 3}]}}': ("t.json", ["Q2:min"]),
}
"""Files that are no tables: what is in them, their name, and what has to be set aside."""


FILES = {what: ("t.csv", *given) for what, given in HELD.items()}
FILES |= {text: (name, text, findings) for text, (name, findings) in DOCUMENTS.items()}


@pytest.mark.parametrize("what", FILES)
def test_what_a_table_would_hide_has_to_be_set_aside(what: str) -> None:
    name, text, findings = FILES[what]
    assert sorted(aside(text, name)) == findings


def test_a_text_of_signs_takes_no_time() -> None:
    began = time.process_time()
    assert aside("-\n" * 20_000, "t.txt") == []
    assert time.process_time() - began < 1


def test_more_names_than_anybody_reads_are_one_finding() -> None:
    lines = "".join(f"p0.{n:05d}: 1\n" for n in range(10_000))
    assert len(aside(lines, "t.txt")) == MOST_NAMES + 1
    assert aside(lines, "t.txt")[-1] == "Q2"


FREE = {
    "shares by a flag": "FSMeligible,n,share\n0,3000,0.8\n1,750,0.2\n",
    "by a flag and a month": "FSMeligible,MonthOfBirth,n\n"
    + "".join(f"{n % 2},{n // 2},{400 + n}\n" for n in range(2, 26)),
    "by year group": "NCyearActual,mean\n" + "".join(f"{n},{n * 1.5}\n" for n in range(1, 12)),
    "of one year group": "LA,NCyearActual,n\n201,6,400\n202,6,500\n203,6,450\n",
    "clusters": "cluster,mean_score,n\n0,50.1,400\n1,40.2,500\n2,30.3,600\n",
    "deciles": "idaci_decile,n,share\n" + "".join(f"{n},{400 + n},0.1\n" for n in range(1, 11)),
    "quintiles by gender": "Gender,quintile,n\n" + "".join(f"{g},{q},{400 + q}\n" for g in "FM" for q in range(1, 6)),
    "an event study": "time,coef,se\n-2,0.012,0.004\n-1,0,0\n0,0.21,0.05\n1,0.25,0.05\n2,0.3,0.06\n",
    "a crosstab": "SENprovision,0,1\nE,400,120\nK,800,230\nN,5000,900\n",
    "coefficients": "term,coef,se,[0.025,0.975]\nIntercept,12.5,0.3,11.9,13.1\nfsm,-3.5,0.2,-3.9,-3.1\n",
    "bounds in percent": "term,2.5%,97.5%\nfsm,-3.9,-3.1\n",
    "a p of 32 zeros": "covariate,p\nfsm,0." + "0" * 40 + "62218\n",
    "32 digits in a text": "covariate,p\nfsm,p=00000000000000000000000000000000\n",
    "quartiles": "LA,p25,p50,p75,p5,p95\n201,20.5,30.5,40.5,12.5,77.5\n202,21.5,31.5,41.5,12.6,77.7\n",
    "fit": "model,n,r2\na,40000,0.2\nb,40000,0.25\nc,40000,0.26\n",
    "words within words": "LA,administration,maximal_share\n201,0.1,0.2\n202,0.2,0.3\n",
    "who came first": "LA,firstborn_share\n201,0.1\n202,0.2\n",
    "means by group": "region,n,mean,sd\nLondon,400,50.1,9.5\nLeeds,60,40.2,8.5\n",
    "years as columns": "LA,2015,2016,2017,2018\n201,4.1,4.2,4.3,4.2\n202,5.1,5.2,5.3,5.5\n",
    "years as rows": "year,n,percent\n2015,400,12.5\n2016,410,13\n2017,420,9.5\n",
    "a mean by age": "age,n,mean_by_age\n5,400,40.1\n6,410,41.2\n",
    "a table of errors": "actual,predicted absent,predicted present\nabsent,400,23\npresent,31,600\n",
    "no special needs": "SENprovision,NCyearActual,mean\nN,6,40.1\nN,7,40.2\nK,6,40.3\nK,7,40.4\n",
    "with and without support": "support,hours\nN,6\nY,5.5\nZ,7.5\n",
    "the fit below a model": "term,coef,se\nIntercept,5.2,0.1\nfsm,-3.5,0.2\nN,4000,\nR2,0.21,\n",
    "p of each term": "term,coef,p\nfsm,2.5,0.001\nsen,0.1,0.99\n",
    "quarters and components": "LA,q1,q3,PC1,d9\n201,20.5,30.5,0.1,80.5\n202,21.5,31.5,0.2,80.7\n",
    "groups of one per cent": "percentile,n\n" + "".join(f"{n},{400 + n}\n" for n in range(1, 101)),
    "words that begin so": "LA,minority_share,minutes,admin,top_set\n201,0.1,30.5,0.2,0.5\n202,0.2,31.5,0.3,0.4\n",
    "tenths": "bin,share\n" + "".join(f"0.{n},0.1\n" for n in range(10)),
}  # fmt: skip
FREE_DOCUMENTS = {
    '{"n": 4000, "r2": 0.21, "df": 3, "coef": {"fsm": -3.5, "sen": 2.25}}': "t.json",
    '{"2015": 12.5, "2016": 13.1, "2019": 11.2}': "t.json",
    '{"n_by_age": {"5": 400, "6": 410}, "note": "all ages"}': "t.json",
    '{"labels": ["absent", "present"], "matrix": [[400, 23], [31, 600]]}': "t.json",
    '{"rows": [{"FSMeligible": "1", "n": 400}, {"FSMeligible": "0", "n": 600}, {"n": 1000}]}': "t.json",
    '{"model": "logit", "seed": 7, "folds": 5, "terms": [{"name": "fsm", "coef": 0.5, "ci": [0.3, 0.7]}]}': "t.json",
    "        n  mean\nage\n5  400  50.1\n6  410  40.2": "t.txt",
    "year n mean\n2015 400 4.1\n2016 410 4.2": "t.txt",
    "girls 3,400\nboys 1,234": "t.txt",
    "girls 12.5%\nboys 3%": "t.txt",
    "[[400  23]\n [ 31 600]]\naccuracy: 0.95": "t.txt",
    "No. Observations: 4000 AIC: 24700.5\nDf Residuals: 3996 BIC: 24720.5\nDf Model: 3": "t.txt",
    "coef std err t P>|t| [0.025 0.975]\nfsm 2.1 0.2 10.5 0.000 1.708 2.492": "t.txt",
    "precision recall f1-score support\n0 0.91 0.93 0.92 400\n1 0.85 0.80 0.82 200": "t.txt",
    "Table 3 shows Model 2: Key Stage 2 scores of Year 6.\nSee Figure 4\nSeed: 7": "t.txt",
    "Year 6 400\nYear 7 410": "t.txt",
}


@pytest.mark.parametrize(("text", "name"), [*((text, "t.csv") for text in FREE.values()), *FREE_DOCUMENTS.items()])
def test_ordinary_tables_and_documents_have_nothing_to_set_aside(text: str, name: str) -> None:
    assert aside(text, name) == []


def test_the_report_names_columns_that_pass_as_codes() -> None:
    told = prepared(FREE["clusters"]).record.file.notes
    assert [(f.rule, dict(f.figures)["name"]) for f in told] == [("F1", "cluster")]


WHYS = {"F1:n_0": "It counts schools."}


@pytest.fixture
def broker() -> Iterator[Broker]:
    with town() as made:
        yield made


@pytest.fixture
def output(broker: Broker) -> Any:
    """One that waits for checkers."""
    broker.sandbox.files = {"phases.csv": PIVOT.encode()}
    _, output = broker.ran(PYTHON)
    assert output.state is OutputState.IN_REVIEW
    return output


def ballot(broker: Broker, output: Any, by: str = CLEO, **given: Any) -> Ballot:
    look = output_review.view_output(broker.ports, broker.person(by), output.ident)
    hashes = {"staff_hash": look.output.staff_hash, "findings_hash": look.output.findings_hash}
    return Ballot(VoteChoice.APPROVE, "described-and-safe", memory_version=look.memory_version, **hashes, **given)


def voted(broker: Broker, output: Any, by: str = CLEO, **given: Any) -> OutputState:
    return output_review.cast_vote(broker.ports, broker.person(by), output.ident, ballot(broker, output, by, **given))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"overrides": ("F1",), "why": "It counts schools."},
        {"overrides": ("F1:n_0",)},
        {"overrides": ("F1:n_0",), "why": "All of them are fine."},
        {"overrides": ("F1:n_0",), "whys": {"F1:n_0": " "}},
        {"overrides": ("F1:n_0", "Q2:max"), "whys": WHYS | {"Q2:max": "x"}},
    ],
)
def test_a_finding_is_set_aside_by_name_and_with_its_own_reason(
    broker: Broker, output: Any, given: dict[str, Any]
) -> None:
    with pytest.raises(Invalid):
        voted(broker, output, **given)


def test_setting_aside_needs_a_second_checker(broker: Broker, output: Any) -> None:
    assert output_review.view_output(broker.ports, broker.person(CLEO), output.ident).needed == 2
    given: dict[str, Any] = {"overrides": ("F1:n_0",), "whys": WHYS}
    assert voted(broker, output, **given) is OutputState.IN_REVIEW
    assert voted(broker, output, CHRIS, **given) is not OutputState.IN_REVIEW
    assert [v.why for v in broker.store.votes_of(output.ident)] == ["F1:n_0: It counts schools."] * 2


def test_all_outputs_at_once_do_not_set_it_aside(broker: Broker, output: Any) -> None:
    with pytest.raises(Invalid):
        vote_all(broker.ports, broker.person(CLEO), output.job, {output.ident: ballot(broker, output)})
