"""The same bits in any batch, under each kind of BLAS kernels; OpenBLAS chooses them when it is loaded."""

import pytest
from separate_process import blas_kernels, run_tests


@pytest.mark.slow
@pytest.mark.parametrize("kernels", blas_kernels())
def test_equal_bits(kernels):
    run_tests("equal_bits.py", OPENBLAS_CORETYPE=kernels)
