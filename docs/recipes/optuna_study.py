"""Optuna: the layer and C, with activations that are stored."""

# SPDX-License-Identifier: BSD-3-Clause
import optuna
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skdecaf import DeCAFTransformer, datasets

photos = datasets.load_image_folder("photos")


def build(trial):
    """A pipeline with the parameters of a trial."""
    layer = trial.suggest_categorical("layer", ["pool5", "fc6"])
    C = trial.suggest_float("C", 0.01, 100, log=True)
    return make_pipeline(DeCAFTransformer(layer, memory="feature-cache"), LogisticRegression(C=C))


study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
study.optimize(lambda trial: cross_val_score(build(trial), photos.filenames, photos.target, cv=2).mean(), n_trials=5)
predicted = build(study.best_trial).fit(photos.filenames, photos.target).predict(photos.filenames)
