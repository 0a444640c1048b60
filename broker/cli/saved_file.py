"""The file of `broker check --saved`: what a project keeps, for a check without a server. Nothing of it is sent."""

from pathlib import Path

from broker.domain.errors import Invalid
from broker.domain.saved import NAME, Cohort, Definition, Saved
from broker.policy.files.fields import Fields
from broker.policy.files.read import Located, read_yaml
from broker.policy.service import Service
from broker.workflow.lookup_file import read_lookup


def saved_of(path: Path, service: Service) -> Saved:
    """Cohorts are `name`, `dialect` and the `text` of a SELECT … INTO project.name; lookups are `name` and `csv`."""
    if not path.is_file():
        raise Invalid("saved-file", f"There is no file {str(path)!r}.", "--saved")
    fields = Fields(read_yaml(path), ("cohorts", "lookups"))
    found: list[Definition] = []
    for node in fields.at("cohorts").items() if fields.has("cohorts") else ():
        found.append(_cohort(node))
    for node in fields.at("lookups").items() if fields.has("lookups") else ():
        one = Fields(node, ("name", "csv"))
        found.append(read_lookup(one.at("name").text(), one.at("csv").text(), service))
    names = [d.name.casefold() for d in found]
    if len(set(names)) != len(names):
        raise Invalid("saved-file", "Two things in the file have one name.", str(path))
    return Saved(tuple(found))


def _cohort(node: Located) -> Cohort:
    one = Fields(node, ("name", "dialect", "text"))
    name = one.at("name").text()
    if not NAME.fullmatch(name):
        raise one.at("name").wrong("name", "A name has letters, digits and _ only, and begins with a letter.")
    return Cohort(name, one.at("dialect").text(), one.at("text").text(), ())
