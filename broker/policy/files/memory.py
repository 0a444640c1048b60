"""What the memory's policy file says: populations are checked against the catalogue, the fraction against its range."""

from pathlib import Path

from broker.policy.catalogue import Catalogue
from broker.policy.files.budgets import person_table
from broker.policy.files.fields import Fields
from broker.policy.files.read import Located, read_yaml
from broker.policy.memory import MemoryPolicy, ReferencePopulation, StandardPopulation

KEYS = ("fraction", "part", "least", "quota", "references", "standard")


def read_memory(path: Path, catalogue: Catalogue) -> MemoryPolicy:
    """A set of policies without the file has no reference population."""
    if not path.is_file():
        return MemoryPolicy()
    fields = Fields(read_yaml(path), KEYS)
    fraction, part = fields.number("fraction"), fields.number("part", default=MemoryPolicy().part)
    for name, share in (("fraction", fraction), ("part", part)):
        if not 0 < share <= 1:
            raise fields.wrong(name, "policy-range", f"'{name}' is a share above 0 and at most 1.")
    least = fields.whole("least", default=MemoryPolicy().least, least=1)
    quota = fields.whole("quota", default=MemoryPolicy().quota)
    references = tuple(_reference(node, catalogue) for node in fields.words("references"))
    standard = tuple(_standard(node, catalogue) for node in fields.words("standard"))
    for node, found in zip(fields.words("references"), _repeated([r.name for r in references]), strict=True):
        _check_once(node, found)
    for node, found in zip(fields.words("standard"), _repeated([s.name for s in standard]), strict=True):
        _check_once(node, found)
    return MemoryPolicy(
        fraction=fraction, part=part, least=least, quota=quota, references=references, standard=standard
    )


def _repeated(names: list[str]) -> list[bool]:
    return [name in names[:number] for number, name in enumerate(names)]


def _check_once(node: Located, repeated: bool) -> None:
    if repeated:
        raise node.wrong("duplicate-population", "There are two populations of this name.")


def _reference(node: Located, catalogue: Catalogue) -> ReferencePopulation:
    fields = Fields(node, ("name", "table", "variables", "pooled"))
    table = person_table(fields, catalogue)
    named = fields.words("variables")
    for word in named:
        if table.find(word.text()) is None or table.is_link_key(word.text()):
            raise word.wrong("unknown-variable", f"{table.full_name} has no variable {word.text()!r} to group by.")
    if not named:
        raise fields.wrong("variables", "missing-key", "A reference population needs variables.")
    return ReferencePopulation(
        name=fields.text("name"),
        table=table.full_name,
        variables=tuple(w.text() for w in named),
        pooled=fields.flag("pooled", default=False),
    )


def _standard(node: Located, catalogue: Catalogue) -> StandardPopulation:
    fields = Fields(node, ("name", "table", "where", "about"))
    table = person_table(fields, catalogue)
    return StandardPopulation(
        name=fields.text("name"), table=table.full_name, where=fields.text("where"), about=fields.text("about")
    )
