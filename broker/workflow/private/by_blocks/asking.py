"""What a private script asks: line, blocks, spend, mechanism and cost. Reads policy and text, never data."""

from dataclasses import dataclass

from broker.domain.amounts import Amount
from broker.domain.errors import Refusal, Refused
from broker.domain.projects import Project
from broker.domain.variables import Use
from broker.policy.models import Policies
from broker.policy.privacy import PrivacyProfile, Promise
from broker.privacy.aggregate.made import Aggregate, aggregate
from broker.privacy.asking.lines import PrivateLines, Spending
from broker.privacy.mechanisms import Bundle
from broker.python_jobs.private.asks import Asks
from broker.python_jobs.private.cut import UNIT, Cut, cut_of
from broker.workflow.private.spending import Rules, most_automatic, spend_of

USUAL_NAME = "answer"


@dataclass(frozen=True, slots=True)
class Program:
    """The script: its text as it runs, the libraries that it names, and what its output is called."""

    text: str
    modules: tuple[str, ...]
    output: str = USUAL_NAME


@dataclass(frozen=True, slots=True)
class PrivateScript:
    """Everything about a private script that is fixed before data are read."""

    program: Program
    cut: Cut
    made: Aggregate
    spend: Amount
    profile: PrivacyProfile
    promise: Promise
    raised: bool = False
    """Two administrators have agreed to the larger maximum for one release."""

    @property
    def asks(self) -> Asks:
        return self.made.asks

    @property
    def bundle(self) -> Bundle:
        return self.made.bundle

    @property
    def charge(self) -> Amount:
        return self.made.charge

    @property
    def datasets(self) -> tuple[str, ...]:
        """The tables of persons that it reads."""
        return tuple(t.name for t in self.cut.persons)

    @property
    def bounds(self) -> str:
        """All that the answer depends on beside the script and the noise."""
        return repr((self.asks, self.cut))

    @property
    def is_automatic(self) -> bool:
        """Whether so much may leave without a person."""
        return self.charge.micro <= most_automatic(self.promise, self.profile).micro


def lines_of(asks: Asks | None, line: int | None) -> PrivateLines:
    """As other private texts say it."""
    return PrivateLines(None if asks is None else Spending(asks.word, asks.number), line)


def ask_script(
    asks: Asks, line: int, program: Program, uses: tuple[Use, ...], project: Project, policies: Policies
) -> PrivateScript:
    """Refused at the line that says it."""
    cut = cut_of(uses, policies.catalogue)
    promise = None if isinstance(cut, Refusal) else policies.privacy.promise(cut.unit)
    if isinstance(cut, Refusal) or promise is None:
        raise Refused((Refusal(UNIT.code, UNIT.message, UNIT.advice, line, 1),))
    profile = policies.privacy.profile(project.privacy)
    spend = spend_of(lines_of(asks, line), (), {}, Rules(promise, profile, project.privacy_raised))
    made = aggregate(asks, spend, profile)
    return PrivateScript(program, cut, made, spend, profile, promise, project.privacy_raised)
