"""scikit-learn's own test, in a process of its own, since the environment decides about array API dispatch."""

import pytest
from separate_process import run_tests


@pytest.mark.slow
def test_estimator_checks():
    run_tests("estimator_checks.py", SCIPY_ARRAY_API="1")
