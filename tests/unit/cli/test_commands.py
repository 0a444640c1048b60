"""The table of commands names what the modules have: a command that it does not know is never found."""

import pytest

from broker.__main__ import DOORS
from broker.cli.main import COMMANDS, RENAMED, make_app, run


def names(first: str = "") -> set[str]:
    app = make_app(DOORS, first)
    commands = {c.name or (c.callback.__name__ if c.callback else "") for c in app.registered_commands}
    return commands | {str(g.name or g.typer_instance.info.name) for g in app.registered_groups}


ALWAYS = {"serve", "worker", "demo"}


@pytest.mark.parametrize("module", COMMANDS)
def test_a_module_is_loaded_by_each_of_its_commands_alone(module):
    for command in COMMANDS[module]:
        assert names(command) == {*COMMANDS[module], *ALWAYS}


def test_without_a_known_command_all_are_there():
    every = {c for commands in COMMANDS.values() for c in commands} | ALWAYS
    assert names() == names("--help") == names("nothing") == every


@pytest.mark.parametrize("old", RENAMED)
@pytest.mark.parametrize("group", [(), ("budget",), ("history",)])
def test_an_old_name_says_the_new_one(old, group, capsys):
    assert run([*group, old, "--json"], DOORS) == 1
    assert f"The command `{old}` is now called `{RENAMED[old]}`." in "".join(capsys.readouterr())
