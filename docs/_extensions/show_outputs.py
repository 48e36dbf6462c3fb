"""A Sphinx extension: run the Python blocks of a page in order, and show below each what it prints.

The pages keep plain ``code-block:: python``. The photos that they speak of are made for each page, in a temporary
folder that is the working directory: see `write_page_photos`. Figures are not shown; pages have those of the gallery.
"""

# SPDX-License-Identifier: BSD-3-Clause
import ast
import contextlib
import io
import os
import shutil
import tempfile
import warnings
from pathlib import Path

from docutils import nodes
from PIL import Image
from sklearn.base import BaseEstimator
from sklearn.datasets import load_sample_images
from sphinx.util import logging

_LONGEST = 30  # lines of an output
_logger = logging.getLogger(__name__)


def write_page_photos(folder):
    """Write the photos that the pages speak of: photos/cat, photos/dog and new.jpg."""
    for name, pixels in zip(("cat", "dog"), load_sample_images().images, strict=True):
        (folder / "photos" / name).mkdir(parents=True)
        for i in range(4):
            left = 120 * i
            image = Image.fromarray(pixels[100:300, left : left + 200])
            image.save(folder / "photos" / name / f"{i + 1:02d}.jpg")
    shutil.copy(folder / "photos" / "cat" / "03.jpg", folder / "new.jpg")


def run_block(code, namespace, name="<block>"):
    """Run code as an interactive session does: return what it prints, and its last value if that is an expression."""
    tree = ast.parse(code, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(tree, name, "exec"), namespace)
        value = eval(compile(ast.Expression(last.value), name, "eval"), namespace) if last else None
    text = printed.getvalue().rstrip("\n")
    if value is not None and not _is_drawn(value):
        text = "\n".join(filter(None, [text, repr(value)]))
    lines = text.splitlines()
    return "\n".join(lines if len(lines) <= _LONGEST else [*lines[: _LONGEST - 1], "..."])


def _is_drawn(value):
    """Whether a value is a figure, a display or an estimator, whose text says nothing new."""
    module = type(value).__module__
    return isinstance(value, BaseEstimator) or module.startswith("matplotlib") or module.startswith("skdecaf.plotting")


def _show_outputs(app, doctree):
    from matplotlib import pyplot

    page = app.env.docname
    blocks = [block for block in doctree.findall(nodes.literal_block) if block.get("language") == "python"]
    if page.split("/")[0] not in ("index", "guide") or not blocks:
        return
    with tempfile.TemporaryDirectory() as folder:
        write_page_photos(Path(folder))
        previous, namespace = os.getcwd(), {"__name__": "__main__"}
        os.chdir(folder)
        try:
            for block in blocks:
                _show_below(block, run_block(block.astext(), namespace, page).replace(f"{folder}/", ""))
        except ImportError as error:
            _logger.info("no more outputs on page %s: %s", page, error)
        except Exception as error:
            _logger.warning("%s: %s", type(error).__name__, error, location=block)
        finally:
            os.chdir(previous)
            pyplot.close("all")


def _show_below(block, text):
    if text:
        place = block.parent.index(block) + 1
        block.parent.insert(place, nodes.literal_block(text, text, language="none", classes=["output"]))


def setup(app):
    """Run when a page is read, before Sphinx looks into it."""
    import matplotlib

    matplotlib.use("agg")
    app.connect("doctree-read", _show_outputs, priority=100)
    return {"env_version": 1, "parallel_read_safe": False}
