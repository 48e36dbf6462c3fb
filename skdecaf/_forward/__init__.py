"""The forward pass: planned once, run on batches; the only package that calls the kernels.

An image's values are the same bits whatever its neighbours, its place, the size of the batch and the number of
threads, since each value of a matrix product is one sum in one order: see `skdecaf._kernels.product`.
"""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf._forward.numerics_version import numerics_version
from skdecaf._forward.plan import ForwardPass, plan_forward_pass

__all__ = ["ForwardPass", "numerics_version", "plan_forward_pass"]
