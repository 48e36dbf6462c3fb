"""How long a network of real size takes to load, and how often it is loaded."""

# SPDX-License-Identifier: BSD-3-Clause
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from caffe_files import CaffeNet

from skdecaf import DeCAFTransformer
from skdecaf.weights import Network, resolve_network
from skdecaf.weights import _resolving as resolving

# A second is what it may take on two cores that do nothing else.
SECONDS, GUARD = 1, 3

LOAD = """
import sys, time
import skdecaf.weights
for extra in sys.argv[2:]:
    __import__(extra)
start = time.perf_counter()
network = skdecaf.weights.resolve_network(sys.argv[1])
print(time.perf_counter() - start, network.n_parameters)
"""


def write_own(path):
    Network.random("caffenet", 0).save(path)


def write_caffemodel(path):
    net = CaffeNet("caffenet", size=227, channels=(96, 256, 384, 384, 256), widths=(4096, 4096, 1000))
    path.write_bytes(net.to_caffemodel(2))


@pytest.mark.slow
@pytest.mark.parametrize(("write", "extras"), [(write_own, []), (write_caffemodel, ["google.protobuf"])])
def test_caffenet_loads_within_a_second(write, extras, tmp_path):
    for extra in extras:
        pytest.importorskip(extra)
    write(tmp_path / "net")
    command = [sys.executable, "-c", LOAD, str(tmp_path / "net"), *extras]
    seconds, n_parameters = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    print(f"{write.__name__}: {seconds} seconds")
    assert int(n_parameters) == 60_965_224
    assert float(seconds) < GUARD * SECONDS


@pytest.mark.slow
def test_threads_and_estimators_share_one_copy(tmp_path, monkeypatch):
    write_own(tmp_path / "net")
    loaded = []
    monkeypatch.setattr(resolving, "read_file", lambda path, **options: loaded.append(path) or Network.load(path))
    with ThreadPoolExecutor(8) as pool:
        networks = list(pool.map(resolve_network, [tmp_path / "net"] * 16))
    for layer in (6, 7):
        DeCAFTransformer(weights=tmp_path / "net", layer=layer).fit_transform([np.zeros((20, 20, 3), np.uint8)])
    assert len({id(network) for network in networks}) == 1 and len(loaded) == 1


@pytest.mark.slow
def test_each_worker_process_loads_once(tmp_path):
    write_own(tmp_path / "net")

    def loads_of_this_process(path):
        import os

        import numpy as np

        from skdecaf import DeCAFTransformer
        from skdecaf.weights import Network
        from skdecaf.weights import _resolving as resolving

        if not hasattr(resolving, "n_loads"):
            resolving.n_loads = 0

            def read_and_count(path, **options):
                resolving.n_loads += 1
                return Network.load(path)

            resolving.read_file = read_and_count
        DeCAFTransformer(weights=path).fit_transform([np.zeros((20, 20, 3), np.uint8)])
        return os.getpid(), resolving.n_loads

    found = joblib.Parallel(n_jobs=2)(joblib.delayed(loads_of_this_process)(tmp_path / "net") for _ in range(6))
    assert {n_loads for _, n_loads in found} == {1}  # in however many processes: loky replaces one that ended early
