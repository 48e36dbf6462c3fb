"""Benchmarks: what is counted and compared is right, whatever the times are."""

# SPDX-License-Identifier: BSD-3-Clause
import json
import math

import comparison
import files
import layers
import memory
import numpy as np
import pytest
import throughput
from engines import Peer, engine_environment
from files import measure_files
from layers import time_layers
from machine import product_speed
from memory import peak_memory
from photos import random_images, write_photos
from PIL import Image
from report import group_by_kind, to_markdown
from throughput import measure_throughput
from tiny_networks import TINY, tiny_network
from worker import start_worker

from skdecaf import Network
from skdecaf._forward import ForwardPass
from skdecaf.images import cut_crops, decode, fit_image
from skdecaf.weights import Preprocessing


def test_every_layer_is_timed_once_and_shares_add_up():
    times = time_layers(tiny_network(), "prob", batch_size=3, rounds=2)
    names = [record["name"] for record in times["records"]]
    assert [name for name in names if name not in ("input", "flatten")] == [
        "conv1+pool1", "norm1", "conv2", "norm2", "pool5", "fc6", "fc7", "fc8", "prob"
    ]  # fmt: skip
    records = times["records"]
    assert math.isclose(sum(record["share"] for record in records), 1)
    assert math.isclose(sum(record["seconds"] for record in records), times["seconds"])
    for record in (*records, times):
        if record["multiply_adds"]:
            assert math.isclose(record["gflops"] * record["seconds"], 2e-9 * record["multiply_adds"])
            assert math.isclose(record["of_product_speed"], record["gflops"] / times["product_gflops"])


def test_multiply_adds_are_those_of_the_definition():
    """Counted by hand: outputs of a layer times what each of them sums up."""
    times = time_layers(tiny_network(), "fc8", batch_size=1, rounds=1)
    by_hand = {"conv1+pool1": 7 * 8 * 8 * 5**2 * 3, "conv2": 3 * 4 * 12 * 3**2 * 4, "fc7": 10 * 20, "fc8": 5 * 10}
    by_hand["fc6"] = 20 * math.prod(tiny_network().blob_shapes["pool5"])
    counts = {record["name"]: record["multiply_adds"] for record in times["records"]}
    assert {name: count for name, count in counts.items() if count} == by_hand
    assert times["multiply_adds"] == sum(by_hand.values())


@pytest.mark.slow
def test_multiply_adds_of_caffenet_are_the_published_ones():
    times = time_layers("random", "prob", batch_size=1, rounds=1)
    counts = {r["name"]: round(r["multiply_adds"] / 1e6, 1) for r in times["records"] if r["gflops"]}
    assert counts == {
        "conv1+pool1": 105.4, "conv2+pool2": 223.9, "conv3": 149.5, "conv4": 112.1, "conv5+pool5": 74.8,
        "fc6": 37.7, "fc7": 16.8, "fc8": 4.1,
    }  # fmt: skip
    assert round(times["multiply_adds"] / 1e6, 1) == 724.4


def test_kinds_are_in_words_and_the_largest_comes_first():
    records = time_layers(tiny_network(), "prob", batch_size=2, rounds=1)["records"]
    kinds = group_by_kind(records)
    words = {kind["kind"] for kind in kinds}
    known = {"convolution", "pooling", "normalisation", "fully connected", "softmax", "moving data"}
    assert {"convolution", "fully connected"} <= words <= known
    assert [kind["seconds"] for kind in kinds] == sorted((kind["seconds"] for kind in kinds), reverse=True)
    assert math.isclose(sum(kind["share"] for kind in kinds), 1)


def test_who_observes_changes_nothing():
    network, seen = tiny_network(), []
    forward, images = ForwardPass(network, ["fc6"]), random_images(network, 3)
    observed = forward.run(images, observe=seen.append)["fc6"]
    np.testing.assert_array_equal(observed, forward.run(images)["fc6"])
    assert seen[-1] == "fc6"


def test_products_have_a_speed():
    assert 0.01 < product_speed(repeats=1) < 1e5


def test_photos_have_the_size_that_was_asked_for(tmp_path):
    paths = write_photos(tmp_path, (60, 80))
    assert len(paths) == len(set(paths))
    for path in paths:
        with Image.open(path) as photo:
            assert (photo.format, photo.size) == ("JPEG", (80, 60))


def test_an_engine_that_is_missing_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(comparison, "_version", lambda name: None)
    said = []
    assert measure_throughput(tiny_network(), against=["openvino"], batch_sizes=(), notify=said.append) == []
    assert said == ['openvino is left out: its package openvino is missing; run pip install "skdecaf[bench]"']


@pytest.mark.parametrize(
    ("benchmark", "arguments", "says"),
    [
        (throughput, "--against caffe", "there is no engine 'caffe' to compare with; there are onnxruntime, "),
        (throughput, "--threads 0", "'0' is not a whole number above 0"),
        (layers, "--threads 2", "unrecognized arguments: --threads 2"),
        (files, "--photos /nowhere", "no file /nowhere/"),
        (memory, "--plot a.png", "unrecognized arguments: --plot a.png"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_measured(benchmark, arguments, says, capsys):
    with pytest.raises(SystemExit) as end:
        benchmark.main(arguments.split())
    assert end.value.code == 2
    assert says in capsys.readouterr().err


def test_a_file_that_is_no_photo_is_named_before_anything_is_measured(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    with pytest.raises(ValueError, match=r"broken\.jpg"):
        files.main(["--photos", str(tmp_path)])
    with pytest.raises(ValueError, match=r"nowhere\.jpg.* does not exist"):
        measure_files(photos=[str(tmp_path / "nowhere.jpg")], notify=lambda line: pytest.fail(line))


@pytest.mark.parametrize("policy", ["warp", "crop"])
def test_peers_are_fed_with_the_pixels_that_the_network_sees(policy, tmp_path):
    preprocessing = Preprocessing((18, 20), (17, 19), policy=policy)
    peer = Peer.__new__(Peer)
    peer.network = Network(TINY.layers, tiny_network().arrays, preprocessing)
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    photo.save(tmp_path / "turned.png", exif=exif)
    upright = fit_image(decode(tmp_path / "turned.png"), (18, 20), policy, preprocessing.resample)
    np.testing.assert_array_equal(peer._read_photo(tmp_path / "turned.png"), cut_crops(upright, (17, 19), "center")[0])


REPORT = {
    "machine": {
        "versions": {"skdecaf": "1.2", "numpy": "2.4", "python": "3.11"},
        "processor": {"name": "A", "system": "S", "processors": 8, "usable": 2},
        "kernels": {"in_use": "avx2", "supported": ["avx2", "baseline"]},
        "blas": [{"internal_api": "openblas", "version": "0.3", "architecture": "Haswell", "num_threads": 2}],
        "warnings": ["OPENBLAS_CORETYPE=Haswell is set."],
    },
    "network": {
        "name": "n", "weights": "w", "precision": "float32", "blob": "fc6", "input": "17 × 19", "parameters": 2_000_000,
    },
    "throughput": [
        {
            "engine": "openvino", "version": "1", "settings": "float32", "source": "memory", "threads": 2,
            "batch_size": 64, "images_per_second": 50.0, "slowest": 40.0, "fastest": 60.0, "times_as_fast": 1.5,
            "largest_error": 2e-6, "seconds": [0.02], "cpu_seconds": [0.03],
        }
    ],
    "memory": {
        "n_files": 9, "threads": 2, "batch_size": 64, "loaded": 2e8, "peak": 3e8, "result": 2e7, "above": 8e7,
    },
}  # fmt: skip


def test_page_of_a_report():
    page = to_markdown(REPORT)
    assert "**OPENBLAS_CORETYPE=Haswell is set.**" in page
    assert "kernels: avx2; BLAS: openblas 0.3 (Haswell)" in page
    assert "| memory | 2 | 64 | openvino 1 | 50.0 | 40.0 to 60.0 | 20.00 | 30.00 | 1.50 | 2e-06 |" in page
    assert "| the peak above both | 80 |" in page
    for table in page.split("\n\n"):
        if table.startswith("|"):
            assert len({line.count("|") for line in table.splitlines()}) == 1


def test_the_environment_that_slows_products_down_is_told(monkeypatch):
    from machine import describe_machine

    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert describe_machine()["warnings"] == []
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    (warning,) = describe_machine()["warnings"]
    assert warning.startswith("OPENBLAS_CORETYPE=Haswell is set") and "unset it" in warning


@pytest.mark.slow
def test_a_worker_tells_why_it_failed():
    with start_worker() as worker:
        with pytest.raises(ChildProcessError, match="FileNotFoundError: .*nowhere"):
            worker.call("time_layers", weights="nowhere", layer=6, precision="float32", batch_size=1, rounds=1)
        worker._process.kill()
        worker._process.wait()  # so that the request cannot be sent, and must not be in the way at the end
        with pytest.raises(ChildProcessError, match="a process of the benchmark ended"):
            worker.call("time_images")


def network_with_everything():
    """Like the tiny network, with rows reversed and a mean image."""
    tiny, preprocessing = tiny_network(), TINY.preprocessing
    values = {**vars(preprocessing), "mean": (0, 0, 0), "flip": True}
    mean_image = np.random.default_rng(0).uniform(90, 130, (*preprocessing.resize, 3))
    return Network(tiny.layers, tiny.arrays, type(preprocessing)(**values), mean_image=mean_image)


@pytest.mark.slow
def test_engines_compute_the_same(tmp_path):
    packages = {"onnxruntime": "onnxruntime", "openvino": "openvino", "opencv": "cv2"}
    engines = [name for name, module in packages.items() if pytest.importorskip(module)]
    photos = write_photos(tmp_path, (40, 50))
    network, options = network_with_everything(), {"threads": [2], "against": engines, "rounds": 1}
    records = measure_throughput(network, batch_sizes=(1, 4), **options)
    records += measure_files(network, photos=photos, **options)
    assert {record["source"] for record in records} == {"memory", "files"}
    assert len(records) == len(["skdecaf", *engines]) * 3
    assert all(record["largest_error"] < 1e-5 for record in records)


@pytest.mark.slow
@pytest.mark.parametrize("network", [tiny_network(), network_with_everything()], ids=["tiny", "everything"])
def test_the_module_of_torch_computes_the_same(network, tmp_path):
    torch = pytest.importorskip("torch")
    from engines import SkdecafEngine

    from skdecaf.training import to_torch

    network.save(tmp_path / "network.safetensors")
    images = random_images(network, 3)
    for blob in ("conv1_pre", "conv1", "norm2", "pool5", "fc6", "prob"):
        with torch.no_grad():
            found = to_torch(network, until=blob)(torch.from_numpy(Peer.convert(None, images))).flatten(1).numpy()
        task = {"network": tmp_path / "network.safetensors", "precision": "float32", "blob": blob}
        expected = SkdecafEngine(task, 1, 3).run(images)
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.fixture
def report_of(tmp_path, capsys):
    """Run a benchmark on a tiny network: its figures, which are what it prints."""

    def run(benchmark, *arguments):
        tiny_network().save(tmp_path / "tiny.safetensors")
        written = str(tmp_path / "report.json")
        benchmark.main(["--weights", str(tmp_path / "tiny.safetensors"), "--json", written, *arguments])
        with open(written, encoding="utf-8") as file:
            report = json.load(file)
        assert capsys.readouterr().out == to_markdown(report)
        return report

    return run


@pytest.mark.slow
def test_each_instruction_set_is_timed_and_drawn(report_of, tmp_path):
    pytest.importorskip("matplotlib")
    report = report_of(layers, "--each-instruction-set", "--rounds", "1", "--plot", str(tmp_path / "a.png"))
    assert [times["instruction_set"] for times in report["layers"]] == report["machine"]["kernels"]["supported"]
    assert "| conv1" in to_markdown(report)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_options_of_comparisons_count(report_of):
    pytest.importorskip("onnxruntime")
    arguments = "--precision compact --against onnxruntime --threads 1,2 --rounds 3 --layer pool5 --batch-sizes 1,4"
    report = report_of(throughput, *arguments.split())
    records = report["throughput"]
    assert [(record["batch_size"], record["threads"], record["engine"]) for record in records] == [
        (size, threads, engine) for size in (1, 4) for threads in (1, 2) for engine in ("skdecaf", "onnxruntime")
    ]
    assert {len(record["seconds"]) for record in records} == {3}
    assert (report["network"]["precision"], report["network"]["blob"]) == ("compact", "pool5")


@pytest.mark.slow
def test_your_photos_are_read(report_of, tmp_path):
    (tmp_path / "photos").mkdir()
    write_photos(tmp_path / "photos", (40, 50))
    (record,) = report_of(files, "--photos", str(tmp_path / "photos"), "--rounds", "1")["files"]
    assert (record["engine"], record["source"]) == ("skdecaf", "files")


@pytest.mark.slow
def test_memory_is_reported(report_of):
    report = report_of(memory, "--n-files", "5", "--batch-size", "4", "--threads", "1")
    assert (report["memory"]["n_files"], report["memory"]["batch_size"], report["memory"]["threads"]) == (5, 4, 1)


@pytest.mark.slow
def test_memory_of_many_photos_is_told(tmp_path):
    tiny_network().save(tmp_path / "tiny.safetensors")
    memory = peak_memory(tmp_path / "tiny.safetensors", 6, n_files=50, size=(60, 80), threads=1)
    assert (memory["n_files"], memory["result"]) == (50, 50 * 20 * 4)
    if memory["above"] is not None:
        assert memory["peak"] == memory["loaded"] + memory["result"] + memory["above"]
        assert memory["peak"] > 2e7


def test_peers_are_held_to_avx2_where_they_have_a_switch(monkeypatch):
    monkeypatch.delenv("SKDECAF_CPU", raising=False)
    assert "ONEDNN_MAX_CPU_ISA" not in engine_environment("torch")
    monkeypatch.setenv("SKDECAF_CPU", "avx2")
    for peer in "torch", "openvino":
        assert engine_environment(peer)["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    assert engine_environment("onnxruntime") == {}
