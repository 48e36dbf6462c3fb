"""scikit-learn's checks of estimators, on tables of numbers taken as rows of grey pixels."""

from importlib.util import find_spec

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdecaf.training import FineTunedClassifier
from skdecaf.weights import Architecture, Convolution, FullyConnected, MaxPool, Network, Preprocessing, ReLU

SMALL = Architecture(
    (
        Convolution("conv1", 16, 5, stride=2), ReLU("relu1"), MaxPool("pool1", 3, 2),
        FullyConnected("fc2", 32), ReLU("relu2"), FullyConnected("fc3", 2),
    ),
    Preprocessing((18, 18), (16, 16), mean=(128.0,) * 3, scale=(64.0,) * 3),
)  # fmt: skip

# The photos of a batch decide a step together, and a photo of weight 2 is in one batch where two photos may be in two.
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": "stochastic gradient descent sees other batches",
}


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("torch"), reason="needs torch")  # not the module, whose estimator is looked up
@parametrize_with_checks(
    [FineTunedClassifier(Network.random(SMALL, 0), epochs=2, augmentation=(), n_jobs=1)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
