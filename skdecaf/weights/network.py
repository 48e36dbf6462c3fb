"""A network as data: layers, arrays, preprocessing and class names; and the file that holds them."""

# SPDX-License-Identifier: BSD-3-Clause
import hashlib
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from sklearn.utils import check_random_state

from skdecaf.weights.architectures import find_architecture
from skdecaf.weights.compact import CompactMatrix
from skdecaf.weights.files import guarded
from skdecaf.weights.layers import blob_shapes, layer_from_dict, layer_to_dict, parameter_shapes
from skdecaf.weights.preprocessing import Preprocessing

FORMAT = "skdecaf-1"
_MEAN_IMAGE = "mean_image"
_STORED_DTYPES = ("F32", "F16", "F64", "I16", "I8")
_INTEGER_LIMITS = {"int8": 127, "int16": 32767}


class Network:
    """Layers, arrays, preprocessing and class names of a convolutional network; data that never changes.

    Parameters
    ----------
    layers : sequence of layers
        From `skdecaf.weights`: `Convolution`, `ReLU`, `MaxPool`, `ResponseNorm`, `FullyConnected`, `Dropout`,
        `Softmax`; each reads what the one before it wrote.
    arrays : mapping of str to ndarray
        ``"<layer>.weight"`` of shape (out, in / groups, kernel, kernel) or (out, in), and ``"<layer>.bias"`` of
        shape (out,). Kept as read-only float32.
    preprocessing : Preprocessing
        How a photo becomes the input.
    labels : sequence of (identifier, name) pairs of str, optional
        One for each class, in the order of the last layer's outputs.
    mean_image : ndarray of shape (*preprocessing.resize, 3), optional
        Subtracted from the resized photo before it is cropped, red, green, blue from 0 to 255, in place of
        ``preprocessing.mean``, which is zero then.
    name : str, default="network"
        For messages and files.

    Attributes
    ----------
    blob_shapes : mapping of str to tuple
        Every blob that can be asked for, with its shape for one image: (channels, height, width) or (features,).
    fingerprint : str
        Digest of layers, preprocessing and arrays, which decide the features and their names.
    n_parameters : int
        How many numbers the arrays hold.

    Raises
    ------
    ValueError
        Where an array is missing, superfluous, not finite, or of another shape than its layer needs.

    See Also
    --------
    DeCAFTransformer : Features of photos, from any of a network's blobs.

    Examples
    --------
    >>> from skdecaf import Network
    >>> network = Network.random("mini", random_state=0)
    >>> network.blob_shapes["fc6"]
    (2048,)
    """

    def __init__(self, layers, arrays, preprocessing, *, labels=(), mean_image=None, name="network"):
        self.layers = tuple(layers)
        self.preprocessing = preprocessing
        self.labels = tuple((str(identifier), str(text)) for identifier, text in labels)
        self.name = name
        self.blob_shapes = MappingProxyType(blob_shapes(self.layers, self.input_shape))
        self.arrays = MappingProxyType(_checked_arrays(arrays, parameter_shapes(self.layers, self.input_shape)))
        self.mean_image = _checked_mean_image(mean_image, preprocessing)
        self._fingerprint = None
        self._origin = None
        last_shape = list(self.blob_shapes.values())[-1]
        if self.labels and last_shape != (len(self.labels),):
            raise ValueError(f"{len(self.labels)} labels do not fit an output of shape {last_shape}")

    def __setattr__(self, name, value):
        if not name.startswith("_") and name in vars(self):
            raise AttributeError(f"a network never changes; make another one with other {name}")
        super().__setattr__(name, value)

    @property
    def input_shape(self):
        """Shape (channels, height, width) of what the first layer reads."""
        return (3, *self.preprocessing.crop)

    @property
    def n_parameters(self):
        """How many numbers the arrays hold."""
        return sum(array.size for array in self.arrays.values())

    @property
    def fingerprint(self):
        """Digest of layers, preprocessing and arrays, which decide the features and their names."""
        if self._fingerprint is None:
            description = _description(self)
            digest = hashlib.blake2b(description["layers"].encode(), digest_size=16)
            digest.update(description["preprocessing"].encode())
            for name, array in sorted(_all_arrays(self).items()):
                digest.update(name.encode())
                for part in array.buffers() if isinstance(array, CompactMatrix) else (array,):
                    digest.update(part)
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def __repr__(self):
        return f"<Network {self.name!r}: {self.n_parameters:,} parameters, input {self.input_shape}>"

    def __deepcopy__(self, memo):
        """Return the network itself: nothing in it changes, so `sklearn.base.clone` shares it."""
        return self

    def __reduce__(self):
        """Pickle by reference, since arrays of many megabytes have no place in the pickle of an estimator."""
        if self._origin is None:
            raise TypeError(
                f"{self!r} exists in memory only and cannot be pickled; call network.save(path) first, "
                "and the pickle will name that file."
            )
        kind, where = self._origin
        return (_load_again if kind == "weights" else _draw_again), (where, self.fingerprint)

    @classmethod
    def random(cls, architecture="caffenet", random_state=None):
        """Draw a network with random filters, as in the paper's footnote 7.

        Weights are normal with variance 2 / (inputs of a filter), biases zero.

        Parameters
        ----------
        architecture : {"caffenet", "alexnet", "torchvision_alexnet", "mini"} or Architecture
        random_state : int, RandomState instance or None
            Seeds the filters.

        Returns
        -------
        Network
        """
        seed = int(check_random_state(random_state).randint(2**31 - 1))
        return cls._random_from_seed(architecture, seed)

    @classmethod
    def _random_from_seed(cls, architecture, seed):
        found = find_architecture(architecture)
        layers, preprocessing = found.layers, found.preprocessing
        generator = np.random.default_rng(seed)
        arrays = {}
        for key, shape in parameter_shapes(layers, (3, *preprocessing.crop)).items():
            if key.endswith(".bias"):
                arrays[key] = np.zeros(shape, np.float32)
            else:
                arrays[key] = generator.standard_normal(shape, np.float32)
                arrays[key] *= np.float32(np.sqrt(2 / np.prod(shape[1:])))
        name = architecture if isinstance(architecture, str) else "custom"
        network = cls(layers, arrays, preprocessing, name=f"random-{name}")
        network._origin = ("random", (architecture, seed))
        return network

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
            Where there is no such file.
        ValueError
            Where the file is not a network in this package's format; the message names what does not fit.
        """
        with guarded(path) as path:
            try:
                with safe_open(path, framework="numpy") as file:
                    metadata = file.metadata() or {}
                    tensors = {name: _tensor(file, name) for name in file.keys()}  # noqa: SIM118
            except SafetensorError as error:
                hint = "skdecaf.weights.read_network reads files of others"
                raise ValueError(f"not a safetensors file ({error}); {hint}") from None
            network = _assemble(cls, metadata, tensors)
        network._origin = ("weights", str(path))
        return network

    def save(self, path, dtype="float32"):
        """Write the network to a safetensors file, complete or not at all.

        Parameters
        ----------
        path : str or PathLike
        dtype : {"float32", "float16", "int16", "int8"}, default="float32"
            How weights are stored; integers carry one scale per output. Biases stay float32.
        """
        if dtype not in ("float32", "float16", *_INTEGER_LIMITS):
            raise ValueError(f"dtype is one of 'float32', 'float16', 'int16', 'int8', not {dtype!r}")
        path = Path(path).absolute()
        if not path.parent.is_dir():
            raise FileNotFoundError(f"there is no folder {str(path.parent)!r} for the file {path.name!r}")
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
        os.close(handle)
        try:
            save_file(_stored_arrays(_all_arrays(self), dtype), temporary, metadata=_description(self))
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        if dtype == "float32" and self._origin is None:
            self._origin = ("weights", str(path))

    def to_onnx(self, path, *, blobs=None):
        """Write the network as an ONNX model, for other inference engines.

        The model reads ``"pixels"``, float32 of shape (n, 3, height, width), red, green, blue from 0 to 255, already
        resized and cropped; mean and scale are part of the graph.

        Parameters
        ----------
        path : str or PathLike
        blobs : sequence of str, optional
            What the model returns; by default the last blob. Nothing beyond the last one asked for is written.

        Raises
        ------
        ImportError
            Without the package onnx (``pip install "skdecaf[onnx]"``).
        """
        from skdecaf.weights.onnx_writing import write_onnx

        write_onnx(self, path, blobs)


def _umask():
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _checked_mean_image(mean_image, preprocessing):
    if mean_image is None:
        return None
    if any(preprocessing.mean):
        raise ValueError("a mean image takes the place of preprocessing.mean, which must be zero")
    return _checked_arrays({_MEAN_IMAGE: mean_image}, {_MEAN_IMAGE: (*preprocessing.resize, 3)})[_MEAN_IMAGE]


def _all_arrays(network):
    """The layers' arrays and the mean image under a name of its own."""
    mean_image = {} if network.mean_image is None else {_MEAN_IMAGE: network.mean_image}
    return {**network.arrays, **mean_image}


def _checked_arrays(arrays, shapes):
    """Read-only float32 arrays in the order of the layers."""
    superfluous = sorted(set(arrays) - set(shapes))
    if superfluous:
        raise ValueError(f"array {superfluous[0]!r} belongs to no layer")
    checked = {}
    for name, shape in shapes.items():
        if name not in arrays:
            raise ValueError(f"array {name!r} of shape {shape} is missing")
        array = arrays[name] if isinstance(arrays[name], CompactMatrix) else np.asarray(arrays[name])
        if array.shape != shape:
            raise ValueError(f"array {name!r} has shape {array.shape}, but its layer needs {shape}")
        if isinstance(array, CompactMatrix):
            checked[name] = array
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            # A caller who can write to the array could change the network.
            copy = True if array.flags.writeable else None
            array = np.array(array, np.float32, order="C", copy=copy)
            # No sum of finite float32 values overflows float64, and nothing makes an infinite one finite.
            if not np.isfinite(array.sum(dtype=np.float64)):
                raise ValueError(f"array {name!r} has NaN or infinite values, or values too large for float32")
        checked[name] = array.view()
        checked[name].flags.writeable = False
    return checked


def _description(network):
    """What is not an array, as the strings that safetensors keeps beside the arrays."""
    return {
        "format": FORMAT,
        "name": network.name,
        "layers": json.dumps([layer_to_dict(layer) for layer in network.layers]),
        "preprocessing": json.dumps(asdict(network.preprocessing)),
        "labels": json.dumps(network.labels),
    }


def _stored_arrays(arrays, dtype):
    stored = {}
    for name, array in arrays.items():
        array = np.ascontiguousarray(array)  # of compact weights the numbers that they stand for
        if dtype == "float32" or not name.endswith(".weight"):
            stored[name] = array
        elif dtype == "float16":
            stored[name] = array.astype(np.float16)
        else:
            rows = array.reshape(len(array), -1)
            scale = np.abs(rows).max(axis=1) / np.float32(_INTEGER_LIMITS[dtype])
            scale[scale == 0] = 1
            stored[name] = np.rint(rows / scale[:, None]).astype(dtype).reshape(array.shape)
            stored[f"{name.removesuffix('weight')}scale"] = scale
    return stored


def _tensor(file, name):
    dtype = file.get_slice(name).get_dtype()
    if dtype not in _STORED_DTYPES:
        raise ValueError(f"array {name!r} has dtype {dtype}; weights are stored as {', '.join(_STORED_DTYPES)}")
    return file.get_tensor(name)


def _restored_arrays(tensors):
    """Undo `_stored_arrays`: integers times their scale."""
    arrays = {name: array for name, array in tensors.items() if not name.endswith(".scale")}
    for name, array in arrays.items():
        if array.dtype.kind == "i":
            scale = tensors.get(f"{name.removesuffix('weight')}scale")
            if scale is None or scale.shape != array.shape[:1]:
                raise ValueError(f"integer array {name!r} needs one scale per output")
            arrays[name] = array * scale.astype(np.float32).reshape(-1, *[1] * (array.ndim - 1))
        arrays[name].flags.writeable = False  # nobody else has it, so that the network need not copy it
    return arrays


def _assemble(cls, metadata, tensors):
    if metadata.get("format") != FORMAT:
        raise ValueError(f"not a network of this package: its format is {metadata.get('format')!r}, not {FORMAT!r}")
    values = {}
    for key in ("layers", "preprocessing", "labels"):
        try:
            values[key] = json.loads(metadata[key])
        except (KeyError, ValueError, RecursionError):
            raise ValueError(f"the description {key!r} is missing or not JSON") from None
    try:
        layers = [layer_from_dict(description) for description in values["layers"]]
        preprocessing = Preprocessing(**values["preprocessing"])
        arrays = _restored_arrays(tensors)
        mean_image, name = arrays.pop(_MEAN_IMAGE, None), metadata.get("name", "network")
        return cls(layers, arrays, preprocessing, labels=values["labels"], mean_image=mean_image, name=name)
    except (TypeError, AttributeError, ZeroDivisionError, OverflowError) as error:
        raise ValueError(f"the description does not fit: {error}") from None


def _checked_again(network, fingerprint, where):
    if network.fingerprint != fingerprint:
        raise ValueError(f"the network at {where!r} is another one than when the estimator was pickled")
    return network


def _load_again(where, fingerprint):
    """Unpickle a network that came from a file, in whatever format, or from published weights."""
    from skdecaf.weights.resolving import resolve_network

    return _checked_again(resolve_network(where), fingerprint, where)


def _draw_again(recipe, fingerprint):
    """Unpickle a network that was drawn."""
    return _checked_again(Network._random_from_seed(*recipe), fingerprint, recipe)
