import numpy as np
import pytest
from small_alexnets import photos, small_network
from tiny_networks import tiny_network

from skdecaf._forward import plan_forward_pass
from skdecaf.weights import ARCHITECTURES, Network

torch = pytest.importorskip("torch")

from skdecaf.training import from_torch, to_torch  # noqa: E402


def to_tensor(batch):
    return torch.from_numpy(np.ascontiguousarray(batch.transpose(0, 3, 1, 2))).float()


def outputs(module, batch):
    with torch.inference_mode():
        return module(to_tensor(batch)).numpy()


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("blob", ["conv1_pre", "pool5", "fc6", "fc7_pre", "prob"])
def test_module_computes_what_the_forward_pass_computes(name, blob):
    network = small_network(name)
    batch = photos(network, n=3)
    expected = plan_forward_pass(network, [blob]).run(batch)[blob]
    found = outputs(to_torch(network, until=blob), batch).reshape(len(batch), -1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_mean_image_and_flipped_rows():
    drawn = tiny_network()
    generator = np.random.default_rng(0)
    height, width = drawn.preprocessing.resize
    mean_image = generator.uniform(90, 150, (height, width, 3)).astype(np.float32)
    preprocessing = type(drawn.preprocessing)((height, width), drawn.preprocessing.crop, flip=True)
    network = Network(drawn.layers, drawn.arrays, preprocessing, mean_image=mean_image)
    resized = generator.integers(0, 256, (1, height, width, 3), dtype=np.uint8)
    top, left = (height - preprocessing.crop[0]) // 2, (width - preprocessing.crop[1]) // 2
    window = np.s_[:, top : top + preprocessing.crop[0], left : left + preprocessing.crop[1]]
    expected = plan_forward_pass(network, ["prob"]).run((resized[:, ::-1] - mean_image)[window])["prob"]
    upright = resized[:, ::-1][window][:, ::-1]
    np.testing.assert_allclose(outputs(to_torch(network), upright), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["caffenet", "mini"])
def test_there_and_back_changes_nothing(name):
    network = small_network(name)
    back = from_torch(to_torch(network))
    assert back.fingerprint == network.fingerprint
    assert from_torch(to_torch(network, until="fc6")).fingerprint == network.fingerprint


def test_batch_normalisation_is_folded_into_the_weights():
    network = small_network("torchvision_alexnet")
    module = to_torch(network, until="fc8", batch_norm=True)
    torch.manual_seed(0)
    for child in module.modules():
        if isinstance(child, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            for tensor in (child.weight, child.bias, child.running_mean, child.running_var):
                tensor.data.uniform_(0.5, 1.5)
    batch = photos(network, n=3)
    expected = outputs(module, batch)
    back = from_torch(module)
    found = plan_forward_pass(back, ["fc8"]).run(batch)["fc8"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    assert back.layers == network.layers


def test_only_dropout_differs_in_training_mode():
    network = tiny_network()
    module = to_torch(network, until="fc8")
    batch = to_tensor(np.full((1, *network.preprocessing.crop, 3), 90, np.uint8))
    assert torch.equal(module(batch), module(batch))
    module.train()
    assert not torch.equal(module(batch), module(batch))


def test_wrong_blob_and_wrong_module_are_errors():
    with pytest.raises(ValueError, match=r"no blob 'fc9'; it has conv1"):
        to_torch(tiny_network(), until="fc9")
    with pytest.raises(TypeError, match="a module that to_torch made, not Linear"):
        from_torch(torch.nn.Linear(2, 2))
