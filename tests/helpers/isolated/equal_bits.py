"""Run by test_equal_bits.py in a process of its own, with the instruction set chosen by the environment."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from tiny_networks import tiny_network

from skdecaf._forward import ForwardPass
from skdecaf.weights import Architecture, FullyConnected, Network, Preprocessing, ReLU, resolve_network

WIDE = Architecture(  # products that are small, narrow and deep at once
    (FullyConnected("fc6", 13), ReLU("relu6"), FullyConnected("fc7", 1), FullyConnected("fc8", 600)),
    Preprocessing((16, 16), (16, 16), scale=(99.0, 99.0, 99.0)),
)

NETWORKS = {
    "tiny": tiny_network,
    "wide": lambda: Network.random(WIDE, 0),
    "mini": lambda: resolve_network("mini"),
    "compact": lambda: resolve_network("mini", precision="compact"),
    "caffenet": lambda: Network.random("caffenet", 0),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_an_image_has_the_same_bits_in_any_batch(name):
    network = NETWORKS[name]()
    blobs = [blob for blob in network.blob_shapes if not blob.startswith("conv")]
    plan = ForwardPass(network, blobs)
    generator = np.random.default_rng(0)
    n = 19 if name == "caffenet" else 45
    batch = generator.integers(0, 256, (n, *network.preprocessing.crop, 3), dtype=np.uint8)
    every = plan.run(batch)
    for i in (0, 1, 5, 6, 11, 12, n - 1):
        alone = plan.run(batch[i : i + 1])
        for blob in blobs:
            np.testing.assert_array_equal(alone[blob][0], every[blob][i], err_msg=f"{blob} of image {i} alone")
    order = generator.permutation(n)
    permuted = plan.run(batch[order])
    head = plan.run(batch[: n // 2])
    for blob in blobs:
        np.testing.assert_array_equal(permuted[blob], every[blob][order], err_msg=f"{blob} permuted")
        np.testing.assert_array_equal(head[blob], every[blob][: n // 2], err_msg=f"{blob} in a smaller batch")


def digest(values):
    return hashlib.sha256(np.ascontiguousarray(values)).hexdigest()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_blob_is_what_another_instruction_set_gave(name):
    """The first process to get here writes the digests of all blobs to a file, the next compares its own."""
    network = NETWORKS[name]()
    batch = np.random.default_rng(0).integers(0, 256, (3, *network.preprocessing.crop, 3), dtype=np.uint8)
    blobs = ForwardPass(network, network.blob_shapes).run(batch) | {
        f"{blob} alone": values for blob in ("pool5", "fc6", "fc8") if blob in network.blob_shapes
        for values in ForwardPass(network, [blob]).run(batch).values()
    }  # fmt: skip
    found, file = {blob: digest(values) for blob, values in blobs.items()}, Path(os.environ["DIGESTS"]) / name
    if file.exists():
        assert found == json.loads(file.read_text())
    else:
        file.write_text(json.dumps(found))
