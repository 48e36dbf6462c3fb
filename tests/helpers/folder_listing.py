"""What lies in a folder."""

# SPDX-License-Identifier: BSD-3-Clause
import os


def names_in(folder):
    """Sorted names, without those of locks, which stay where they were made."""
    return sorted(name for name in os.listdir(folder) if not name.endswith(".lock"))
