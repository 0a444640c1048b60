"""The page docs/reference/records.md: what each record of an output says, with the rules as they stand in the source.
No I/O."""

# ruff: noqa: E501 - a row of a table is a line

from broker.disclosure.records.acro_record import ACRO_VERSION, CHECKS
from broker.disclosure.records.released_tables import PUBLIC_PARAMETERS, RELEASED_RECORD
from broker.disclosure.records.rule_catalogue import RULE_CATALOGUE
from broker.disclosure.records.staff_record import RECORD
from broker.disclosure.rules.rule import RuleEntry

HEAD = f"""# Records of an output

Written from the source by `make docs`; a test holds it to the code.

Two readers, two records. What staff see has every figure and finding. What goes with a release has no finding; of the
data it has only how far rounding moves each released figure.

## The staff record

For a checker who may view the output's evidence: `GET /api/v1/outputs/OUTPUT/staff-record`, or
`broker review OUTPUT --record FILE`. Each look is in the audit log. To everybody else the output's record does not exist, or
is forbidden, as its evidence is. JSON:

| field | what it is |
| --- | --- |
| `record`, `version` | `{RECORD}`, 1 |
| `output`, `job`, `project`, `snapshot`, `policy`, `state`, `staff_hash` | what it is a record of; `policy` is the fingerprint of the rules it was judged by |
| `memory` | the `version` of the memory of everything released that it was compared with, the project's own releases (and public tables) that it `overlaps` (`release`, `output`, `table`, `source`, `how`, in `words`, `persons` in the smallest difference, and whether that is `exact`), and whether a release of `others` overlaps it; null for what is not compared |
| `name`, `columns`, `verdict`, `small` | the table; the worst that it needs; whether its population, or every cell, is under the threshold |
| `profile` | `name` and `source` of the profile |
| `rules` | every rule tried: `id`, `sentence` (what holds where it finds nothing), `parameters`, and its number of `findings` |
| `cells` | each row: `keys`, `persons`, and `figures`, one a column: `exact`, `released` (null where hidden), `max_error` (how far rounding moves it at most, as it is released; null: not known), `verdict`, `rules`, `hole` (`primary`: for its own sake; `secondary`: so that another cannot be worked out; null: shown), `behind` (ids of the statistics that it is made of) |
| `findings` | each finding: `rule`, `verdict`, `sentence`, `figures`, and the `cell` and `column` that it is about |
| `evidence` | each table behind the output: `keys`, `shown`, `statistics` (`id`, `measure`) and `cells` with `keys`, `rows`, `persons` and, for each statistic, its `evidence`, `rules`, `verdict`, `hidden` |
| `pattern` | how many figures are `shown`, hidden as `primary` and as `secondary` |
| `audit` | after repair: how many hidden figures were tried (`targets`), are derivable (`exact`), or to within less than the profile requires (`narrow`); null where nothing was repaired |
| `symbols`, `notes` | as they are printed with the released table |

Evidence leaves out what is unknown or does not apply. Decimals and dates that JSON has no form for are written as
`{{"decimal": "1.5"}}` and `{{"date": "2023-01-01"}}` there. For a script's file the record has its `name` and what was seen of it
under `file` instead.

### The rules

F, M, P, Q, D, R and X are those of the handbooks; A, H, L and W are the broker's own, H of what a script hands over.

| id | what holds | parameters |
| --- | --- | --- |
"""

ACRO = f"""
## For ACRO's viewer

`GET /api/v1/jobs/JOB/acro`, or `broker review OUTPUT --acro FOLDER`, gives all outputs of a job that the caller may view in
the shape of ACRO {ACRO_VERSION}: `results.json`, the files that it names, as they would leave, and a checksum of each. `outcome` is by
column and row, and `sdc.cells` gives places as the viewer counts them: rows below the header, columns after the first. A
table that may go as protected has the status `pass`, one that a person reviews `review`, a refused one `fail`.

| ACRO's check | our rules |
| --- | --- |
"""

RELEASED = f"""| `other` | every other rule |

## The released record

It is made at the release, stored and hashed with it (`record_sha256` in the manifest), and collected with the table:
`GET /api/v1/outputs/OUTPUT/record`, or `broker release JOB --out FOLDER`, which writes `NAME.csv` and `NAME.record.json`. JSON:

| field | what it is |
| --- | --- |
| `record`, `version` | `{RELEASED_RECORD}`, 1 |
| `name`, `columns` | the table's |
| `method` | `disclosure control`; for a script's file `looked at by people` |
| `profile`, `parameters` | the profile's name, and of it {", ".join(f"`{p}`" for p in PUBLIC_PARAMETERS)}, and how it rounds |
| `additive` | whether shown figures add up to shown totals; null for a script's file |
| `max_errors` | by column, the largest error of each row's figure, in the order of the table's rows; null for a hidden figure, and where it is not known |
| `symbols`, `notes` | what stands for a hidden figure, and what is known about the method |

A largest error says how far rounding moves a figure at most, rounded up to two figures: 50 with an error of 4 stands for 46
to 54. It follows from the method and from what is released. Beside rounding, a count can include or leave out fewer persons
than the threshold, as the notes say. A figure that is computed from others, such as a percentage, has the error that theirs
make together, and no digit that is worth less than a twentieth of it. Ranks, totals over groups, and figures that a rounded
figure chooses (CASE) have no stated error, and neither have figures with cell-key noise, whose size is secret. Parquet has
the errors in columns named `NAME.max_error`, and the page of a released table shows them behind `±`.

The record has no verdict, no finding and no figure of one, no count of hidden figures, and does not say which of them is hidden for
its own sake. The parameters of the rules on dominance stay unsaid: who knows them can undo what they protect. The public
register names releases and their outputs, not their records.
"""


def records_page() -> str:
    rules = "".join(f"| {e.ident} | {e.sentence} | {_parameters(e)} |\n" for e in RULE_CATALOGUE.values())
    checks = "".join(f"| `{check}` | {', '.join(sorted(ids)) or 'none'} |\n" for check, ids in CHECKS.items())
    return HEAD + rules + ACRO + checks + RELEASED


def _parameters(entry: RuleEntry) -> str:
    return ", ".join(f"`{name}`" for name in entry.parameters)
