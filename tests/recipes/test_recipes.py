"""The recipes of docs/recipes, each in a process of its own, on few photos; slow, and skipped without the engine."""

# SPDX-License-Identifier: BSD-3-Clause
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from watched_transformer import KILL, KILLED

from skdecaf import DeCAFTransformer
from skdecaf.datasets import load_image_folder

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
RUN = """
import os, runpy, sys, numpy as np
recipe, script, watched = sys.argv[1:]
if watched:
    import skdecaf, watched_transformer
    os.environ[watched_transformer.MAIN] = str(os.getpid())
    os.environ[watched_transformer.FOLDER] = watched
    skdecaf.DeCAFTransformer = watched_transformer.DeCAFTransformer
names = runpy.run_path(recipe, run_name="__main__")
exec(script, {"np": np, "os": os, **names})
"""
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with photos/cat and photos/dog, four photos each."""
    folder = tmp_path_factory.mktemp("recipes")
    for name, pixels in zip(("cat", "dog"), load_sample_images().images, strict=True):
        (folder / "photos" / name).mkdir(parents=True)
        for i in range(4):
            Image.fromarray(pixels[100:300, 120 * i : 120 * i + 200]).save(
                folder / "photos" / name / f"{i + 1:02d}.jpg"
            )
    return folder


@pytest.fixture(scope="module")
def features(folder):
    return DeCAFTransformer(dropout=False).fit_transform(photos_of(folder).filenames)


@pytest.fixture(scope="module")
def accuracy(folder):
    """Of logistic regression on the same features, on the training photos."""
    photos = photos_of(folder)
    pipeline = make_pipeline(DeCAFTransformer(), LogisticRegression()).fit(photos.filenames, photos.target)
    return pipeline.score(photos.filenames, photos.target)


def photos_of(folder):
    return load_image_folder(folder / "photos")


# Spark's workers run this Python; those of Ray have the usual priority, as busy machines would starve them otherwise.
ENGINES = {"PYSPARK_PYTHON": sys.executable, "RAY_worker_niceness": "0"}


def run(recipe, folder, script="", *, changes=(), watched="", kill=False):
    """Run a recipe in the folder, and then a script with its names.

    Parameters
    ----------
    changes : pairs of str
        What to replace in the recipe.
    watched : str
        A folder for what the workers do, see `watched_transformer`.
    kill : bool
        Whether to kill the worker that makes the second call.
    """
    text = (RECIPES / recipe).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / recipe).write_text(text, encoding="utf-8")
    command = [sys.executable, "-W", "ignore", "-c", RUN, recipe, script, str(watched)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | ENGINES
    environment |= {KILL: "1"} if kill else {}
    process = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    assert process.returncode == 0, process.stderr[-5000:]
    return process.stdout


def threads_of_workers(watched, kill):
    """The numbers of threads that the workers used; there are two workers, for two processors."""
    files = {path.name: path.read_text() for path in watched.iterdir()}
    assert (files.pop(KILLED, None) is not None) == kill
    return set(files.values())


def needs(*modules):
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{missing} not installed")


DASK = needs("dask", "distributed")


RAY = needs("ray")
JAVA = pytest.mark.skipif(not shutil.which("java"), reason="Java is not installed")
TO_ROWS = [
    pytest.param("dask_array.py", marks=DASK),
    pytest.param("ray_data.py", marks=RAY),
    pytest.param("dask_bag.py", marks=DASK),
    pytest.param("dask_frame.py", marks=DASK),
    pytest.param("spark.py", marks=[needs("pyspark"), JAVA]),
]
SAVE_ROWS = """
from pathlib import Path
from skdecaf.datasets import load_image_folder
if isinstance(features, dict):
    by_name = {Path(path).resolve(): row for path, row in features.items()}
    features = [by_name[Path(path).resolve()] for path in load_image_folder("photos").filenames]
np.save("rows.npy", np.asarray(features, np.float32))
"""


def check_rows(recipe, folder, features, watched, kill=False):
    run(recipe, folder, SAVE_ROWS, watched=watched, kill=kill)
    np.testing.assert_array_equal(np.load(folder / "rows.npy"), features)
    assert threads_of_workers(watched, kill) == {"1"}


@slow
@pytest.mark.parametrize("recipe", TO_ROWS)
def test_rows_are_aligned_and_equal_to_the_last_bit(recipe, folder, features, tmp_path):
    check_rows(recipe, folder, features, tmp_path)


@slow
@pytest.mark.parametrize("recipe", TO_ROWS)
def test_a_killed_worker_loses_no_rows(recipe, folder, features, tmp_path):
    check_rows(recipe, folder, features, tmp_path, kill=True)


@slow
@pytest.mark.parametrize("recipe", TO_ROWS[1:])  # an array holds images, not photos
def test_a_bad_photo_follows_on_error(recipe, folder, tmp_path):
    shutil.copytree(folder / "photos", tmp_path / "photos")
    paths = photos_of(tmp_path).filenames
    os.truncate(paths[5], 2000)
    with pytest.raises(AssertionError, match="cannot be read"):
        run(recipe, tmp_path)
    run(recipe, tmp_path, SAVE_ROWS, changes=[("dropout=False", 'dropout=False, on_error="nan"')])
    rows = np.load(tmp_path / "rows.npy")
    assert np.isnan(rows[5]).all()
    np.testing.assert_array_equal(rows[:5], DeCAFTransformer(dropout=False).fit_transform(paths[:5]))


@slow
@needs("pyspark")
@JAVA
def test_a_killed_worker_ends_a_job_of_spark_that_may_not_try_again(folder, tmp_path):
    with pytest.raises(AssertionError, match="(?i)python worker exited unexpectedly"):
        run("spark.py", folder, changes=[("local[2,4]", "local[2]")], watched=tmp_path, kill=True)


SAVE_PREDICTED = """
from skdecaf import FeatureCache
np.save("predicted.npy", np.asarray(predicted))
if os.path.exists("feature-cache"):
    info = FeatureCache("feature-cache").info()
    assert info.misses <= info.n_rows and info.n_rows in (8, 16), "each photo is computed once for each layer"
"""


@slow
@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param("dask_ml_parallel_post_fit.py", marks=[DASK, needs("dask_ml")]),
        pytest.param("flaml_pipeline.py", marks=needs("flaml", "lightgbm")),
        pytest.param("flaml_learner.py", marks=needs("flaml", "lightgbm")),
        pytest.param("mlflow_model.py", marks=needs("mlflow")),
        pytest.param("optuna_study.py", marks=needs("optuna")),
        pytest.param("skops_model.py", marks=needs("skops")),
        pytest.param("skrub_table.py", marks=needs("skrub")),
        pytest.param("tpot_search.py", marks=needs("tpot")),
    ],
)
def test_predictions_are_as_good_as_those_of_logistic_regression(recipe, folder, accuracy):
    shutil.rmtree(folder / "feature-cache", ignore_errors=True)
    run(recipe, folder, SAVE_PREDICTED)
    assert np.mean(np.load(folder / "predicted.npy") == photos_of(folder).target) >= accuracy


@slow
@pytest.mark.parametrize(
    ("recipe", "kill"),
    [
        pytest.param("joblib_dask.py", False, marks=DASK),
        pytest.param("joblib_dask.py", True, marks=DASK),
        pytest.param("joblib_ray.py", False, marks=RAY),
    ],
)
def test_a_search_on_workers_finds_what_a_local_one_does(recipe, kill, folder, tmp_path):
    photos = photos_of(folder)
    output = run(recipe, folder, "print(search.best_score_)", watched=tmp_path, kill=kill).splitlines()[-1]
    assert threads_of_workers(tmp_path, kill) == {"1"}
    local = [
        cross_val_score(
            make_pipeline(DeCAFTransformer(layer), LogisticRegression()), photos.filenames, photos.target, cv=2
        ).mean()
        for layer in (5, 6)
    ]
    assert float(output) == pytest.approx(max(local))


@slow
@needs("onnx", "onnxruntime")
def test_onnx_of_a_pipeline(folder):
    script = """
import onnxruntime
session = onnxruntime.InferenceSession("pipeline.onnx", providers=["CPUExecutionProvider"])
[scores] = session.run(None, {"pixels": np.stack([pixels_of(photo) for photo in photos.filenames])})
expected = pipeline.decision_function(photos.filenames)
np.testing.assert_allclose(scores[:, 0], expected, atol=1e-4)
assert ((scores[:, 0] > 0) == pipeline.predict(photos.filenames)).all()
"""
    run("onnx_pipeline.py", folder, script)


@slow
@needs("fastapi", "httpx")
def test_a_service_answers_eight_clients_and_a_bad_photo_spoils_one_request(folder):
    script = """
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from fastapi.testclient import TestClient
contents = [Path(path).read_bytes() for path in photos.filenames]
contents[3] = b"no photo"
with TestClient(app) as client, ThreadPoolExecutor(8) as pool:
    answers = list(pool.map(lambda content: client.post("/label", content=content), contents * 5))
codes = [answer.status_code for answer in answers]
assert codes == ([200] * 3 + [422] + [200] * 4) * 5, codes
labels = [answer.json().get("label") for answer in answers[:8]]
expected = [photos.target_names[i] for i in photos.target]
assert [one for i, one in enumerate(labels) if i != 3] == [one for i, one in enumerate(expected) if i != 3]
"""
    run("fastapi_app.py", folder, script)


def test_the_guide_shows_every_recipe():
    page = (RECIPES.parent / "guide" / "scale.rst").read_text(encoding="utf-8")
    shown = re.findall(r"literalinclude:: \.\./recipes/(\w+\.py)\n   :lines: 4-", page)
    assert sorted(shown) == sorted(path.name for path in RECIPES.glob("*.py"))
