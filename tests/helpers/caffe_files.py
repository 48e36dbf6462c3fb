"""Caffe's binary files, encoded by hand; and the same networks as prototxt for other readers."""

import struct

import numpy as np

V1_TYPES = {
    "Accuracy": 1, "Convolution": 4, "Data": 5, "Dropout": 6, "InnerProduct": 14, "LRN": 15, "Pooling": 17, "ReLU": 18,
    "Softmax": 20, "SoftmaxWithLoss": 21, "Split": 22, "Concat": 3,
}  # fmt: skip
V0_TYPES = {
    "Convolution": "conv", "Data": "data", "Dropout": "dropout", "InnerProduct": "innerproduct", "LRN": "lrn",
    "Pooling": "pool", "ReLU": "relu", "Softmax": "softmax", "SoftmaxWithLoss": "softmax_loss", "padding": "padding",
}  # fmt: skip

# Type -> (field in V1, field in V2, {parameter: (number, number in V0)}).
PARAMETERS = {
    "Convolution": (10, 106, {
        "num_output": (1, 3), "bias_term": (2, 4), "pad": (3, 7), "kernel_size": (4, 8), "group": (5, 9),
        "stride": (6, 10), "pad_h": (9,), "pad_w": (10,), "kernel_h": (11,), "kernel_w": (12,), "stride_h": (13,),
        "stride_w": (14,), "axis": (16,), "dilation": (18,),
    }),
    "padding": (10, 106, {"pad": (3, 7)}),
    "Pooling": (19, 121, {
        "pool": (1, 11), "kernel_size": (2, 8), "stride": (3, 10), "pad": (4, 7), "kernel_h": (5,), "kernel_w": (6,),
        "global_pooling": (12,), "round_mode": (13,),
    }),
    "LRN": (18, 118, {"local_size": (1, 13), "alpha": (2, 14), "beta": (3, 15), "norm_region": (4,), "k": (5, 22)}),
    "InnerProduct": (17, 117, {"num_output": (1, 3), "bias_term": (2, 4), "axis": (5,), "transpose": (6,)}),
    "Dropout": (12, 108, {"dropout_ratio": (1, 12)}),
    "ReLU": (30, 123, {"negative_slope": (1,)}),
    "Softmax": (39, 125, {"axis": (2,)}),
    "Data": (36, 100, {"scale": (1, 17), "crop_size": (3, 20), "mean_value": (5,)}),
}  # fmt: skip


def varint(number):
    number &= 2**64 - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def field(number, value):
    """One field, or as many as there are values in a list."""
    if isinstance(value, list):
        return b"".join(field(number, one) for one in value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def blob(array, legacy=False, packed=True, double=False, shape=None):
    """BlobProto of an array; ``shape`` may lie."""
    array = np.asarray(array)
    shape = list(array.shape) if shape is None else list(shape)
    if legacy:
        described = b"".join(field(i + 1, n) for i, n in enumerate([1] * (4 - len(shape)) + shape))
    else:
        dims = b"".join(map(varint, shape))
        described = field(7, field(1, dims) if packed else field(1, shape))
    number, dtype = (8, "<f8") if double else (5, "<f4")
    content = array.astype(dtype).tobytes()
    if packed:
        return described + field(number, content)
    size = np.dtype(dtype).itemsize
    tag = varint(number << 3 | (1 if double else 5))
    return described + b"".join(tag + content[i : i + size] for i in range(0, len(content), size))


def layer(version, kind, name, bottoms=(), tops=(), parameters=None, blobs=(), more=b""):
    """One entry of a NetParameter."""
    parameters, bottoms, tops = parameters or {}, list(bottoms), list(tops)
    v1_field, v2_field, numbers = PARAMETERS.get(kind, (None, None, {}))
    if version == 0:
        described = b"".join(field(numbers[key][1], value) for key, value in parameters.items())
        old = field(1, name) + field(2, V0_TYPES[kind]) + described + field(50, list(blobs))
        return field(2, field(1, old) + field(2, bottoms) + field(3, tops) + more)
    described = b"".join(field(numbers[key][0], value) for key, value in parameters.items())
    if version == 1:
        described = field(v1_field, described) if described else b""
        head = field(2, bottoms) + field(3, tops) + field(4, name) + field(5, V1_TYPES[kind])
        return field(2, head + field(6, list(blobs)) + described + more)
    described = field(v2_field, described) if described else b""
    head = field(1, name) + field(2, kind) + field(3, bottoms) + field(4, tops)
    return field(100, head + field(7, list(blobs)) + described + more)


class CaffeNet:
    """A small network with the topology of CaffeNet or AlexNet and random weights, to be written in many ways.

    ``layers`` are (type, name, parameters) triples; ``arrays`` has weight and bias by name.
    """

    def __init__(self, order="caffenet", size=99, channels=(6, 8, 8, 8, 6), widths=(12, 10, 7), seed=0):
        self.size, self.channels, self.layers, self.arrays = size, channels, [], {}
        self._generator = np.random.default_rng(seed)
        for stage, (kernel, stride, pad, group) in enumerate(
            [(11, 4, 0, 1), (5, 1, 2, 2), (3, 1, 1, 1), (3, 1, 1, 2), (3, 1, 1, 2)], start=1
        ):
            below = 3 if stage == 1 else self.channels[stage - 2]
            self._convolution(stage, below, kernel, stride, pad, group)
            pool = ("Pooling", f"pool{stage}", {"pool": 0, "kernel_size": 3, "stride": 2})
            norm = ("LRN", f"norm{stage}", {"local_size": 5, "alpha": 0.02, "beta": 0.75})
            if stage <= 2:
                self.layers += [pool, norm] if order == "caffenet" else [norm, pool]
            elif stage == 5:
                self.layers.append(pool)
        side = ((((size - 11) // 4 + 1 - 3) // 2 + 1 - 3) // 2 + 1 - 3) // 2 + 1
        below = self.channels[-1] * side * side
        for i, width in enumerate(widths):
            name = f"fc{6 + i}"
            self._add(name, (width, below))
            self.layers.append(("InnerProduct", name, {"num_output": width}))
            if i < 2:
                self.layers += [("ReLU", f"relu{6 + i}", {}), ("Dropout", f"drop{6 + i}", {"dropout_ratio": 0.5})]
            below = width
        self.layers.append(("Softmax", "prob", {}))

    def _add(self, name, shape):
        weight = self._generator.standard_normal(shape, np.float32) * np.float32((2 / np.prod(shape[1:])) ** 0.5)
        self.arrays[name] = [weight, self._generator.uniform(-1, 1, shape[0]).astype(np.float32)]

    def _convolution(self, stage, below, kernel, stride, pad, group):
        n_out, name = self.channels[stage - 1], f"conv{stage}"
        self._add(name, (n_out, below // group, kernel, kernel))
        parameters = {"num_output": n_out, "kernel_size": kernel, "stride": stride, "pad": pad, "group": group}
        self.layers += [("Convolution", name, parameters), ("ReLU", f"relu{stage}", {})]

    def wired(self):
        """(type, name, bottom, top, parameters), the ReLU and dropout layers in place."""
        below = "data"
        for kind, name, parameters in self.layers:
            top = below if kind in ("ReLU", "Dropout") else name
            yield kind, name, below, top, parameters
            below = top

    def to_caffemodel(self, version=2, head=None, before=b"", after=b"", rename=lambda name: name, **blob_style):
        """Bytes of the file; ``head`` are the fields before the layers, by default name and input."""
        if head is None:
            head = field(3, "data") + field(4, [1, 3, self.size, self.size])
        out = field(1, "SmallNet") + head + before
        for kind, name, bottom, top, parameters in self.wired():
            blobs = [blob(array, **blob_style) for array in self.arrays.get(name, ())]
            out += layer(version, kind, rename(name), [rename(bottom)], [rename(top)], parameters, blobs)
        return out + after

    def to_prototxt(self):
        names = {
            "Convolution": "convolution",
            "Pooling": "pooling",
            "LRN": "lrn",
            "InnerProduct": "inner_product",
            "Dropout": "dropout",
        }
        lines = ['name: "SmallNet"', 'input: "data"', *(f"input_dim: {n}" for n in (1, 3, self.size, self.size))]
        for kind, name, bottom, top, parameters in self.wired():
            values = " ".join(f"{key}: {value}" for key, value in parameters.items()).replace("pool: 0", "pool: MAX")
            described = f"{names[kind]}_param {{ {values} }}" if values else ""
            lines.append(f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{top}" {described} }}')
        return "\n".join(lines)
