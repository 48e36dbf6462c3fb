"""Weights in 16 bits: what is rounded, how far, and how the sums of neighbours are kept."""

import numpy as np
import pytest

from skdecaf.weights import Network, resolve_network
from skdecaf.weights._compact import CompactMatrix
from skdecaf.weights._panels import PANEL, unpack_rows

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("group", [1, 4, 9, 36])
@pytest.mark.parametrize("rows", [1, 7, 2 * PANEL + 3, 300])
def test_rows_are_whole_numbers_times_a_scale_and_factors(rows, group):
    matrix = GENERATOR.standard_normal((rows, 90 if group == 9 else 72), np.float32)
    matrix[:, 36:72] *= 0.01
    depth, compact = matrix.shape[1], CompactMatrix(matrix, group)
    assert compact.shape == matrix.shape and compact.size == matrix.size
    spans, n_panels = -(-depth // compact.span), -(-rows // PANEL)
    assert compact.panels.shape == (n_panels, depth * PANEL) and compact.factors.shape == (n_panels, spans * PANEL)
    assert compact.nbytes == (2 * depth + spans) * n_panels * PANEL + 4 * rows
    factors = np.repeat(unpack_rows(compact.factors, rows), compact.span, axis=1)[:, :depth]
    units = factors * compact.scale[:, None].astype(np.float64)
    starts = range(0, depth, compact.span)
    largest = np.repeat(np.maximum.reduceat(np.abs(matrix), starts, axis=1), compact.span, axis=1)[:, :depth]
    assert (largest / units < 32768).all()
    assert (units <= (largest + np.abs(matrix).max(axis=1, keepdims=True) / 255) / 32760).all()
    errors = (np.asarray(compact) - matrix.astype(np.float64)) / units
    assert np.abs(errors).max() < (0.51 if group == 1 else 1.01)
    assert np.abs(errors).mean() < 0.3
    assert np.abs(errors.reshape(rows, -1, group).sum(axis=2)).max() < 0.55  # the units are rounded to float32, too


def test_rows_of_zeros_and_of_tiny_numbers():
    matrix = np.float32([[0, 0], [1e-45, -1e-45], [3e38, -3e38], [1, 0.5]])
    compact = CompactMatrix(matrix)
    np.testing.assert_allclose(np.asarray(compact), matrix, rtol=1e-4, atol=1e-38)
    assert np.isfinite(compact.scale).all() and (compact.scale > 0).all()


def test_it_is_an_array_for_numpy():
    compact = CompactMatrix(np.eye(3, dtype=np.float32))
    assert np.asarray(compact).dtype == np.float32
    assert np.asarray(compact, np.float64).dtype == np.float64
    np.testing.assert_allclose(np.asarray(compact), np.eye(3), rtol=1e-6)
    with pytest.raises(ValueError, match="can only be copied"):
        compact.__array__(copy=False)


def test_nothing_can_be_written():
    compact = CompactMatrix(np.eye(3, dtype=np.float32))
    for array in compact.buffers():
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_compact_networks_are_loaded_once_and_have_fingerprints_of_their_own():
    full, compact = resolve_network("mini"), resolve_network("mini", precision="compact")
    assert resolve_network("mini", precision="compact") is compact
    assert compact.fingerprint != full.fingerprint
    assert compact.n_parameters == full.n_parameters
    assert compact.labels == full.labels and compact.name == full.name
    assert isinstance(compact.arrays["fc6.weight"], CompactMatrix)
    np.testing.assert_array_equal(compact.arrays["conv1.weight"], full.arrays["conv1.weight"])


def test_a_network_of_the_users_own():
    network = Network.random("mini", 0)
    compact = resolve_network(network, precision="compact")
    assert compact is resolve_network(network, precision="compact")
    assert resolve_network(network) is network
    assert resolve_network(compact, precision="compact").fingerprint == compact.fingerprint


def test_networks_that_differ_in_their_labels_alone():
    network = resolve_network("mini")
    labels = [(f"n{i:08d}", f"class {i}") for i in range(1000)]
    other = Network(network.layers, network.arrays, network.preprocessing, labels=labels)
    assert other.fingerprint == network.fingerprint
    assert resolve_network(network, precision="compact").labels == network.labels
    assert resolve_network(other, precision="compact").labels == other.labels


def test_compact_networks_are_saved_as_what_they_stand_for(tmp_path):
    compact = resolve_network("mini", precision="compact")
    compact.save(tmp_path / "compact.safetensors")
    saved = Network.load(tmp_path / "compact.safetensors")
    np.testing.assert_array_equal(saved.arrays["fc6.weight"], np.asarray(compact.arrays["fc6.weight"]))


def test_another_precision():
    with pytest.raises(ValueError, match="precision='half' is not one of 'float32', 'compact'"):
        resolve_network("mini", precision="half")
