"""``skdecaf completion``: a script that lets the shell complete commands and options."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf._utils.extras import require
from skdecaf.cli import _options
from skdecaf.cli.reproduce import subjects

_DESCRIPTION = """\
Print a script that lets the shell complete commands, options and files. Needs
pip install "skdecaf[completion]".
"""
_EXAMPLES = """\
  skdecaf completion bash > ~/.local/share/bash-completion/completions/skdecaf
"""
_FILE_ARGUMENTS = ("photos", "list_file", "output", "report", "html", "folder", "memory", "model", "weights")


def add_parser(commands):
    """Add the command."""
    parser = _options.add_command(commands, "completion", run, _DESCRIPTION, _EXAMPLES)
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    parser.set_defaults(commands=commands)


def run(options):
    """Run the command."""
    shtab = require("completion", "skdecaf completion")
    for command in options.commands.choices.values():
        for action in command._actions:
            if action.dest in _FILE_ARGUMENTS:
                action.complete = shtab.FILE
            elif action.dest == "subject":
                action.choices = (*subjects(), "figures", "all")
    print(shtab.complete(options.root, options.shell))
