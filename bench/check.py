"""Line 1: the whole check of a query (parse, uses, years, scope, plan) against sqlglot's parse and qualify alone."""

from datetime import date

import sqlglot
from sqlglot.optimizer.qualify import qualify

from bench.demo import demo, schema_of
from bench.harness import Line, compare
from broker.domain.jobs.job import JobKind
from broker.workflow.checking.submission_check import check_submission

QUERIES = {
    "one table": """
        SELECT a.NCyearActual, SUM(a.OverallAbsence_6HalfTerms) AS missed, COUNT(*) AS n
        FROM npd.absence AS a WHERE a.AcademicYear = '2022/2023' GROUP BY a.NCyearActual""",
    "join of two": """
        SELECT s.SENprovision, COUNT(DISTINCT s.PupilMatchingRefAnonymous) AS n, AVG(1.0 * k.KS4_ATT8) AS att8
        FROM npd.spring_census AS s
        JOIN npd.ks4_pupil AS k ON k.KS4_PupilMatchingRefAnonymous = s.PupilMatchingRefAnonymous
        WHERE s.AcademicYear = '2022/2023' AND k.KS4_ACADYR = '2022/2023' GROUP BY s.SENprovision""",
}
ROUNDS = 40


def check_lines() -> list[Line]:
    policies, project = demo()
    schema = schema_of(policies)
    today = date(2026, 11, 24)

    def line(name: str, text: str) -> Line:
        checked = check_submission(text, JobKind.SQL, "tsql", project, policies, today)
        if not checked.accepted:
            raise SystemExit(f"{name}: {checked.refusals}")
        return compare(
            f"check: {name}",
            ("broker check", lambda: check_submission(text, JobKind.SQL, "tsql", project, policies, today)),
            (
                "sqlglot parse + qualify",
                lambda: qualify(sqlglot.parse_one(text, read="tsql"), schema=schema, dialect="tsql"),
            ),
            ROUNDS,
        )

    return [line(name, text) for name, text in QUERIES.items()]
