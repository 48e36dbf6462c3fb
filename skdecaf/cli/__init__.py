"""The command ``skdecaf``: one module per command, which parses, makes one call, and prints or saves."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.cli._main import main

__all__ = ["main"]
