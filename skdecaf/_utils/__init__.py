"""Helpers for the whole package.

They are for files, downloads, archives, photo folders, locks, threads, caches, progress bars, seeds, delegated methods,
``sample_domain``, the description of the machine, optional dependencies and warnings.
"""

# SPDX-License-Identifier: BSD-3-Clause
