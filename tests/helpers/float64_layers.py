"""Every layer again in float64, as plainly as its definition allows: what the package is checked against."""

import numpy as np
from scipy.signal import correlate


def convolution(maps, weight, bias, stride, pad, groups):
    """maps (channels, height, width), weight (out, in / groups, k, k)."""
    maps, weight = np.asarray(maps, np.float64), np.asarray(weight, np.float64)
    padded = np.pad(maps, ((0, 0), (pad, pad), (pad, pad)))
    out_per_group, in_per_group = len(weight) // groups, weight.shape[1]
    out = []
    for o, filters in enumerate(weight):
        first = o // out_per_group * in_per_group
        full = correlate(padded[first : first + in_per_group], filters, mode="valid", method="direct")[0]
        out.append(full[::stride, ::stride] + bias[o])
    return np.array(out)


def max_pool(maps, kernel, stride, pad, rounding):
    """Windows are clipped to the image; one that would start beyond it and its padding is dropped."""
    channels, height, width = maps.shape

    def starts(size):
        count = (size + 2 * pad - kernel) / stride
        count = int(np.ceil(count) if rounding == "ceil" else np.floor(count)) + 1
        places = [i * stride - pad for i in range(count)]
        return [p for p in places if p < size]

    def window(p, size):
        return slice(max(p, 0), min(p + kernel, size))

    rows, columns = starts(height), starts(width)
    out = np.empty((channels, len(rows), len(columns)))
    for i, y in enumerate(rows):
        for j, x in enumerate(columns):
            out[:, i, j] = maps[:, window(y, height), window(x, width)].max(axis=(1, 2))
    return out


def response_norm(maps, size, alpha, beta, k):
    maps = np.asarray(maps, np.float64)
    out = np.empty_like(maps)
    half = size // 2
    for c in range(len(maps)):
        window = maps[max(0, c - half) : c + half + 1]
        out[c] = maps[c] / (k + alpha / size * (window**2).sum(axis=0)) ** beta
    return out


def softmax(scores):
    scores = np.asarray(scores, np.float64)
    e = np.exp(scores - scores.max())
    return e / e.sum()


def blobs(network, image):
    """All blobs of one image (height, width, 3) by the definitions above, in float64."""
    preprocessing = network.preprocessing
    pixels = (np.asarray(image, np.float64) - preprocessing.mean) / preprocessing.scale
    if preprocessing.channel_order == "BGR":
        pixels = pixels[:, :, ::-1]
    value, name, found = pixels.transpose(2, 0, 1), None, {}
    for layer in network.layers:
        kind = type(layer).__name__
        if kind == "Dropout":
            continue
        if kind == "ReLU":
            found[f"{name}_pre"], value = value, np.maximum(value, 0)
        else:
            name = layer.name
            value = _apply(kind, layer, network.arrays, value)
        found[name] = value
    return found


def _apply(kind, layer, arrays, value):
    weight, bias = (arrays.get(f"{layer.name}.{part}") for part in ("weight", "bias"))
    if kind == "Convolution":
        return convolution(value, weight, bias, layer.stride, layer.pad, layer.groups)
    if kind == "MaxPool":
        return max_pool(value, layer.kernel, layer.stride, layer.pad, layer.rounding)
    if kind == "ResponseNorm":
        return response_norm(value, layer.size, layer.alpha, layer.beta, layer.k)
    if kind == "FullyConnected":
        return np.asarray(weight, np.float64) @ value.reshape(-1) + bias
    return softmax(value)
