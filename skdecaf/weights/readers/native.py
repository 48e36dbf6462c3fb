"""Networks in the format of this package, as `Network.save` writes them."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.weights import native_format
from skdecaf.weights.files import weights_file
from skdecaf.weights.network import Network


def read_native(path, name=None, origin=None):
    """Read a network from a file in this package's format."""
    with weights_file(path) as path:
        return Network(**native_format.read(path, name), origin=origin)
