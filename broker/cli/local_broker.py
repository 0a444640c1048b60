"""What commands use on this machine: the store of an existing broker, and a folder of policy files."""

from pathlib import Path
from typing import TYPE_CHECKING

from broker.domain.errors import Invalid, Unknown

if TYPE_CHECKING:
    from broker.domain.ports import Ports
    from broker.domain.ports.history_ports import MemberFiles
    from broker.domain.projects.project import ResearchProject
    from broker.policy.policy_set import PolicySet


def local_ports() -> "Ports":
    """Return the ports of the broker in BROKER_DATA. Raises Invalid for a folder without one: only `init` creates a
    broker."""
    from broker.settings import read_settings
    from broker.wiring.broker_ports import build_ports

    settings = read_settings()
    # Opening a store would create it, so look for the file first.
    if not settings.store_url and not (settings.root / "broker.sqlite").is_file():
        raise Invalid(
            "no-broker", f"There is no broker in {settings.root}: set BROKER_DATA to its folder.", "BROKER_DATA"
        )
    return build_ports(settings)


def local_member_files() -> "MemberFiles":
    """Return the release history's files in BROKER_DATA: on the worker's machine, for people who may read what the
    worker reads."""
    from broker.settings import read_settings
    from broker.wiring.worker_ports import build_member_files

    settings = read_settings()
    if not (settings.root / "memory").is_dir():
        sentence = f"There is no release history in {settings.root}: its files are on the worker's machine."
        raise Invalid("no-memory", sentence, "BROKER_DATA")
    return build_member_files(settings)


def read_policy_folder(folder: Path) -> "PolicySet":
    from broker.policy.files import load_policies

    if not folder.is_dir():
        sentence = f"There is no folder {str(folder)!r}: name the policy files with --policies or BROKER_POLICIES."
        raise Invalid("policy-folder", sentence, str(folder))
    return load_policies(folder)


def find_project(policies: "PolicySet", ident: str) -> "ResearchProject":
    """Return a project of the policy files. Raises Unknown with all of their projects, because a reader of the files
    may know them."""
    found = policies.project(ident)
    if found is None:
        error = Unknown("project", ident)
        error.args = (f"{error} The policy files have {', '.join(p.ident for p in policies.projects)}.",)
        raise error
    return found
