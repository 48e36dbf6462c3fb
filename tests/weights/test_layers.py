import pytest

from skdecaf.weights import ARCHITECTURES
from skdecaf.weights._layers import (
    Convolution,
    Dropout,
    FullyConnected,
    MaxPool,
    ReLU,
    Softmax,
    blob_shapes,
    layer_from_dict,
    layer_to_dict,
    multiply_adds,
    parameter_shapes,
)


def architecture(name):
    found = ARCHITECTURES[name]
    return found.layers, (3, *found.preprocessing.crop)


def test_caffenet_has_the_shapes_that_its_authors_publish():
    shapes = blob_shapes(*architecture("caffenet"))
    assert shapes["conv1"] == (96, 55, 55)
    assert shapes["pool1"] == shapes["norm1"] == (96, 27, 27)
    assert shapes["conv2"] == (256, 27, 27)
    assert shapes["norm2"] == (256, 13, 13)
    assert shapes["conv3"] == shapes["conv4"] == (384, 13, 13)
    assert shapes["conv5"] == (256, 13, 13)
    assert shapes["pool5"] == (256, 6, 6)
    assert shapes["fc6"] == shapes["fc7_pre"] == (4096,)
    assert shapes["fc8"] == shapes["prob"] == (1000,)
    assert "fc8_pre" not in shapes and "drop6" not in shapes and "relu1" not in shapes


@pytest.mark.parametrize(
    ("name", "n_parameters", "millions"),
    [("caffenet", 60_965_224, 724.4), ("alexnet", 60_965_224, 724.4), ("torchvision_alexnet", 61_100_840, 714.2)],
)
def test_parameters_and_multiply_adds(name, n_parameters, millions):
    """The published counts; torchvision's convolutions cost 655.6 million, its products 58.6."""
    counts = dict.fromkeys(parameter_shapes(*architecture(name)), 1)
    for key, shape in parameter_shapes(*architecture(name)).items():
        for size in shape:
            counts[key] *= size
    assert sum(counts.values()) == n_parameters
    assert sum(multiply_adds(*architecture(name)).values()) / 1e6 == pytest.approx(millions, abs=0.06)


def test_normalisation_comes_before_pooling_in_alexnet_and_after_it_in_caffenet():
    def order(name):
        return [blob for blob in blob_shapes(*architecture(name)) if blob in ("pool1", "norm1")]

    assert order("caffenet") == ["pool1", "norm1"]
    assert order("alexnet") == ["norm1", "pool1"]


@pytest.mark.parametrize(("size", "ceil", "floor"), [(55, 27, 27), (54, 27, 26), (26, 13, 12), (13, 6, 6), (12, 6, 5)])
def test_rounding_of_pooled_sizes(size, ceil, floor):
    for rounding, expected in (("ceil", ceil), ("floor", floor)):
        shapes = blob_shapes([MaxPool("pool", 3, 2, rounding=rounding)], (1, size, size))
        assert shapes["pool"] == (1, expected, expected)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pad", "count"),
    [(5, 2, 3, 1, 2), (14, 1, 5, 0, 3)],  # rounding up would give one more, the last at 6 - 1 = 5 and at 15
)
def test_no_pooling_window_starts_beyond_image_and_padding(size, kernel, stride, pad, count):
    assert blob_shapes([MaxPool("pool", kernel, stride, pad=pad)], (1, size, size))["pool"] == (1, count, count)


@pytest.mark.parametrize(
    "layer",
    [
        Convolution("c", 4, 3, 2, 1, 2),
        ReLU("r"),
        MaxPool("p", 2, 2),
        FullyConnected("f", 3),
        Dropout("d"),
        Softmax("s"),
    ],
)
def test_layers_survive_as_plain_values(layer):
    assert layer_from_dict(layer_to_dict(layer)) == layer


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"type": "transformer"}, "unknown layer type 'transformer'"),
        ({"type": "relu", "name": "r", "slope": 1}, "unknown field 'slope'"),
        ({"type": "convolution", "name": "c"}, "lacks a field"),
        ({"type": "convolution", "name": "c", "out_channels": "4", "kernel": 3}, "'out_channels' cannot be '4'"),
        ({"type": "convolution", "name": "c", "out_channels": 4, "kernel": 0}, "kernel must be from 1"),
        ({"type": "max_pool", "name": "p", "kernel": 2, "stride": 0}, "stride must be from 1"),
        ({"type": "max_pool", "name": "p", "kernel": 2, "stride": 2, "pad": -1}, "pad must be from 0"),
        ({"type": "max_pool", "name": "p", "kernel": 2, "stride": 2, "rounding": "up"}, "ceil"),
        ({"type": "max_pool", "name": "p", "kernel": 2, "stride": 2, "pad": 2}, "pad 2 is not smaller than the kernel"),
        ({"type": "max_pool", "name": "p", "kernel": 2, "stride": 10**30}, "stride must be from 1"),
        ({"type": "response_norm", "name": "n", "size": 4}, "odd"),
        ({"type": "response_norm", "name": "n", "k": 0.0}, "k must not be zero"),
        ({"type": "response_norm", "name": "n", "alpha": float("nan")}, "finite"),
    ],
)
def test_wrong_descriptions_are_refused(description, message):
    with pytest.raises(ValueError, match=message):
        layer_from_dict(description)


def test_layers_built_in_python_are_checked_too():
    with pytest.raises(ValueError, match="rounding is 'ceil' or 'floor', not 'Floor'"):
        MaxPool("p", 2, 2, rounding="Floor")


def test_blobs_that_no_network_of_this_family_has_are_refused():
    with pytest.raises(ValueError, match="too large for this family"):
        blob_shapes([Convolution("c", 2**20, 1)], (3, 100, 100))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Convolution("c", 4, 9)], "window of 9 does not fit"),
        ([Convolution("c", 4, 3, groups=2)], "groups do not divide"),
        ([FullyConnected("f", 3), Convolution("c", 4, 1)], "reads maps"),
        ([Softmax("s")], "softmax reads scores"),
        ([ReLU("r")], "needs a layer before it"),
        ([FullyConnected("f", 3), ReLU("r"), ReLU("s")], "needs a layer before it"),
        ([FullyConnected("f_pre", 3)], "values before a ReLU"),
        ([], "at least one layer"),
        ([Dropout("d")], "at least one layer"),
        ([FullyConnected("f", 3), FullyConnected("f", 3)], "two layers are called 'f'"),
    ],
)
def test_layers_that_do_not_fit_are_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        blob_shapes(layers, (3, 5, 5))
