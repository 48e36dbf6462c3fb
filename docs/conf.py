"""How Sphinx builds these pages; nothing here needs a network connection."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes

import skdecaf
from skdecaf._utils import documented

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "skdecaf"
author = "the skdecaf developers"
project_copyright = author
release = version = skdecaf.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "show_outputs",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_extensions", "_templates"]
default_role = "py:obj"  # `name` in a docstring links to the name's page where it has one

autosummary_generate = True
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False  # the template of classes lists them in full

# Inventories list the names to which these pages and the docstrings link. They are kept here, so that building needs no
# network connection. A link to a name of these packages that is in no inventory is a warning; add the name.
intersphinx_mapping = {
    "joblib": ("https://joblib.readthedocs.io/en/stable/", "inventories/joblib.inv"),
    "numpy": ("https://numpy.org/doc/stable/", "inventories/numpy.inv"),
    "pillow": ("https://pillow.readthedocs.io/en/stable/", "inventories/pillow.inv"),
    "python": ("https://docs.python.org/3/", "inventories/python.inv"),
    "sklearn": ("https://scikit-learn.org/stable/", "inventories/sklearn.inv"),
}

nitpicky = True
nitpick_ignore_regex = [("py:obj", r"(?!(joblib|numpy|PIL|skdecaf|sklearn)\b).*")]  # `n_jobs` and the like

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "ignore_pattern": "sample_photos" if find_spec("torch") else "sample_photos|plot_train_",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "api/examples",
    "doc_module": ("skdecaf",),
    "download_all_examples": False,
    "write_computation_times": False,
}

# HTML representations of estimators link to the pages of this build, which are in a folder beside those that show them.
documented.documentation_address = lambda: ".."

html_theme = "pydata_sphinx_theme"
html_title = "skdecaf"
html_logo = html_favicon = "_static/logo.svg"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["skdecaf.css"]
html_sidebars = {"model_card": []}
# The menu of versions appears in published pages: `switcher.json` lists them, at the address of this variable. The
# release checklist says how to add one.
_switcher = os.environ.get("SKDECAF_DOCS_SWITCHER")
html_theme_options = {
    "logo": {"text": "skdecaf"},
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    **(
        {
            "switcher": {"json_url": _switcher, "version_match": version},
            "navbar_end": ["version-switcher", "theme-switcher", "navbar-icon-links"],
            "check_switcher": False,  # building needs no network connection
        }
        if _switcher
        else {}
    ),
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_line_continuation_character = "\\"


def _skip_request_methods(app, what, name, obj, skip, options):
    """Leave out methods such as `set_fit_request`: scikit-learn writes them, with links into its own pages."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def _set_shapes_as_code(app, what, name, obj, options, lines):
    """Set "of shape (*size, 3)" in code type, where stars and trailing underscores mean nothing to Sphinx."""
    lines[:] = [re.sub(r"of shape (\([^()`]*\))", r"of shape ``\1``", line) for line in lines]


def _link_or_code(app, env, node, contnode):
    """Link an unqualified name such as `LinearSVC` if one page has it; show parameters and the like as plain code."""
    if node.get("refdomain") != "py" or node["reftype"] != "obj":
        return None
    name = node["reftarget"].removesuffix("()")
    if not re.fullmatch(nitpick_ignore_regex[0][1], name):  # a name that must have a page
        return None
    if name[:1].isupper():
        domain = env.get_domain("py")
        found = [one for one in domain.objects if one.endswith(f".{name}")]
        if len(found) == 1:
            return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", found[0], node, contnode)
        classes = env.intersphinx_inventory.get("py:class", {})
        found = [one for one in classes if one.startswith("sklearn.") and one.endswith(f".{name}")]
        if len(found) == 1:
            return nodes.reference("", "", contnode, internal=False, refuri=classes[found[0]].uri)
    contnode["classes"].clear()
    return contnode


def _hide_licence_lines(app, docname, source):
    """Leave the licence comment out of the pages of examples."""
    if docname.startswith("auto_examples/"):
        source[0] = source[0].replace("    # SPDX-License-Identifier: BSD-3-Clause\n", "")


def setup(app):
    app.connect("source-read", _hide_licence_lines)
    app.connect("missing-reference", _link_or_code, priority=900)  # after intersphinx
    app.connect("autodoc-skip-member", _skip_request_methods)
    app.connect("autodoc-process-docstring", _set_shapes_as_code, priority=100)  # before numpydoc
