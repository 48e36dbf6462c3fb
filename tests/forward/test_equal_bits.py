"""The same bits in any batch, and with all instruction sets that have fused multiply-adds."""

import pytest
from separate_process import run_tests

from skdecaf import _kernels


@pytest.mark.slow
def test_equal_bits(tmp_path):
    for name in _kernels.supported():
        folder = tmp_path / ("without" if name == "baseline" else "with fused multiply-adds")
        folder.mkdir(exist_ok=True)
        run_tests("equal_bits.py", SKDECAF_CPU=name, DIGESTS=str(folder))
