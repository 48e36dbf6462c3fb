"""The server and the page of ``skdecaf demo``."""

# SPDX-License-Identifier: BSD-3-Clause
