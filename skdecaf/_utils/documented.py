"""Links from estimators to their pages in the documentation."""

# SPDX-License-Identifier: BSD-3-Clause
from functools import cache
from importlib.metadata import metadata
from itertools import takewhile

from sklearn.base import BaseEstimator


@cache
def documentation_address():
    """The address of the documentation, from the metadata of the installed package; None if it names none."""
    for line in metadata("skdecaf").get_all("Project-URL") or ():
        label, _, address = line.partition(", ")
        if label == "Documentation":
            return address.rstrip("/")
    return None


class DocumentedEstimator(BaseEstimator):
    """Base of estimators whose HTML representation links to their page."""

    _doc_link_module = "skdecaf"

    @property
    def _doc_link_template(self):
        address = documentation_address()
        return f"{address}/api/{{module}}.{{name}}.html" if address else ""

    def _doc_link_url_param_generator(self):
        """The public name: that of the package, or of one of its public parts, whatever the file."""
        public = takewhile(lambda part: not part.startswith("_"), type(self).__module__.split("."))
        return {"module": ".".join([*public][:2]), "name": type(self).__name__}
