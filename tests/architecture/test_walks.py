"""The way of each kind of work in docs/architecture.md: every step names its module once and a name that is there, in
the order in which the code calls them."""

import ast
import re

import pytest

from broker.workflow.pipeline import pipeline
from tests.architecture.import_graph import ROOT, package, tree_of

pytestmark = pytest.mark.slow

MOST_MODULES = 25
NAMED = re.compile(r"`(broker/[\w/]+\.py)`(?: `([\w.]+)`)?")
ADAPTERS = ("storage", "queue", "vault", "engine", "sandbox")
"""Rooms that the workflow reaches through ports, not by an import."""


def steps(kind: str) -> list[str]:
    """The text of each numbered step, from step 1."""
    page = (ROOT / "docs" / "architecture.md").read_text().partition(f"\n### {kind}")[2]
    listed = page[page.index("\n1. ") :].partition("\n\n")[0]
    return [" ".join(step.split()) for step in re.split(r"\n\d+\. ", listed)[1:]]


JOBS = ("A SQL job", "A Python job", "A private job")
KINDS = (*JOBS, "A rehearsal", "A table published elsewhere")


def names_in(path: str) -> set[str]:
    """Functions, classes, `Class.method` and constants of a module."""
    tree, found = tree_of(ROOT / path), set[str]()
    found |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            found |= {node.name, *(f"{node.name}.{f.name}" for f in node.body if isinstance(f, ast.FunctionDef))}
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_of_a_walk_is_in_its_module(kind):
    named = [pair for step in steps(kind) for pair in NAMED.findall(step)]
    assert len(named) >= (10 if kind in JOBS else 9)
    assert [pair for pair in named if pair[1] and pair[1] not in names_in(pair[0])] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_walk_names_few_modules_and_each_once(kind):
    paths = [path for step in steps(kind) for path, _ in NAMED.findall(step)]
    assert len(paths) == len(set(paths)) <= MOST_MODULES


def test_every_name_behind_a_module_is_in_it():
    """On the whole page, so that a name that is moved or renamed is found here too."""
    page = " ".join((ROOT / "docs" / "architecture.md").read_text().split())
    named = re.findall(r"`(broker/[\w/]+\.py)`((?: `[\w.]+`)+)", page)
    assert len(named) >= 60
    assert [(path, n) for path, names in named for n in names.split() if n.strip("`") not in names_in(path)] == []


def module_of(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


def calls(step: str) -> list[int]:
    """The numbers of the steps that a step says it calls or does, "steps 4 to 6" and "steps 2 to 4 and 7" too."""
    found: list[int] = []
    for listed in re.findall(r"(?:calls|does)[^.:]*?steps? ([\d ,andto]+)", step):
        for first, last in re.findall(r"(\d+)(?: to (\d+))?", listed):
            found += range(int(first), int(last or first) + 1)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_reaches_the_steps_that_it_calls(kind):
    """By imports, however many lie between, but for adapters, which the workflow knows as ports."""
    imports, listed, checked = package().imports, steps(kind), 0

    def reached(start: str) -> set[str]:
        found, waiting = set[str](), [start]
        while waiting:
            for module in imports[waiting.pop()] - found:
                found.add(module)
                waiting.append(module)
        return found

    for step in listed:
        found = [module_of(path) for path, _ in NAMED.findall(step)]
        for number in calls(step):
            assert number <= len(listed), step
            for path, _ in NAMED.findall(listed[number - 1])[:1]:
                if found and path.split("/")[1] not in ADAPTERS and module_of(path) != found[-1]:
                    assert module_of(path) in set().union(*map(reached, found)), (step, path)
                    checked += 1
    assert checked >= 3


def test_the_stages_of_the_pipeline_are_steps_of_a_sql_job_in_order():
    named = [(module_of(path), name) for step in steps("A SQL job") for path, name in NAMED.findall(step)]
    stages = [(s.__module__, s.__name__) for s in pipeline.STAGES if s.__name__ not in {"open_vault", "execute"}]
    assert [pair for pair in named if pair in stages] == stages
