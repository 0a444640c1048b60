"""Reads the folder `policies/` into one frozen value. Only wiring and the command line read files; a server reads its
store."""

from functools import partial
from pathlib import Path

from broker.domain.errors import Invalid
from broker.domain.model_reader import read_field
from broker.domain.projects.project import ResearchProject
from broker.policy.files.catalogue_files import read_catalogue
from broker.policy.files.population_files import read_release_history, read_sizes
from broker.policy.files.privacy_files import read_privacy
from broker.policy.files.project_files import read_project
from broker.policy.files.rule_files import read_combination
from broker.policy.files.yaml_reader import read_file, read_folder, read_yaml
from broker.policy.policy_set import CombinationRule, PolicySet
from broker.policy.service_limits import ServiceLimits

__all__ = ["load_policies"]


def load_policies(folder: Path) -> PolicySet:
    """All policies of a folder. Raises Invalid with code, sentence and file:line for the first fault."""
    if not folder.is_dir():
        raise Invalid("policy-folder", f"There is no folder {str(folder)!r}.", str(folder))
    catalogue = read_catalogue(folder / "catalogue")
    profiles = read_field(read_folder(folder / "profiles"), PolicySet, "profiles")
    privacy = read_privacy(folder / "privacy", catalogue)
    project = partial(read_project, catalogue=catalogue, profiles=profiles, privacy=privacy)
    rules = read_yaml(folder / "combinations.yaml").with_keys({"combinations"}).at("combinations")
    rule = partial(read_combination, catalogue=catalogue)
    return PolicySet(
        catalogue=catalogue,
        projects=read_field(read_folder(folder / "projects"), PolicySet, "projects", {ResearchProject: project}),
        profiles=profiles,
        combinations=read_field(rules, PolicySet, "combinations", {CombinationRule: rule}),
        service=read_file(folder / "service.yaml", ServiceLimits),
        privacy=privacy,
        memory=read_release_history(folder / "memory.yaml", catalogue),
        sizes=read_sizes(folder / "sizes", catalogue),
    )
