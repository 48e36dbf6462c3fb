"""State dicts that torch saved, against torch on the same file; and safetensors with the same keys."""

import io
import pickle
import sys
import time
import warnings
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from damaged_files import damaged
from safetensors.numpy import save_file
from small_alexnets import first_input, photos, small_network, torch_model

from skdecaf._forward import ForwardPass
from skdecaf.weights import ARCHITECTURES, Network, resolve_network
from skdecaf.weights._readers.torch import looks_like, read_torch, read_torch_safetensors

torch = pytest.importorskip("torch")

FORMATS = {"zip": True, "legacy": False}
KEYS = [f"features.{i}.{part}" for i in (0, 3, 6, 8, 10) for part in ("weight", "bias")]
KEYS += [f"classifier.{i}.{part}" for i in (1, 4, 6) for part in ("weight", "bias")]
OURS = [f"conv{i}.{part}" for i in (1, 2, 3, 4, 5) for part in ("weight", "bias")]
OURS += [f"fc{i}.{part}" for i in (6, 7, 8) for part in ("weight", "bias")]


def save(state, path, kind="zip"):
    torch.save(state, path, _use_new_zipfile_serialization=FORMATS[kind])
    return path


def assert_torch_agrees(network, path, n_classes=7):
    """Scores are those of torch's modules with the file as torch loads it."""
    model = torch_model(torch, n_classes, seed=1)
    model.load_state_dict(torch.load(path, weights_only=True))
    batch = photos(network)
    with torch.no_grad():
        expected = model(torch.tensor(first_input(network, batch))).numpy()
    found = ForwardPass(network, ["fc8"]).run(batch)["fc8"]
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    assert np.ptp(expected) > 0.01


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("n_classes", [7, 1000])
def test_scores_are_those_of_torch_on_the_same_file(tmp_path, kind, n_classes):
    path = save(torch_model(torch, n_classes).state_dict(), tmp_path / "net.pth", kind)
    network = read_torch(path)
    assert (network.name, network.preprocessing) == ("net", ARCHITECTURES["torchvision_alexnet"].preprocessing)
    assert network.layers == small_network("torchvision_alexnet", n_classes).layers
    assert network.labels == (resolve_network("mini").labels if n_classes == 1000 else ())
    assert_torch_agrees(network, path, n_classes)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_the_whole_network_is_read(tmp_path, kind):
    network = Network.random("torchvision_alexnet", 0)
    state = {key: torch.tensor(network.arrays[ours]) for key, ours in zip(KEYS, OURS, strict=True)}
    assert read_torch(save(state, tmp_path / "net.pth", kind)).fingerprint == network.fingerprint


def state_of(model=None, change=lambda state: state):
    return change(OrderedDict((model or torch_model(torch)).state_dict()))


def test_keys_may_begin_alike(tmp_path):
    plain = read_torch(save(state_of(), tmp_path / "net.pth"))
    for beginning in ("module.", "model.", "model.module."):
        state = {f"{beginning}{key}": tensor for key, tensor in state_of().items()}
        assert read_torch(save(state, tmp_path / "net.pth")).fingerprint == plain.fingerprint


def test_other_precisions_views_and_parameters(tmp_path):
    state = state_of()
    plain = read_torch(save(state, tmp_path / "net.pth"))
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        network = read_torch(save({key: tensor.to(dtype) for key, tensor in state.items()}, tmp_path / "net.pth"))
        for key, ours in zip(KEYS, OURS, strict=True):
            np.testing.assert_array_equal(network.arrays[ours], state[key].to(dtype).float().numpy())
    turned = {key: tensor.t().contiguous().t() if tensor.ndim == 2 else tensor for key, tensor in state.items()}
    assert read_torch(save(turned, tmp_path / "net.pth")).fingerprint == plain.fingerprint
    parameters = {key: torch.nn.Parameter(tensor) for key, tensor in state.items()}
    assert read_torch(save(parameters, tmp_path / "net.pth")).fingerprint == plain.fingerprint


def without(key):
    return lambda state: OrderedDict((k, tensor) for k, tensor in state.items() if k != key)


def with_entry(key, value):
    return lambda state: OrderedDict([*state.items(), (key, value)])


NOT_ALEXNET = [
    (without("features.8.bias"), "key 'features.8.bias' is missing"),
    (without("features.0.weight"), "key 'features.0.weight' is missing"),
    (with_entry("features.12.weight", torch.zeros(2)), "it has no key 'features.12.weight'"),
    (with_entry("classifier.6.bias", torch.zeros(8)), r"'fc8\.bias' has shape \(8,\), but its layer needs \(7,\)"),
    (
        with_entry("features.3.weight", torch.zeros(8, 4, 3, 3)),
        r"'conv2\.weight' has shape \(8, 4, 3, 3\), but .* 5, 5",
    ),
    (with_entry("features.3.weight", torch.zeros(0, 4, 5, 5)), r"'conv2\.weight' of shape \(0, 4, 5, 5\) holds no"),
    (with_entry("features.3.weight", torch.tensor(1.0)), r"'conv2\.weight' of shape \(\) holds no"),
    (with_entry("features.3.bias", torch.full((8,), torch.nan)), r"'conv2\.bias' has NaN"),
    (with_entry("features.3.bias", torch.tensor([torch.inf, -torch.inf] * 4)), r"'conv2\.bias' has NaN or infinite"),
    (with_entry("features.3.bias", torch.full((8,), 1e300, dtype=torch.float64)), r"'conv2\.bias' has NaN or infinite"),
]


@pytest.mark.parametrize(("change", "message"), NOT_ALEXNET)
def test_other_state_dicts_are_refused_by_key(tmp_path, change, message):
    state = state_of(change=change)
    with pytest.raises(ValueError, match=rf"net\.pth.*{message}"):
        read_torch(save(state, tmp_path / "net.pth"))
    save_file({key: tensor.numpy() for key, tensor in state.items()}, tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=rf"net\.safetensors.*{message}"):
        read_torch_safetensors(tmp_path / "net.safetensors")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.zeros(8, dtype=torch.int64), "asks for 'torch.LongStorage'"),
        (torch.zeros(8, dtype=torch.complex64), "asks for 'torch.ComplexFloatStorage'"),
        (torch.zeros(1).expand(8), None),
        (torch.zeros(1).expand(20_000), "claim to have more values"),
        (torch.zeros(1).expand(2**62), "has the number 4,611,686,018,427,387,904"),
        (7, "'features.3.bias' is not a tensor"),
        ("text", "'features.3.bias' is not a tensor"),
        (np.zeros(8), "asks for 'numpy"),
        (torch.zeros(8).to_sparse(), "asks for"),
        (torch.nn.Linear(2, 2), "asks for"),
    ],
)
def test_what_is_no_plain_tensor_is_refused(tmp_path, value, message):
    path = save(state_of(change=with_entry("features.3.bias", value)), tmp_path / "net.pth")
    if message is None:
        assert not read_torch(path).arrays["conv2.bias"].any()
        return
    with pytest.raises(ValueError, match=message):
        read_torch(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_no_state_dict_is_refused(tmp_path, kind):
    for content, message in (
        ([torch.zeros(2)], "holds a list, not a state dict"),
        ({"epoch": 3, "state_dict": state_of()}, "key 'features.0.weight' is missing"),
        ({3: torch.zeros(2)}, "is missing"),
    ):
        with pytest.raises(ValueError, match=message):
            read_torch(save(content, tmp_path / "net.pth", kind))


# Safetensors


def save_tensors(state, path, **options):
    save_file({key: tensor.numpy() for key, tensor in state.items()}, path, **options)
    return path


@pytest.mark.parametrize("beginning", ["", "module."])
def test_safetensors_are_read_without_torch(tmp_path, beginning):
    state = state_of()
    expected = read_torch(save(state, tmp_path / "net.pth"))
    named = {f"{beginning}{key}": tensor for key, tensor in state.items()}
    path = save_tensors(named, tmp_path / "net.safetensors", metadata={"format": "pt"})
    modules = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "torch"}
    for name in modules:
        sys.modules[name] = None
    try:
        network = read_torch_safetensors(path)
        with pytest.raises(ImportError, match=r'pip install "skdecaf\[torch\]"'):
            read_torch(tmp_path / "net.pth")
    finally:
        sys.modules.update(modules)
    assert network.fingerprint == expected.fingerprint


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_safetensors_of_other_precisions(tmp_path, dtype):
    state = {key: tensor.numpy().astype(dtype) for key, tensor in state_of().items()}
    save_file(state, tmp_path / "net.safetensors")
    network = read_torch_safetensors(tmp_path / "net.safetensors")
    for key, ours in zip(KEYS, OURS, strict=True):
        np.testing.assert_array_equal(network.arrays[ours], state[key].astype(np.float32))


@pytest.mark.parametrize(("dtype", "name"), [(torch.bfloat16, "BF16"), (torch.int32, "I32")])
def test_safetensors_of_other_types_are_refused(tmp_path, dtype, name):
    from safetensors.torch import save_file as save_torch_file

    state = {key: tensor.to(dtype) for key, tensor in state_of().items()}
    save_torch_file(state, tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=f"'features.0.weight' is of type {name}"):
        read_torch_safetensors(tmp_path / "net.safetensors")


# Hostile files


class Runs:
    """What a malicious pickle is made of."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_in_a_pickle_is_run(tmp_path, kind):
    state = state_of(change=with_entry("features.12.bias", Runs(tmp_path / "was-run")))
    path = save(state, tmp_path / "net.pth", kind)
    with pytest.raises(ValueError, match=r"its pickle asks for '(_?io|builtins|__builtin__)\.open'"):
        read_torch(path)
    assert not (tmp_path / "was-run").exists()


def archive(tmp_path, description, entries=(), compression=zipfile.ZIP_STORED):
    path = tmp_path / "net.pth"
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in [("net/data.pkl", description), ("net/version", b"3\n"), *entries]:
            file.writestr(name, content)
    return path


def tuples_of_tuples():
    """A key that takes 2 ** 60 steps to hash."""
    levels = b"".join(b"q%ch%c\x86" % (i, i) for i in range(60))
    return b"\x80\x02})" + levels + b"K\x01s."


PICKLES = [
    (tuples_of_tuples(), "uses a tuple twice"),
    (b"\x80\x02})2" + b"\x862" * 60 + b"K\x01s.", "b'2', is not plain data"),
    (b"\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "asks for '__builtin__.bytearray'"),
    (b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.", "asks for 'os.system'"),
    (b"\x80\x02ctorch\nFloatStorage\nJ\xff\xff\xff\x7f\x85R.", "has the number 2,147,483,647"),
    (b"\x80\x02X\xff\xff\xff\x7fabc.", "cut off: 2,147,483,647 bytes declared"),
    (b"\x80\x02" + b"(" * 10_000 + b".", "more than 5,000 opcodes"),
    (b"\x80\x02" + b")\x85" * 2400 + b".", "holds a tuple|cannot read"),
    (b"\x80\x04}.", "protocol 4"),
    (b"\x80\x02\x95", "not enough data"),
    (b"", "at the end|exhausted"),
    (b"garbage", "at position|unknown|newline"),
    (b"\x80\x02ctorch\\x\nFloatStorage\n.", "backslash in a name"),
    (b"\x80\x02.", "torch cannot read it"),
    (b"\x80\x02h\x07.", "torch cannot read it"),
    (b"\x80\x02ccollections\nOrderedDict\nX\x01\x00\x00\x00a\x85R.", "torch cannot read it"),
]


@pytest.mark.parametrize(("description", "message"), PICKLES)
def test_pickles_that_cost_time_or_memory_are_refused(tmp_path, description, message):
    start = time.perf_counter()
    with pytest.raises(ValueError, match=message):
        read_torch(archive(tmp_path, description))
    assert time.perf_counter() - start < 2
    legacy = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
    (tmp_path / "legacy.pth").write_bytes(legacy + description + pickle.dumps([], 2))
    with pytest.raises(ValueError, match=r"legacy\.pth"):
        read_torch(tmp_path / "legacy.pth")


def test_a_refused_pickle_leaves_the_filters_of_warnings_alone(tmp_path):
    with warnings.catch_warnings():
        before = list(warnings.filters)
        for description in (b"\x80\x02cos\nsystem\n.", b"\x80\x02X\x02\x00\x00\x00\\d."):
            with pytest.raises(ValueError, match="asks for|holds a str"):
                read_torch(archive(tmp_path, description))
        assert warnings.filters == before


def test_archives_that_torch_would_read_otherwise_are_refused(tmp_path):
    plain = b"\x80\x02}."
    with pytest.raises(ValueError, match="compressed, as torch never writes it"):
        read_torch(archive(tmp_path, plain, [("net/data/0", bytes(10**6))], zipfile.ZIP_DEFLATED))
    for extra in ("net/DATA.PKL", "other/data.pkl"):
        with pytest.raises(ValueError, match=r"one entry 'data\.pkl'"):
            read_torch(archive(tmp_path, plain, [(extra, plain)]))
    with pytest.raises(ValueError, match=r"one entry 'data\.pkl'"):
        path = archive(tmp_path, plain)
        path.write_bytes(archive(tmp_path, plain).read_bytes() + path.read_bytes())
        read_torch(path)
    with pytest.raises(ValueError, match="too long for the names"):
        read_torch(archive(tmp_path, bytes(2**20 + 1)))
    with (
        pytest.raises(ValueError, match="two entries of the archive are called 'net/version'"),
        pytest.warns(UserWarning),
    ):
        read_torch(archive(tmp_path, plain, [("net/version", b"3")]))


def test_tensors_that_their_storage_cannot_hold_are_refused(tmp_path):
    content = save(state_of(), tmp_path / "net.pth")
    with zipfile.ZipFile(content) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    shortened = {name: data[:16] if name.endswith("data/0") else data for name, data in entries.items()}
    with zipfile.ZipFile(tmp_path / "short.pth", "w") as file:
        for name, data in shortened.items():
            file.writestr(name, data)
    with pytest.raises(ValueError, match="torch cannot read it"):
        read_torch(tmp_path / "short.pth")


def test_files_of_the_old_kind_are_known_by_their_first_bytes(tmp_path):
    assert looks_like(save(state_of(), tmp_path / "net.pth", "legacy").read_bytes()[:64])
    assert not looks_like(b"\x80\x02]q\x00") and not looks_like(b"")


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("most", [None, 1500])
def test_damaged_files_raise_nothing_but_value_errors(tmp_path, kind, most):
    content = save(state_of(), tmp_path / "net.pth", kind).read_bytes()
    for data in damaged(content, 100, seed=1, most=most):
        (tmp_path / "net.pth").write_bytes(data)
        try:
            read_torch(tmp_path / "net.pth")
        except ValueError as error:
            assert str(error).startswith(f"'{tmp_path}")


def test_damaged_descriptions_raise_nothing_but_value_errors(tmp_path):
    """Damage that no checksum of the archive gives away."""
    with zipfile.ZipFile(save(state_of(), tmp_path / "net.pth")) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    whole, refused = entries["net/data.pkl"], 0
    for description in damaged(whole, 100):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            for name, data in {**entries, "net/data.pkl": description}.items():
                file.writestr(name, data)
        (tmp_path / "net.pth").write_bytes(buffer.getvalue())
        try:
            read_torch(tmp_path / "net.pth")
        except ValueError:
            refused += 1
    assert refused > 50


def test_damaged_safetensors_raise_nothing_but_value_errors(tmp_path):
    path = save_tensors(state_of(), tmp_path / "net.safetensors")
    for data in damaged(path.read_bytes(), 100, most=2000):
        path.write_bytes(data)
        try:
            read_torch_safetensors(path)
        except ValueError as error:
            assert str(error).startswith(f"'{tmp_path}")
