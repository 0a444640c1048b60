"""The two policy sets of this repository: the examples that a deployment starts from, and the tests' own."""

from pathlib import Path

EXAMPLE_POLICIES = Path(__file__).parents[1] / "policies"
TEST_POLICIES = Path(__file__).parent / "policies"
"""All of the examples by links, and what only tests need: the project FIXTURE with its tables, whose names the hostile
samples use, and a project whose approval has ended."""
