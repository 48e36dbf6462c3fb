"""The command ``skdecaf``: one module a command, each parses, makes one call to the library, and prints or saves."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.cli._main import main

__all__ = ["main"]
