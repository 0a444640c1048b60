"""The folder `policies/` to one frozen value. Only wiring and the command line read files; a server reads its store."""

from pathlib import Path

from broker.domain.errors import Invalid
from broker.policy.files.budgets import read_privacy
from broker.policy.files.catalogue import read_catalogue
from broker.policy.files.memory import read_memory
from broker.policy.files.projects import read_projects
from broker.policy.files.rules import load_profile, read_combinations, read_profiles, read_service
from broker.policy.files.sizes import read_sizes
from broker.policy.models import Policies

__all__ = ["load_policies", "load_profile"]


def load_policies(folder: Path) -> Policies:
    """All policies of a folder. The first thing that is wrong raises Invalid with code, sentence and file:line."""
    if not folder.is_dir():
        raise Invalid("policy-folder", f"There is no folder {str(folder)!r}.", str(folder))
    catalogue = read_catalogue(folder / "catalogue")
    profiles = read_profiles(folder / "profiles")
    privacy = read_privacy(folder / "privacy", catalogue)
    return Policies(
        catalogue=catalogue,
        projects=read_projects(folder / "projects", catalogue, frozenset(p.name for p in profiles), privacy),
        profiles=profiles,
        combinations=read_combinations(folder / "combinations.yaml", catalogue),
        service=read_service(folder / "service.yaml"),
        privacy=privacy,
        memory=read_memory(folder / "memory.yaml", catalogue),
        sizes=read_sizes(folder / "sizes", catalogue),
    )
