import pytest

from skdecaf._layers import (
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
from skdecaf.weights import ARCHITECTURES


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


def test_no_pooling_window_starts_beyond_image_and_padding():
    """Caffe: 5 pixels, kernel 1, stride 2, pad 1 would give ceil(6 / 2) + 1 = 4 windows, the last at 6 - 1 = 5."""
    assert blob_shapes([MaxPool("pool", 1, 2, pad=1)], (1, 5, 5))["pool"] == (1, 3, 3)


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
        ({"type": "convolution", "name": "c", "out_channels": 4, "kernel": 0}, "positive"),
        ({"type": "max_pool", "name": "p", "kernel": 2, "stride": 0}, "positive"),
        ({"type": "max_pool", "name": "p", "kernel": 2, "stride": 2, "pad": -1}, "negative"),
        ({"type": "max_pool", "name": "p", "kernel": 2, "stride": 2, "rounding": "up"}, "ceil"),
        ({"type": "response_norm", "name": "n", "size": 4}, "odd"),
    ],
)
def test_wrong_descriptions_are_refused(description, message):
    with pytest.raises(ValueError, match=message):
        layer_from_dict(description)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Convolution("c", 4, 9)], "window of 9 does not fit"),
        ([Convolution("c", 4, 3, groups=2)], "groups do not divide"),
        ([FullyConnected("f", 3), Convolution("c", 4, 1)], "reads maps"),
        ([Softmax("s")], "softmax reads scores"),
        ([ReLU("r")], "needs a layer before it"),
        ([], "at least one layer"),
        ([Dropout("d")], "at least one layer"),
        ([FullyConnected("f", 3), FullyConnected("f", 3)], "two layers are called 'f'"),
    ],
)
def test_layers_that_do_not_fit_are_refused(layers, message):
    with pytest.raises(ValueError, match=message):
        blob_shapes(layers, (3, 5, 5))
