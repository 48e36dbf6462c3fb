"""scikit-learn's own test, under each kind of BLAS kernels; OpenBLAS chooses them when it is loaded."""

import pytest
from separate_process import blas_kernels, run_tests


@pytest.mark.slow
@pytest.mark.parametrize("kernels", blas_kernels())
def test_estimator_checks(kernels):
    run_tests("estimator_checks.py", OPENBLAS_CORETYPE=kernels, SCIPY_ARRAY_API="1")
