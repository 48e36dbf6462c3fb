"""``python -m skdecaf`` is the command ``skdecaf``."""

# SPDX-License-Identifier: BSD-3-Clause
import sys

from skdecaf.cli import main

if __name__ == "__main__":
    sys.exit(main())
