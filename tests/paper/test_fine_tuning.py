"""The table of fine-tuning against the estimators of its columns."""

# SPDX-License-Identifier: BSD-3-Clause
import sys

import numpy as np
import pytest
from paper_photos import write_classes
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer
from skdecaf._paper import fine_tuning, reproduce
from skdecaf.model_selection import PerClassShuffleSplit, mean_per_class_accuracy_score


@pytest.fixture
def weights(tmp_path):
    tiny_network().save(tmp_path / "tiny.safetensors")
    return str(tmp_path / "tiny.safetensors")


def test_columns_are_the_accuracies_of_their_estimators(weights, tmp_path):
    pytest.importorskip("torch")
    from skdecaf.training import FineTunedClassifier

    photos = write_classes(tmp_path / "photos", ("ant", "bee", "cat"), 6)
    table = fine_tuning(photos, weights=weights, n_per_class=(2, 4), n_splits=2, n_jobs=1, folder=tmp_path / "out")
    assert table.rows == ("2", "4") and table.columns == ("fine-tuned", "SVM on pool5")
    labels = np.array(photos.target_names)[photos.target]
    splits = PerClassShuffleSplit(4, n_splits=2, random_state=0).split(labels, labels)
    for i, (train, test) in enumerate(splits):
        models = (
            FineTunedClassifier(weights, random_state=i, n_jobs=1),
            make_pipeline(DeCAFTransformer("pool5", weights=weights), LinearSVC()),
        )
        for j, model in enumerate(models):
            predicted = model.fit(photos.data[train].tolist(), photos.target[train]).predict(photos.data[test].tolist())
            expected = 100 * mean_per_class_accuracy_score(photos.target[test], predicted)
            assert table.scores[1, j, i] == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:.* photos where Caltech-101 has")
def test_the_figure_is_drawn_and_finished_cells_are_read(weights, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("matplotlib")
    write_classes(tmp_path / "101_ObjectCategories", ("ant", "bass"), 32)
    options = {"data_home": tmp_path, "weights": weights, "quick": True, "folder": tmp_path / "out", "n_jobs": 1}
    [table] = reproduce("fine-tuning", **options)
    assert (tmp_path / "out" / "fine_tuning.png").is_file() and table.rows == ("5", "30")
    cells = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "out" / "cells").iterdir())
    [again] = reproduce("fine-tuning", **options)
    assert np.array_equal(again.scores, table.scores) and len(cells) == 8
    assert cells == sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "out" / "cells").iterdir())


def test_without_torch_it_names_the_extra(weights, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    photos = write_classes(tmp_path / "photos", ("ant", "bee"), 6)
    with pytest.raises(ImportError, match=r'pip install "skdecaf\[train\]"'):
        fine_tuning(photos, weights=weights)
