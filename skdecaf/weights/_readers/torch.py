"""Torchvision's AlexNet, in state dicts that torch saved, and in safetensors files with the keys of a state dict.

`torch.load` reads state dicts with ``weights_only=True``, but a key of 60 nested pairs takes it 2 ** 60 steps, and
``b"\\x80\\x02c__builtin__\\nbytearray\\nJ\\xff\\xff\\xff\\x7f\\x85R."`` 2 GB. So opcodes are checked before it runs.
"""

# SPDX-License-Identifier: BSD-3-Clause
import io
import zipfile

from skdecaf._utils.extras import require
from skdecaf.weights._file_checks import open_safetensors, weights_file
from skdecaf.weights._readers.assembling import network_from_arrays, to_float32
from skdecaf.weights._readers.pickle_opcodes import PickleFile, allowed_opcodes
from skdecaf.weights._readers.zip_archives import open_archive

_ARCHITECTURE = "torchvision_alexnet"
_LAYERS = {
    "features.0": "conv1",
    "features.3": "conv2",
    "features.6": "conv3",
    "features.8": "conv4",
    "features.10": "conv5",
    "classifier.1": "fc6",
    "classifier.4": "fc7",
    "classifier.6": "fc8",
}
_KEYS = {f"{theirs}.{kind}": f"{ours}.{kind}" for theirs, ours in _LAYERS.items() for kind in ("weight", "bias")}

# Files of torch before 1.6 begin with this pickled number.
_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_DESCRIPTION = "data.pkl"

# Opcodes and names in the pickle of a state dict.
_TUPLES = {"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}
_OPCODES = {
    "PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD", "BINPERSID", "BINPUT", "LONG_BINPUT", "BINGET",
    "LONG_BINGET", "EMPTY_TUPLE", "EMPTY_DICT", "EMPTY_LIST", "SETITEM", "SETITEMS", "APPEND", "APPENDS",
    "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", *_TUPLES,
}  # fmt: skip
_GLOBALS = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch FloatStorage",
    "torch DoubleStorage",
    "torch HalfStorage",
    "torch BFloat16Storage",
}
_MAX_OPCODES = 5000
_LONGEST_DESCRIPTION = 2**20
_SMALL = 4096  # as a number of values, it costs little


def looks_like(head):
    """Whether the file is one of torch before 1.6; later ones are zip archives."""
    return head.startswith(_MAGIC)


def read_torch(path, name=None, origin=None):
    """Read a network from the state dict of torchvision's AlexNet.

    ``torch.save(model.state_dict(), path)`` writes such a file, today or before torch 1.6. The sizes of the layers are
    those of the tensors, so networks that were fine-tuned to other classes are read too. The keys may have a common
    prefix, such as ``"module."``.
    """
    with weights_file(path) as path:
        _check_description(path)
        torch = require("torch", "a state dict")
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # the documentation of torch does not list what damaged files raise
            raise ValueError(f"torch cannot read it: {type(error).__name__}: {error}") from None
        if not isinstance(state, dict):
            raise ValueError(f"it holds a {type(state).__name__}, not a state dict")
        names = _our_names(state)
        _check_tensors(torch, state, path.stat().st_size)
        arrays = {names[key]: tensor.detach().to(torch.float32).numpy() for key, tensor in state.items()}
        return network_from_arrays(_ARCHITECTURE, arrays, name=name or path.stem, origin=origin)


def read_torch_safetensors(path, name=None, origin=None):
    """Read a network from a safetensors file with the keys of torchvision's AlexNet, without torch."""
    with weights_file(path) as path:
        _check_header(path)
        with open_safetensors(path) as file:
            names = _our_names(file.keys())
            arrays = {ours: _tensor(file, key) for key, ours in names.items()}
        return network_from_arrays(_ARCHITECTURE, arrays, name=name or path.stem, origin=origin)


def _our_names(keys):
    """Key -> array name; the keys must be those of torchvision's AlexNet, after a common prefix."""
    keys = list(keys)
    first = next(iter(_KEYS))
    beginnings = [key.removesuffix(first) for key in keys if isinstance(key, str) and key.endswith(first)]
    names = {f"{(beginnings or [''])[0]}{theirs}": ours for theirs, ours in _KEYS.items()}
    for key in (*names, *keys):
        if key not in keys:
            raise ValueError(f"not the state dict of torchvision's AlexNet: key {key!r} is missing")
        if key not in names:
            raise ValueError(f"not the state dict of torchvision's AlexNet: it has no key {key!r}")
    return names


def _check_tensors(torch, state, size):
    """Refuse values that are not plain tensors of floats, and tensors that are larger than the file."""
    for key, tensor in state.items():
        if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided or not tensor.is_floating_point():
            raise ValueError(f"{key!r} is not a tensor of floats")
    if sum(tensor.numel() * tensor.element_size() for tensor in state.values()) > size:
        raise ValueError("its tensors claim to have more values than the file holds")


def _tensor(file, key):
    dtype = file.get_slice(key).get_dtype()
    if dtype not in ("F16", "F32", "F64"):
        raise ValueError(f"{key!r} is of type {dtype}; weights are read as F16, F32 or F64")
    return to_float32(file.get_tensor(key))


def _check_description(path):
    """Check the pickles of a file before torch reads them."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(_LONGEST_DESCRIPTION)
    if looks_like(start):
        pickles = PickleFile(io.BytesIO(start))
        pickles.seek(len(_MAGIC))
        for _ in ("protocol", "system", "state dict", "keys"):
            _check_pickle(pickles, size)
        return
    with open_archive(path) as archive:
        entries = archive.infolist()
        # Torch ignores the case of names, and finds other archives than zipfile if something precedes the first entry.
        described = [entry for entry in entries if entry.filename.lower().endswith(_DESCRIPTION)]
        if len(described) != 1 or archive.comment or min(entry.header_offset for entry in entries):
            raise ValueError(f"not an archive of torch, which has one entry {_DESCRIPTION!r}")
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
                raise ValueError(f"entry {entry.filename!r} is compressed, as torch never writes it")
        if described[0].file_size > _LONGEST_DESCRIPTION:
            raise ValueError(f"entry {described[0].filename!r} is too long for the names of a network's tensors")
        _check_pickle(PickleFile(io.BytesIO(archive.read(described[0]))), size)


def _check_pickle(file, size):
    """Check the opcodes of a pickle without executing them."""
    tuples, before = set(), None
    for opcode, value in allowed_opcodes(file, _OPCODES, range(2, 3), _MAX_OPCODES):
        if opcode.name == "GLOBAL" and value not in _GLOBALS:
            raise ValueError(f"its pickle asks for {value.replace(' ', '.')!r}, which no state dict of floats needs")
        if isinstance(value, int) and value > max(size, _SMALL):
            raise ValueError(f"its pickle has the number {value:,}, but the file has {size:,} bytes only")
        # Tuples that contain one tuple twice, and so on, take for ever to hash.
        if opcode.name.endswith("BINPUT"):
            (tuples.add if before in _TUPLES else tuples.discard)(value)
        elif opcode.name.endswith("BINGET") and value in tuples:
            raise ValueError("its pickle uses a tuple twice, which no state dict does")
        before = opcode.name


def _check_header(path):
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > _LONGEST_DESCRIPTION:
        raise ValueError(f"a header of {length:,} bytes is too long for the names of a network's tensors")
