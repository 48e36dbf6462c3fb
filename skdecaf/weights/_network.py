"""A network as data: layers, arrays, preprocessing and class names.

`skdecaf.weights._resolving` tells `pickle` how to treat networks.
"""

# SPDX-License-Identifier: BSD-3-Clause
import hashlib
import math
from pathlib import Path
from types import MappingProxyType

import numpy as np

from skdecaf._utils.random import draw_seed
from skdecaf.weights import _native_format as native_format
from skdecaf.weights._architectures import find_architecture
from skdecaf.weights._compact import CompactMatrix
from skdecaf.weights._file_checks import weights_file
from skdecaf.weights._layers import blob_shapes, parameter_shapes
from skdecaf.weights._native_format import MEAN_IMAGE
from skdecaf.weights._onnx_export import write_onnx
from skdecaf.weights._panels import NetworkArrays, PackedMatrix


class Network:
    """Immutable convolutional network: layers, arrays, preprocessing and class names.

    Pickles of a network hold its origin and its fingerprint, not its arrays.

    Parameters
    ----------
    layers : sequence of layers
        From `skdecaf.weights`: `Convolution`, `ReLU`, `MaxPool`, `ResponseNorm`, `FullyConnected`, `Dropout`,
        `Softmax`; each reads the output of the one before it.
    arrays : mapping of str to ndarray
        ``"<layer>.weight"`` of shape (out, in / groups, kernel, kernel) or (out, in), and ``"<layer>.bias"`` of
        shape (out,). Kept as read-only float32.
    preprocessing : Preprocessing
        How a photo is turned into the input.
    labels : sequence of (identifier, name) pairs of str, optional
        One for each class, in the order of the last layer's outputs.
    mean_image : ndarray of shape (*preprocessing.resize, 3), optional
        Subtracted from the resized photo before it is cropped; red, green, blue, from 0 to 255. It replaces
        ``preprocessing.mean``, which must be zero.
    name : str, default="network"
        Used in messages and stored in files.
    origin : str, or tuple (architecture, seed), optional
        Where pickles find the network again: a name or path for `resolve_network`, or the recipe of random filters.

    Attributes
    ----------
    blob_shapes : mapping of str to tuple
        Name of each blob (the output of a layer) -> its shape for one image: (channels, height, width) or (features,).
    blob_sizes : dict of str to int
        Name of each blob -> its number of values for one image.
    fingerprint : str
        Digest of the layers, the preprocessing and the arrays. Equal fingerprints mean equal features.
    n_parameters : int
        Total size of the arrays.

    Raises
    ------
    ValueError
        If an array is missing, superfluous, not finite, or does not have the shape that its layer needs.

    See Also
    --------
    DeCAFTransformer : Computes features of photos from any blob of a network.

    Examples
    --------
    >>> from skdecaf import Network
    >>> network = Network.random("mini", random_state=0)
    >>> network.blob_shapes["fc6"]
    (2048,)
    """

    def __init__(self, layers, arrays, preprocessing, *, labels=(), mean_image=None, name="network", origin=None):
        self.layers = tuple(layers)
        self.preprocessing = preprocessing
        self.labels = tuple((str(identifier), str(text)) for identifier, text in labels)
        self.name = name
        self.blob_shapes = MappingProxyType(blob_shapes(self.layers, self.input_shape))
        self.arrays = NetworkArrays(_checked_arrays(arrays, parameter_shapes(self.layers, self.input_shape)))
        self.mean_image = _checked_mean_image(mean_image, preprocessing)
        self._fingerprint = None
        self._origin = origin
        last_shape = list(self.blob_shapes.values())[-1]
        if self.labels and last_shape != (len(self.labels),):
            raise ValueError(f"{len(self.labels)} labels do not fit an output of shape {last_shape}")

    def __setattr__(self, name, value):
        if not name.startswith("_") and name in vars(self):
            raise AttributeError(f"a network never changes; make another one with the {name} that you need")
        super().__setattr__(name, value)

    @property
    def input_shape(self):
        """Shape (channels, height, width) of the input of the first layer."""
        return (3, *self.preprocessing.crop)

    @property
    def blob_sizes(self):
        """Name of each blob -> its number of values for one image."""
        return {blob: math.prod(shape) for blob, shape in self.blob_shapes.items()}

    @property
    def n_parameters(self):
        """Total size of the arrays."""
        return sum(self.arrays.stored(name).size for name in self.arrays)

    @property
    def origin(self):
        """Where pickles find the network again, or None."""
        return self._origin

    @property
    def fingerprint(self):
        """Digest of the layers, the preprocessing and the arrays."""
        if self._fingerprint is None:
            description = native_format.to_metadata(self)
            digest = hashlib.blake2b(description["layers"].encode(), digest_size=16)
            digest.update(description["preprocessing"].encode())
            arrays = native_format.arrays_and_mean_image(self)
            for name in sorted(arrays):
                digest.update(name.encode())
                array = arrays[name]
                for part in array.buffers() if isinstance(array, CompactMatrix) else (array,):
                    digest.update(part)
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def __repr__(self):
        return f"<Network {self.name!r}: {self.n_parameters:,} parameters, input {self.input_shape}>"

    def __deepcopy__(self, memo):
        """Return the network itself, so that `sklearn.base.clone` does not copy the arrays."""
        return self

    @classmethod
    def random(cls, architecture="caffenet", random_state=None):
        """Draw a network with random filters, as in the paper's footnote 7.

        Weights are normal with variance 2 / (inputs of a filter); biases are zero.

        Parameters
        ----------
        architecture : {"caffenet", "alexnet", "torchvision_alexnet", "mini"} or Architecture
        random_state : int, RandomState instance or None
            Seeds the filters.

        Returns
        -------
        Network
        """
        return draw_network(architecture, draw_seed(random_state))

    @classmethod
    def load(cls, path):
        """Read a network that `save` wrote.

        Parameters
        ----------
        path : str or PathLike

        Returns
        -------
        Network

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is not a network in this package's format; the message says what is wrong.
        """
        return load_network(path, origin=str(Path(path).absolute()))

    def save(self, path, dtype="float32"):
        """Write the network to a safetensors file.

        The file appears when it is complete; an error leaves nothing behind.

        Parameters
        ----------
        path : str or PathLike
        dtype : {"float32", "float16", "int16", "int8"}, default="float32"
            How weights are stored; integers have one scale per output. Biases are always float32.
        """
        native_format.write(self, path, dtype)
        if dtype == "float32" and self._origin is None:
            self._origin = str(Path(path).absolute())

    def replace(self, **changes):
        """Make a network that differs in some parameters.

        Parameters
        ----------
        **changes
            Parameters of `Network`.

        Returns
        -------
        Network
            Without an origin: save it before you pickle it.

        Examples
        --------
        >>> from skdecaf import Network
        >>> Network.random("mini", random_state=0).replace(name="mine").name
        'mine'
        """
        arrays = {name: self.arrays.stored(name) for name in self.arrays}
        others = {name: getattr(self, name) for name in ("layers", "preprocessing", "labels", "mean_image", "name")}
        return Network(**{"arrays": arrays, **others, **changes})

    def to_onnx(self, path, *, blobs=None):
        """Write the network as an ONNX model, for other inference engines.

        The input ``"pixels"`` has shape (n, 3, height, width) and dtype float32: resized and cropped photos; red,
        green, blue, from 0 to 255. Mean and scale are part of the graph.

        Parameters
        ----------
        path : str or PathLike
        blobs : sequence of str, optional
            Outputs of the model, by default the last blob. Layers after the last output are left out.

        Raises
        ------
        ImportError
            If the package onnx is not installed (``pip install "skdecaf[onnx]"``).
        """
        write_onnx(self, path, blobs)


def load_network(path, name=None, origin=None):
    """Read a file in this package's format, with the signature of every reader, see `skdecaf.weights._readers`."""
    with weights_file(path) as path:
        return Network(**native_format.read(path, name), origin=origin)


def draw_network(architecture, seed):
    """Network whose random filters follow from a seed; see `Network.random`."""
    found = find_architecture(architecture)
    generator = np.random.default_rng(seed)
    arrays = {}
    for key, shape in parameter_shapes(found.layers, (3, *found.preprocessing.crop)).items():
        if key.endswith(".bias"):
            arrays[key] = np.zeros(shape, np.float32)
        else:
            array = generator.standard_normal(shape, np.float32)
            array *= np.float32(np.sqrt(2 / np.prod(shape[1:])))
            arrays[key] = PackedMatrix(array) if array.ndim == 2 else array
    name = architecture if isinstance(architecture, str) else "custom"
    return Network(found.layers, arrays, found.preprocessing, name=f"random-{name}", origin=(architecture, seed))


def _checked_mean_image(mean_image, preprocessing):
    if mean_image is None:
        return None
    if any(preprocessing.mean):
        raise ValueError("a mean image takes the place of preprocessing.mean, which must be zero")
    return _checked_arrays({MEAN_IMAGE: mean_image}, {MEAN_IMAGE: (*preprocessing.resize, 3)})[MEAN_IMAGE]


def _checked_arrays(arrays, shapes):
    """Read-only float32 arrays in the order of the layers."""
    superfluous = sorted(set(arrays) - set(shapes))
    if superfluous:
        raise ValueError(f"array {superfluous[0]!r} belongs to no layer")
    checked = {}
    for name, shape in shapes.items():
        if name not in arrays:
            raise ValueError(f"array {name!r} of shape {shape} is missing")
        packed = isinstance(arrays[name], (CompactMatrix, PackedMatrix))
        array = arrays[name] if packed else np.asarray(arrays[name])
        if array.shape != shape:
            raise ValueError(f"array {name!r} has shape {array.shape}, but its layer needs {shape}")
        if not isinstance(array, CompactMatrix):
            array = _checked_array(array, name)
        checked[name] = array
    return checked


def _checked_array(array, name):
    """Read-only float32 array, or weights of a fully connected layer as a `PackedMatrix`."""
    with np.errstate(over="ignore", invalid="ignore"):
        if not isinstance(array, PackedMatrix):
            # Copied, since a caller who can write to the array could change the network.
            copy = True if array.flags.writeable else None
            array = PackedMatrix(array) if array.ndim == 2 else np.array(array, np.float32, order="C", copy=copy)
        values = array.panels if isinstance(array, PackedMatrix) else array
        # No sum of finite float32 values overflows float64, and nothing makes an infinite one finite.
        if not np.isfinite(values.sum(dtype=np.float64)):
            raise ValueError(f"array {name!r} has NaN or infinite values, or values too large for float32")
    if isinstance(array, np.ndarray):
        array = array.view()
        array.flags.writeable = False
    return array
