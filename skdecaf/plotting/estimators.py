"""The part of a scikit-learn estimator that a display looks at."""

# SPDX-License-Identifier: BSD-3-Clause
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from skdecaf._decaf import DeCAFTransformer, draw_seed
from skdecaf.weights import resolve_network


def find_decaf(estimator, display):
    """The DeCAFTransformer: the estimator itself, or the first one among the steps of a pipeline.

    Parameters
    ----------
    estimator : DeCAFTransformer or Pipeline
    display : type
        Named where there is none.

    Returns
    -------
    DeCAFTransformer

    Raises
    ------
    TypeError
        Where there is none.
    """
    found = next(_decafs(estimator), None)
    if found is None:
        raise TypeError(
            f"{display.__name__}.from_estimator needs a DeCAFTransformer or a pipeline with one as a step; "
            f"got {type(estimator).__name__}{' without one' if isinstance(estimator, Pipeline) else ''}"
        )
    return found


def drop_predictor(estimator, display):
    """What turns photos into features: the estimator itself, or a pipeline without the predictor at its end.

    Parameters
    ----------
    estimator : transformer or Pipeline
    display : type
        Named where there is none.

    Returns
    -------
    transformer

    Raises
    ------
    TypeError
        Where nothing is left that transforms.
    """
    if isinstance(estimator, Pipeline) and len(estimator) > 1 and not hasattr(estimator, "transform"):
        estimator = estimator[:-1]
    if not hasattr(estimator, "transform"):
        raise TypeError(
            f"{display.__name__}.from_estimator needs a transformer, or a pipeline that begins with one; "
            f"got {type(estimator).__name__}"
        )
    return estimator


def network_of(transformer):
    """The network of a DeCAFTransformer: that of its fit, or that which a fit would use."""
    if transformer.__sklearn_is_fitted__():
        return transformer._network()
    generator = check_random_state(clone(transformer).random_state)  # a clone's, which may be drawn from
    return resolve_network(transformer.weights, draw_seed(generator), transformer.precision)


def _decafs(estimator):
    if isinstance(estimator, DeCAFTransformer):
        yield estimator
    elif isinstance(estimator, Pipeline):
        for _, step in estimator.steps:
            yield from _decafs(step)
