"""Helpers for the whole package: files, downloads, archives, threads, progress, optional dependencies, warnings."""

# SPDX-License-Identifier: BSD-3-Clause
