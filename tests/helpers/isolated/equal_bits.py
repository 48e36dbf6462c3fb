"""Run by test_equal_bits.py in a process of its own, with BLAS kernels chosen by the environment."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info
from tiny_networks import tiny_network

from skdecaf._forward import ForwardPass
from skdecaf._forward.products import find_cuts
from skdecaf.weights import Architecture, FullyConnected, Network, Preprocessing, ReLU, resolve_network

WIDE = Architecture(  # products that are small, narrow and deep at once, each a trap for some BLAS
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


@pytest.mark.parametrize("kinds", [0, 1, 2, 3, 4, 6, 12])
def test_whatever_the_probe_finds_the_values_are_right(monkeypatch, kinds):
    """Other BLAS libraries take other branches; all of them compute the same product."""
    for module in ("convolutions", "fully_connected"):
        monkeypatch.setattr(f"skdecaf._forward.{module}.count_kinds_of_places", lambda *shape: kinds)
    network = NETWORKS["mini"]()
    batch = np.random.default_rng(0).integers(0, 256, (7, 64, 64, 3), dtype=np.uint8)
    found = ForwardPass(network, ["pool1", "fc7"]).run(batch)
    monkeypatch.undo()
    for blob, values in ForwardPass(network, ["pool1", "fc7"]).run(batch).items():
        np.testing.assert_allclose(found[blob], values, rtol=1e-4, atol=1e-5 * np.abs(values).max(), err_msg=blob)


@pytest.mark.parametrize("network", ["wide", "mini", "compact"])
def test_a_vector_alone_has_the_bits_of_a_product_either_way(monkeypatch, network):
    """OpenBLAS adds in an order that we know; other libraries multiply the vector as a group of rows."""
    network = NETWORKS[network]()
    image = np.random.default_rng(0).integers(0, 256, (1, *network.preprocessing.crop, 3), dtype=np.uint8)
    found = ForwardPass(network, ["fc6", "fc7"]).run(image)
    monkeypatch.setattr("skdecaf._forward.fully_connected.find_cuts", lambda *shape: None)
    for blob, values in ForwardPass(network, ["fc6", "fc7"]).run(image).items():
        np.testing.assert_array_equal(found[blob], values, err_msg=blob)


@pytest.mark.skipif(
    not any(pool.get("architecture") in ("Haswell", "Zen", "SkylakeX") for pool in threadpool_info()),
    reason="the order of the sums is known for these kernels of OpenBLAS",
)
@pytest.mark.parametrize(("depth", "width"), [(9216, 320), (4096, 320), (1024, 256)])
def test_the_order_of_openblas_is_found(depth, width):
    assert find_cuts(depth, width, True, 8) is not None
