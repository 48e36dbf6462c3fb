"""The part of a scikit-learn estimator that a display needs."""

# SPDX-License-Identifier: BSD-3-Clause
from sklearn.pipeline import Pipeline

from skdecaf._decaf import DeCAFTransformer


def find_decaf(estimator, display):
    """Find the DeCAFTransformer: the estimator itself, or the first one among the steps of a pipeline.

    Parameters
    ----------
    estimator : DeCAFTransformer or Pipeline
    display : type
        The display to name in the error.

    Returns
    -------
    DeCAFTransformer

    Raises
    ------
    TypeError
        If there is none.
    """
    found = next(_decafs(estimator), None)
    if found is None:
        raise TypeError(
            f"{display.__name__}.from_estimator needs a DeCAFTransformer or a pipeline with one as a step; "
            f"got {type(estimator).__name__}{' without one' if isinstance(estimator, Pipeline) else ''}"
        )
    return found


def drop_predictor(estimator, display):
    """Find what turns photos into features: the estimator itself, or a pipeline without its final predictor.

    Parameters
    ----------
    estimator : transformer or Pipeline
    display : type
        The display to name in the error.

    Returns
    -------
    transformer

    Raises
    ------
    TypeError
        If no transformer is left.
    """
    if isinstance(estimator, Pipeline) and len(estimator) > 1 and not hasattr(estimator, "transform"):
        estimator = estimator[:-1]
    if not hasattr(estimator, "transform"):
        raise TypeError(
            f"{display.__name__}.from_estimator needs a transformer, or a pipeline that begins with one; "
            f"got {type(estimator).__name__}"
        )
    return estimator


def _decafs(estimator):
    if isinstance(estimator, DeCAFTransformer):
        yield estimator
    elif isinstance(estimator, Pipeline):
        for _, step in estimator.steps:
            yield from _decafs(step)
