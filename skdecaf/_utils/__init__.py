"""What any part of the package may need: downloads, archives, threads, optional dependencies, warnings."""

# SPDX-License-Identifier: BSD-3-Clause
