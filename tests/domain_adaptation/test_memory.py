"""The memory of MaxMarginDomainTransform and GeodesicFlowKernel, which is linear in samples."""

# SPDX-License-Identifier: BSD-3-Clause
import tracemalloc

import numpy as np
import pytest
from sklearn.base import is_classifier

from skdecaf.domain_adaptation import GeodesicFlowKernel, MaxMarginDomainTransform

N_FEATURES = 30


def peak_memory(estimator, n_source, n_target):
    """Largest number of bytes in use while the estimator learns and is used."""
    rng = np.random.default_rng(0)
    y, domains = rng.integers(4, size=n_source + n_target), np.repeat([1, -1], [n_source, n_target])
    X = rng.normal(size=(len(y), N_FEATURES)) + 0.5 * np.eye(4, N_FEATURES)[y]
    tracemalloc.start()
    try:
        estimator.fit(X, y, sample_domain=domains)
        (estimator.predict if is_classifier(estimator) else estimator.transform)(X, sample_domain=domains)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("estimator", [GeodesicFlowKernel(), MaxMarginDomainTransform(gamma=1e-4, max_iter=2)])
@pytest.mark.parametrize("grown", ["source", "target"])
def test_memory_is_linear_in_samples(estimator, grown):
    sizes = {"source": 2000, "target": 2000}
    peak_memory(estimator, 100, 100)  # imports and caches
    once = peak_memory(estimator, *sizes.values())
    sizes[grown] *= 3
    thrice = peak_memory(estimator, *sizes.values())  # twice as many rows
    assert thrice < 2.1 * once
    assert thrice < 20 * 8 * N_FEATURES * sum(sizes.values())  # twenty copies of the rows; a Gram matrix is 270
