"""What the pages and docstrings say is true: their code runs, their names exist, and the pages build."""

# SPDX-License-Identifier: BSD-3-Clause
import dataclasses
import doctest
import importlib.util
import inspect
import os
import pkgutil
import re
import runpy
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from numpydoc.validate import validate

import skdecaf
import skdecaf.baselines
import skdecaf.datasets
import skdecaf.domain_adaptation
import skdecaf.images
import skdecaf.model_selection
import skdecaf.parts
import skdecaf.plotting
import skdecaf.training
import skdecaf.weights
from skdecaf.weights._registry import WEIGHTS

ROOT = Path(__file__).parents[1]
DOCS, EXAMPLES = ROOT / "docs", ROOT / "examples"
GENERATED = ("_build", "api", "auto_examples")
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted(DOCS.rglob("*.rst")) if page.relative_to(DOCS).parts[0] not in GENERATED),
]
# The extension that shows what the code of a page prints; it also makes the photos that the pages speak of.
spec = importlib.util.spec_from_file_location("show_outputs", DOCS / "_extensions" / "show_outputs.py")
show_outputs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(show_outputs)

PUBLIC_MODULES = (
    skdecaf,
    skdecaf.weights,
    skdecaf.images,
    skdecaf.datasets,
    skdecaf.domain_adaptation,
    skdecaf.model_selection,
    skdecaf.parts,
    skdecaf.plotting,
    skdecaf.training,
    skdecaf.baselines,
)

MARKDOWN_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
SPHINX_BLOCK = re.compile(
    r"^(?P<indent> *)\.\. code-block:: (?P<language>\w+)\n\n(?P<code>(?:(?P=indent)   .*\n|\n)+)", re.MULTILINE
)


def code_blocks(page, language):
    """Yield the blocks of a page in one language, each at the line where it stands there."""
    text = page.read_text(encoding="utf-8")
    for match in (MARKDOWN_BLOCK if page.suffix == ".md" else SPHINX_BLOCK).finditer(text):
        if match["language"] == language:
            yield "\n" * text.count("\n", 0, match.start("code")) + textwrap.dedent(match["code"])


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """The photos that the pages speak of, in the working directory."""
    monkeypatch.chdir(tmp_path)
    show_outputs.write_page_photos(tmp_path)


SLOW_PAGES = (
    "adaptation.rst", "first_features.rst",
    "layers.rst", "pipelines.rst", "plots.rst", "protocols.rst", "training.rst", "weights.rst",
)  # fmt: skip


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[pytest.mark.slow] if page.name in SLOW_PAGES else []) for page in PAGES],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_python_of_a_page_runs(page, photos):
    if page.name == "training.rst":
        pytest.importorskip("torch")
    namespace = {"__name__": "__main__"}
    for block in code_blocks(page, "python"):
        exec(compile(block, str(page), "exec"), namespace)


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("x = 1", ""),
        ("print(1)\nprint(2)", "1\n2"),
        ("x = 2\nx", "2"),
        ("print(1)\n[2, 3]", "1\n[2, 3]"),
        ("None", ""),
        ("import sys; _ = sys.stderr.write('progress')", ""),
        ("from sklearn.svm import LinearSVC\nLinearSVC()", ""),
        ("print(*range(50), sep='\\n')", "\n".join([*map(str, range(29)), "..."])),
    ],
)
def test_the_output_of_a_block_is_what_it_prints_and_its_last_value(code, output):
    assert show_outputs.run_block(code, {}) == output


def test_the_blocks_of_a_page_share_their_names():
    namespace = {}
    show_outputs.run_block("x = 20", namespace)
    assert show_outputs.run_block("x + 1", namespace) == "21"


def commands_of(page):
    lines = "".join(code_blocks(DOCS / "guide" / page, "console")).splitlines()
    return [line.removeprefix("$ ") for line in lines if line]


def run_commands(commands, folder):
    function = f'skdecaf() {{ "{sys.executable}" -m skdecaf "$@"; }}'
    return run(["bash", "-e", "-o", "pipefail", "-c", "\n".join([function, *commands])], folder)


@pytest.mark.slow
def test_commands_of_the_command_line_page_run(photos, tmp_path):
    commands = commands_of("command_line.rst")
    assert len(commands) > 5 and all("skdecaf" in command for command in commands)
    printed = run_commands(commands, tmp_path)
    assert "8 photos of 2 classes" in printed and "new.jpg\tcat\t" in printed
    assert all((tmp_path / name).is_file() for name in ("pets.skops", "features.csv", "features.npz", "features.npy"))


@pytest.mark.slow
def test_commands_of_the_weights_page_that_need_no_network_run(tmp_path):
    commands = [command for command in commands_of("weights.rst") if command.startswith("skdecaf weights list")]
    assert "caffenet" in run_commands(commands, tmp_path)


def test_the_message_of_the_datasets_page_is_the_real_one(tmp_path):
    page = (DOCS / "guide" / "datasets.rst").read_text(encoding="utf-8")
    with pytest.raises(FileNotFoundError) as error:
        skdecaf.datasets.fetch_caltech101(data_home=tmp_path / "data", download_if_missing=False)
    message = str(error.value).replace(str(tmp_path), "")
    assert f"FileNotFoundError: {message}" in " ".join(page.split())


def test_the_extractor_finds_blocks():
    assert len(list(code_blocks(ROOT / "README.md", "python"))) >= 1
    assert len(list(code_blocks(DOCS / "guide" / "dropout.rst", "python"))) == 2  # indented in a list
    found = sum(len(list(code_blocks(page, "python"))) for page in PAGES)
    marked = sum(len(re.findall(r"code-block:: python|```python", page.read_text(encoding="utf-8"))) for page in PAGES)
    assert found == marked


def modules_with_examples():
    names = [module.name for module in pkgutil.walk_packages(skdecaf.__path__, "skdecaf.")]
    names = ["skdecaf", *(name for name in names if not re.search(r"_kernels|__main__", name))]
    return [name for name in names if ">>> " in Path(importlib.util.find_spec(name).origin).read_text("utf-8")]


SLOW_EXAMPLES = re.compile(r"skdecaf\.(_dropout_classifier|(plotting|training)\..*)")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if SLOW_EXAMPLES.fullmatch(name) else [])
        for name in modules_with_examples()
    ],
)
def test_examples_in_docstrings(name):
    if name.startswith("skdecaf.training."):
        pytest.importorskip("torch")
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        report = []
        assert runner.run(test, out=report.append).failed == 0, "".join(report)


def public_objects():
    """Dotted name -> public class or function, each once."""
    found = {}
    for module in PUBLIC_MODULES:
        for name in module.__all__:
            obj = getattr(module, name)
            if (inspect.isclass(obj) or inspect.isfunction(obj)) and obj not in found.values():
                found[f"{module.__name__}.{name}"] = obj
    return found


def public_methods():
    """Dotted names of the public methods and properties of public classes."""
    for name, obj in public_objects().items():
        for attribute, value in vars(obj).items() if inspect.isclass(obj) else ():
            # set_fit_request and its like are written by scikit-learn.
            documented = isinstance(value, property | classmethod) or inspect.isfunction(value)
            if documented and not attribute.startswith("_") and not attribute.endswith("_request"):
                yield f"{name}.{attribute}"


# What is asked for where it helps, and not of everything.
OPTIONAL = {
    "ES01",  # an extended summary
    "EX01",  # an example; classes and functions have theirs, see below
    "SA01",  # See Also
    "PR07",  # a description of a parameter whose type says it all, such as `path : str`
    "RT02",  # the returned value may have a name
    "RT03",  # a description of a returned value whose type says it all
    "RT04",  # sentences may begin with a dtype
    "SS02",  # or with a formula
    "SS05",  # or with a noun
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*public_objects(), *public_methods()])
def test_docstrings_have_the_form_of_numpydoc(name):
    optional, obj = OPTIONAL, public_objects().get(name)
    if dataclasses.is_dataclass(obj):
        optional = OPTIONAL | {"PR01"}  # one line may say what its few fields are
    full_name = f"{obj.__module__}.{obj.__qualname__}" if obj else name
    assert not [(code, message) for code, message in validate(full_name)["errors"] if code not in optional]


@pytest.mark.parametrize("name", [name for name in skdecaf.__all__ if not inspect.ismodule(getattr(skdecaf, name))])
def test_every_public_class_has_an_example(name):
    assert ">>> " in getattr(skdecaf, name).__doc__


def test_reference_has_every_public_name():
    listed, module = set(), None
    for page in (DOCS / "reference").glob("*.rst"):
        for line in page.read_text(encoding="utf-8").splitlines():
            if line.startswith(".. currentmodule:: "):
                module = line.split()[-1]
            elif re.fullmatch(r"   \w+", line) and page.stem != "index":
                listed.add(f"{module}.{line.strip()}")
    assert listed == set(public_objects())


def table_rows(page, heading):
    """Rows of the first table after a heading, each a list of cells, without the row of headings."""
    text = page.read_text(encoding="utf-8").partition(f"{heading}\n---")[2]
    table = re.match(r"(?:   [ *] .*\n)+", text[text.index("   * -") :])[0]
    rows = re.split(r"(?m)^(?=   \* )", table)[2:]
    return [re.findall(r"(?m)^   [* ] - ?(.*)$", row) for row in rows]


def test_table_of_weights_is_that_of_the_registry():
    rows = {row[0].strip('`"'): row[1:] for row in table_rows(DOCS / "guide" / "weights.rst", "Which weights?")}
    assert set(rows) == set(WEIGHTS)
    for name, (download, licence, n_features, accuracy, _, _) in rows.items():
        weights = WEIGHTS[name]
        architecture = skdecaf.weights.ARCHITECTURES[weights.architecture]
        widths = {layer.name: getattr(layer, "out_features", None) for layer in architecture.layers}
        assert (licence, int(n_features)) == (weights.licence, widths["fc6"]), name
        published = [float(value) for value in accuracy.split(" / ")] if accuracy else [None, None]
        assert published == [value and round(value, 2) for value in (weights.top1, weights.top5)], name
        assert (download == "none") == (weights.file is None), name
        if weights.file and weights.file.size:
            assert download == f"{weights.file.size / 1e6:.0f} MB", name


def test_citation_has_the_version_of_the_package():
    assert f"\nversion: {skdecaf.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_contributing_page_names_every_part():
    page = (DOCS / "contributing" / "index.rst").read_text(encoding="utf-8")
    for entry in Path(skdecaf.__file__).parent.iterdir():
        if entry.suffix == ".py" or (entry.is_dir() and (entry / "__init__.py").exists()):
            assert entry.name in page, f"docs/contributing/index.rst does not say what {entry.name} is for"


def run(command, folder, **environment):
    # As a reader would run it: without the variables of these tests, and whoever asks for the network gets none.
    environment |= {"PYTHONSAFEPATH": "", "SKDECAF_PHOTOS": ""}
    environment |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    result = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-5_000:] + result.stderr[-10_000:]
    return result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["photos"]], ids=["sample photos", "folders"])
def test_first_example_runs_without_matplotlib(arguments, photos, monkeypatch, capsys):
    script = str(EXAMPLES / "plot_first_features.py")
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    monkeypatch.delenv("SKDECAF_PHOTOS", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as if it were not installed
    monkeypatch.syspath_prepend(EXAMPLES)
    runpy.run_path(script, run_name="__main__")
    assert re.search(r"\d classes.*\naccuracy .*: \d+\.\d%", capsys.readouterr().out)


@pytest.mark.slow
def test_pages_build_without_warnings(tmp_path):
    for module in ("sphinx", "pydata_sphinx_theme", "sphinx_copybutton", "sphinx_design", "sphinx_gallery"):
        pytest.importorskip(module)
    pytest.importorskip("matplotlib")
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns(*GENERATED))
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-b", "html", "docs", "html"]
    run(command, tmp_path)
    texts = {
        page: (tmp_path / "html" / f"{page}.html").read_text(encoding="utf-8")
        for page in ("index", "api/skdecaf.DeCAFTransformer", "auto_examples/plot_first_features")
    }
    assert "['cat']" in texts["index"]  # what the code prints
    assert 'href="https://scikit-learn.org/stable/modules/generated/sklearn.svm.LinearSVC' in "".join(texts.values())
    example = texts["auto_examples/plot_first_features"]
    assert 'href="../api/skdecaf.DeCAFTransformer.html"' in example
    assert "# SPDX-License-Identifier" not in example  # scikit-learn's script in the page has such a line of its own
