"""Which blobs the parameter ``layer`` means, under the names of the paper, of Caffe and of the DeCAF release."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from tiny_networks import tiny_network

from skdecaf.weights import ARCHITECTURES, Architecture, FullyConnected, Network, Preprocessing, ReLU
from skdecaf.weights._blob_names import column_names, resolve_blobs

NETWORK = tiny_network()
BLOBS = [
    "conv1_pre", "conv1", "pool1", "norm1", "conv2_pre", "conv2", "norm2", "pool5",
    "fc6_pre", "fc6", "fc7_pre", "fc7", "fc8", "prob",
]  # fmt: skip

SAME = [
    (5, "pool5"), (6, "fc6"), (7, "fc7"), (8, "fc8"),
    (np.int64(6), "fc6"), (np.uint8(5), "pool5"), (np.str_("fc7"), "fc7"),
    ("decaf5", "pool5"), ("decaf6", "fc6"), ("decaf7", "fc7"),
    # The blobs of the DeCAF release's network; its neurons are the ReLUs, and its dropout layers act in training only.
    ("conv1_cudanet_out", "conv1_pre"), ("conv1_neuron_cudanet_out", "conv1"),
    ("pool1_cudanet_out", "pool1"), ("rnorm1_cudanet_out", "norm1"),
    ("conv2_cudanet_out", "conv2_pre"), ("conv2_neuron_cudanet_out", "conv2"),
    ("rnorm2_cudanet_out", "norm2"), ("pool5_cudanet_out", "pool5"), ("_decaf_fc6_flatten_out", "pool5"),
    ("fc6_cudanet_out", "fc6_pre"), ("fc6_neuron_cudanet_out", "fc6"), ("fc6dropout_cudanet_out", "fc6"),
    ("fc7_cudanet_out", "fc7_pre"), ("fc7_neuron_cudanet_out", "fc7"), ("fc7dropout_cudanet_out", "fc7"),
    ("fc8_cudanet_out", "fc8"), ("probs_cudanet_out", "prob"),
    *((blob, blob) for blob in BLOBS),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "blob"), SAME)
def test_names(layer, blob):
    assert resolve_blobs(layer, NETWORK) == [blob]
    assert resolve_blobs([layer], NETWORK) == [blob]
    assert resolve_blobs(("conv2_pre", layer) if blob != "conv2_pre" else ("prob", layer), NETWORK)[1] == blob


def test_lists_keep_their_order():
    assert resolve_blobs([7, "pool1", "decaf5"], NETWORK) == ["fc7", "pool1", "pool5"]


WRONG = [
    "FC6", "6", "", "conv6", "data", "norm1_pre", "fc8_pre", "relu6", "drop6", "cudanet_out", "_cudanet_out",
    "fc9_cudanet_out", "fc8_neuron_cudanet_out", "pool1_neuron_cudanet_out", "neuron_cudanet_out",
    4, 9, -6, True, np.True_, 6.0, None, ["fc6"], b"fc6",
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_names_list_the_right_ones(wrong):
    with pytest.raises(ValueError, match="there is no layer") as caught:
        resolve_blobs(["fc7", wrong], NETWORK)
    message = str(caught.value)
    assert repr(wrong) in message
    for right in ("5, 6, 7, 8", *BLOBS):
        assert right in message


def test_empty_and_repeated():
    with pytest.raises(ValueError, match="empty list"):
        resolve_blobs([], NETWORK)
    for repeated in ([6, "fc6"], ["fc6_neuron_cudanet_out", "pool5", "decaf6"]):
        with pytest.raises(ValueError, match="asks for 'fc6' twice"):
            resolve_blobs(repeated, NETWORK)


def test_numbers_are_offered_only_where_the_network_has_them():
    headless = Network.random(
        Architecture((FullyConnected("fc6", 4), ReLU("relu6")), Preprocessing((8, 8), (8, 8))), random_state=0
    )
    with pytest.raises(ValueError, match=r"there is no layer 8; ask for one of 6, fc6_pre, fc6, or a list"):
        resolve_blobs(8, headless)


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_every_architecture_has_the_papers_layers(architecture):
    class Described:
        blob_shapes = dict.fromkeys(
            name
            for layer in ARCHITECTURES[architecture].layers
            if type(layer).__name__ not in ("ReLU", "Dropout")
            for name in (layer.name, f"{layer.name}_pre")
        )

    assert resolve_blobs([5, 6, 7, 8], Described) == ["pool5", "fc6", "fc7", "fc8"]


@pytest.mark.parametrize(
    ("blob", "size", "first", "last"),
    [
        ("fc6", 4096, "decaf6_0000", "decaf6_4095"),
        ("fc7", 20, "decaf7_0000", "decaf7_0019"),
        ("pool5", 9216, "decaf5_0000", "decaf5_9215"),
        ("fc8", 1000, "fc8_0000", "fc8_0999"),
        ("fc6_pre", 10_000, "fc6_pre_0000", "fc6_pre_9999"),
        ("norm1", 10_001, "norm1_00000", "norm1_10000"),
        ("conv1", 100_001, "conv1_000000", "conv1_100000"),
        ("prob", 1, "prob_0000", "prob_0000"),
    ],
)
def test_column_names_sort_as_the_columns_do(blob, size, first, last):
    names = column_names(blob, size)
    assert (len(names), names[0], names[-1]) == (size, first, last)
    assert names == sorted(set(names))
