"""Linear models and the linear algebra that they need, many times as fast as general solvers for many classes."""

# SPDX-License-Identifier: BSD-3-Clause
