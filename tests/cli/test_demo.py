"""``skdecaf demo``: what the server answers, and what it refuses."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import json
import os
import re
import signal
import socket
import struct
import threading
import urllib.request

import numpy as np
import pytest
import skops.io
from demo_photos import HOSTILE_FILES, photo_file
from photo_folders import broken_photo, photos_of, skdecaf_process
from PIL import Image

starlette_testclient = pytest.importorskip("starlette.testclient")
uvicorn = pytest.importorskip("uvicorn")

from skdecaf import DeCAFClassifier, DeCAFTransformer, ImageNetClassifier  # noqa: E402
from skdecaf.cli._demo import app, server  # noqa: E402
from skdecaf.cli._demo.app import make_app  # noqa: E402
from skdecaf.cli._demo.computing import Computer  # noqa: E402
from skdecaf.cli._demo.guards import RateLimit  # noqa: E402
from skdecaf.cli._demo.pictures import picture_of_drops, picture_of_maps  # noqa: E402
from skdecaf.cli._demo.storing import Store  # noqa: E402
from skdecaf.plotting._occlusion import measure_drops  # noqa: E402
from skdecaf.weights import resolve_network  # noqa: E402

OURS = "http://127.0.0.1:8765"


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def client_of(computer, folder=None, *, host="127.0.0.1", **options):
    application = make_app(computer, folder, host, **options)
    return starlette_testclient.TestClient(application, OURS, client=("127.0.0.1", 50000))


@pytest.fixture
def computer(weights):
    return Computer(weights)


@pytest.fixture
def client(computer):
    return client_of(computer)


@pytest.fixture
def searching(computer, animals):
    broken_photo(animals / "cat" / "broken.png")
    return client_of(computer, computer.index(str(animals), None, verbose=False))


def add(client, contents):
    answer = client.post("/api/photos", content=contents)
    assert answer.status_code == 200, answer.text
    return answer.json()["photo"]


def picture_in(url):
    with urllib.request.urlopen(url) as file:
        return Image.open(io.BytesIO(file.read())).convert("RGB")


def test_the_page_needs_nothing_from_elsewhere(client):
    for path in ("/", "/demo.css", "/demo.js"):
        text = client.get(path).text
        assert text and not re.search(r"https?://|//[a-z]+\.|@import|url\(|innerHTML|style=", text), path
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert set(re.findall(r'(?:src|href)="([^"#]+)"', page.text)) == {"/demo.css", "/demo.js", "data:,"}


@pytest.mark.parametrize("path", ["/", "/demo.js", "/api/about", "/nothing"])
def test_every_answer_restricts_what_a_browser_may_do_with_it(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'") and "unsafe" not in policy and "*" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_a_photo_is_explained_as_the_estimators_explain_it(client, weights):
    contents = photo_file(1)
    answer = client.post("/api/explain", json={"photo": add(client, contents)}).json()
    expected = ImageNetClassifier(weights).top_k([contents], 5)[0]
    assert [one["name"] for one in answer["classes"]] == [one.name for one in expected]
    assert [one["probability"] for one in answer["classes"]] == pytest.approx([one.probability for one in expected])
    shapes = resolve_network(weights).blob_shapes
    assert [layer["name"] for layer in answer["layers"]] == [name for name in shapes if not name.endswith("_pre")]
    for layer in answer["layers"]:
        values = DeCAFTransformer(layer["name"], dropout=False, weights=weights).fit_transform([contents])
        assert layer["shape"] == " × ".join(map(str, shapes[layer["name"]]))
        assert layer["active"] == pytest.approx((values > 0).mean()) and layer["milliseconds"] >= 0
        assert (layer["picture"] is not None) == (len(shapes[layer["name"]]) == 3)
        assert not layer["picture"] or picture_in(layer["picture"]).width > 1


def test_the_occlusion_map_is_that_of_the_display(client, weights):
    contents = photo_file(1)
    answer = client.post("/api/occlusion", json={"photo": add(client, contents)}).json()
    expected = measure_drops(ImageNetClassifier(weights).fit([contents]), contents)
    assert answer["name"] == expected["label"] and answer["probability"] == pytest.approx(expected["score"])
    assert picture_in(answer["picture"]).size == expected["photo"].shape[1::-1]


def test_pictures_of_maps_and_drops():
    maps = np.zeros((4, 5, 6), np.float32)
    maps[2] = 1
    picture = picture_in(picture_of_maps(maps))
    assert picture.size == (13, 11)
    assert picture.getpixel((0, 0)) == (68, 1, 84)
    assert picture.getpixel((1, 8)) == (253, 231, 37) and picture.getpixel((6, 0)) == (128, 128, 128)
    assert picture_of_maps(np.zeros((1, 3, 3), np.float32)).startswith("data:image/png;base64,")
    drops = np.zeros((40, 40))
    drops[:20], drops[30:] = 0.5, -0.5
    picture = picture_in(picture_of_drops(np.full((40, 40, 3), 128, np.uint8), drops))
    (r1, _, b1), (r2, g2, _), (r3, _, b3) = (picture.getpixel((20, y)) for y in (5, 25, 36))
    assert r1 > b1 + 50 and b3 > r3 + 50 and abs(r2 - 128) < 5 and abs(g2 - 128) < 5


def test_search_finds_a_photo_of_the_folder_and_shows_it_by_number(searching, animals):
    path = photos_of(animals / "tiger")[3]
    with open(path, "rb") as file:
        photo = add(searching, file.read())
    similar = searching.post("/api/search", json={"photo": photo}).json()["similar"]
    assert len(similar) == 12 and similar[0]["name"] == os.path.relpath(path, animals)
    assert similar[0]["distance"] == pytest.approx(0, abs=1e-5)
    thumbnail = searching.get(f"/api/thumbnails/{similar[0]['index']}")
    assert Image.open(io.BytesIO(thumbnail.content)).size == (40, 32)
    assert searching.get("/api/about").json()["n_photos"] == 21


@pytest.mark.parametrize(
    "path", ["9999", "-1", "..%2f..%2fetc%2fpasswd", "../../etc/passwd", "0/../../x", "cat%2f000.png"]
)
def test_no_path_reaches_a_file(searching, path):
    answer = searching.get(f"/api/thumbnails/{path}")
    assert answer.status_code == 404 and "root:" not in answer.text
    assert searching.get("/..%2f..%2fapp.py").status_code == 404


def test_a_photo_that_is_deleted_is_not_named_by_its_path(searching, animals):
    for path in photos_of(animals):
        os.remove(path)
    answer = searching.get("/api/thumbnails/0")
    assert (answer.status_code, answer.json()["error"]) == (404, "this photo can no longer be read")


def test_without_a_folder_there_is_nothing_to_search(client):
    assert client.get("/api/about").json()["n_photos"] is None
    assert client.post("/api/search", json={"photo": add(client, photo_file(1))}).status_code == 404
    assert client.get("/api/thumbnails/0").status_code == 404


def train(client, **counts):
    seeds = {name: [add(client, photo_file(hash(name) % 1000, i)) for i in range(n)] for name, n in counts.items()}
    classes = [{"name": name, "photos": photos} for name, photos in seeds.items()]
    return client.post("/api/train", json={"classes": classes})


def test_train_try_and_download(client, weights, tmp_path, monkeypatch):
    files = {"cat": [photo_file(3, i) for i in range(4)], "<b>dog</b>": [photo_file(8, i) for i in range(5)]}
    classes = [{"name": name, "photos": [add(client, one) for one in some]} for name, some in files.items()]
    report = client.post("/api/train", json={"classes": classes}).json()
    photos, labels = [*files["cat"], *files["<b>dog</b>"]], [name for name, some in files.items() for _ in some]
    expected = DeCAFClassifier(cv=5, weights=weights, random_state=0).fit(photos, labels)
    assert (report["layer"], report["C"], report["folds"]) == (expected.layer_, expected.C_, 4)
    assert report["accuracy"] == pytest.approx(expected.best_score_)
    assert {one["name"]: one["photos"] for one in report["classes"]} == {"cat": 4, "<b>dog</b>": 5}

    new = photo_file(3, 9)
    asked = {"model": report["model"], "photo": add(client, new)}
    found = client.post("/api/predict", json=asked).json()["classes"]
    assert found[0]["name"] == "cat" and sum(one["probability"] for one in found) == pytest.approx(1)
    assert client.post("/api/occlusion", json=asked).json()["name"] == "cat"

    download = client.get(f"/api/models/{report['model']}/classifier.skops")
    assert download.headers["content-disposition"] == 'attachment; filename="classifier.skops"'
    (tmp_path / "model.skops").write_bytes(download.content)
    model = skops.io.load(
        tmp_path / "model.skops",
        trusted=[
            "skdecaf._decaf.DeCAFTransformer",
            "skdecaf._dropout.DropoutFeatures",
            "skdecaf._linear_model.scaled_linear_svc.ScaledLinearSVC",
        ],
    )
    np.testing.assert_allclose(model.predict_proba([new]), expected.predict_proba([new]), atol=1e-5)


def test_one_photo_of_a_class_leaves_the_accuracy_unknown(client):
    report = train(client, cat=1, dog=3).json()
    assert report["accuracy"] is None and report["folds"] == 0
    assert report["classes"][0]["accuracy"] is None


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (None, "2 to 20 classes"),
        ([], "2 to 20 classes"),
        ("classes", "2 to 20 classes"),
        ([{"name": "a", "photos": ["x"]}], "2 to 20 classes"),
        ([{"name": str(i), "photos": ["x"]} for i in range(21)], "2 to 20 classes"),
        ([["a", "x"]], "needs a name"),
        ([{"name": 1, "photos": ["x"]}], "needs a name"),
        ([{"name": "a", "photos": "x"}], "needs a name"),
        ([{"name": " ", "photos": ["x"]}], "1 to 60 printable"),
        ([{"name": "a" * 61, "photos": ["x"]}], "1 to 60 printable"),
        ([{"name": "a\nb", "photos": ["x"]}], "1 to 60 printable"),
        ([{"name": "a", "photos": ["x"]}, {"name": "a ", "photos": ["x"]}], "two classes have the name a"),
        ([{"name": "a", "photos": []}], "has no photos"),
        ([{"name": "a", "photos": ["x"] * 400}, {"name": "b", "photos": ["x"] * 101}], "at most 500"),
        ([{"name": "a", "photos": ["x"]}, {"name": "b", "photos": [["y"]]}], "no longer in memory"),
    ],
)
def test_wrong_classes_are_refused(client, classes, message):
    answer = client.post("/api/train", json={"classes": classes})
    assert answer.status_code in (410, 422) and message in answer.json()["error"]


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[]", b"\xff", b"[" * 50_000, b'{"photo": {}}', b'{"photo": null}']
)
@pytest.mark.parametrize("path", ["explain", "occlusion", "predict", "train"])
def test_wrong_requests_are_refused(client, path, body):
    answer = client.post(f"/api/{path}", content=body)
    assert answer.status_code in (410, 422) and answer.json()["error"]


@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_hostile_files_are_refused_with_a_sentence(client, name):
    answer = client.post("/api/photos", content=HOSTILE_FILES[name]())
    assert answer.status_code == 422
    assert re.search(r"empty|formats|cannot be read|pixels", answer.json()["error"])


def test_uploads_have_a_limit(client, monkeypatch):
    monkeypatch.setattr(app, "_MEGABYTES_OF_A_PHOTO", 1)
    for body in (bytes(2**20 + 1), iter([bytes(2**20), b"more"])):  # with a length that is known, and in chunks
        answer = client.post("/api/photos", content=body)
        assert answer.status_code == 413 and "more than 1 MB" in answer.json()["error"]
    wrong = {"Content-Length": "many"}
    assert client.post("/api/explain", content=b"{}", headers=wrong).status_code == 413


def test_slow_uploads_end(monkeypatch, computer):
    monkeypatch.setattr(app, "_SECONDS_TO_UPLOAD", 0.05)
    with running(computer) as address, socket.create_connection(address) as connection:
        connection.sendall(b"POST /api/photos HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nhalf")
        assert b" 408 " in connection.recv(1000)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1234"}, 200),
        ({"Host": "[::1]:8765"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "evil.example#127.0.0.1"}, 403),
        ({"Host": "192.168.0.7"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "["}, 403),
        ({"Origin": OURS}, 200),
        ({"Origin": "http://127.0.0.1:9"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ],
)
def test_requests_of_other_pages_are_refused(client, headers, status):
    assert client.get("/api/about", headers=headers).status_code == status
    expected = 422 if status == 200 else status
    assert client.post("/api/explain", content=b"", headers=headers).status_code == expected


def test_a_link_to_the_page_works(client):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/", headers=headers).status_code == 200
    assert client.get("/api/about", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("host", "header", "status"),
    [
        ("0.0.0.0", "192.168.0.7:8765", 200),
        ("0.0.0.0", "evil.example", 403),
        ("photos.example", "photos.example:8765", 200),
        ("photos.example", socket.gethostname(), 200),
        ("127.0.0.2", "192.168.0.7", 403),
    ],
)
def test_names_of_a_server_for_others(computer, host, header, status):
    client = client_of(computer, host=host)
    assert client.get("/api/about", headers={"Host": header}).status_code == status


def test_requests_have_a_rate(computer):
    clock = Clock()
    client = client_of(computer, rate_limit=RateLimit(capacity=5, per_second=2, clock=clock))
    assert [client.get("/api/about").status_code for _ in range(7)] == [200] * 5 + [429] * 2
    assert client.get("/api/about").headers["retry-after"] == "1"
    clock.now = 1.0
    assert [client.get("/api/about").status_code for _ in range(3)] == [200, 200, 429]
    clock.now = 1000.0
    assert client.post("/api/explain", content=b"").status_code == 422  # takes four
    assert [client.get("/api/about").status_code for _ in range(2)] == [200, 429]


def test_clients_do_not_share_a_rate_and_are_forgotten():
    limit = RateLimit(capacity=1, per_second=1, clock=Clock())
    assert limit.seconds_to_wait("a", 1) == 0 and limit.seconds_to_wait("b", 1) == 0
    assert limit.seconds_to_wait("a", 1) == 1
    for i in range(2000):
        limit.seconds_to_wait(i, 1)
    assert len(limit._buckets) == 1000


def test_a_store_is_bounded_in_number_bytes_and_time():
    clock = Clock()
    store = Store(3, 100, max_seconds=10, clock=clock)
    keys = [store.put(i, 10) for i in range(4)]
    assert len(set(keys)) == 4 and len(store) == 3 and store.n_bytes == 30
    with pytest.raises(KeyError):
        store.get(keys[0])
    assert store.get(keys[1]) == 1  # used last from now on
    store.put("large", 90)
    assert len(store) == 2 and store.get(keys[1]) == 1
    clock.now = 9.0
    assert store.get(keys[1]) == 1
    clock.now = 15.0
    assert store.get(keys[1]) == 1 and len(store) == 1 and store.n_bytes == 10


def test_a_forgotten_photo_is_asked_for_again(computer, monkeypatch):
    monkeypatch.setattr(app, "_MAX_PHOTOS", 1)
    client = client_of(computer)
    first = add(client, photo_file(1))
    add(client, photo_file(2))
    answer = client.post("/api/explain", json={"photo": first})
    assert (answer.status_code, answer.json()["error"]) == (410, "this photo is no longer in memory; add it again")


def test_a_network_without_names_shows_its_layers(weights, tmp_path):
    network = resolve_network(weights)
    path = tmp_path / "nameless.safetensors"
    type(network)(network.layers, network.arrays, network.preprocessing, name="nameless").save(path)
    client = client_of(Computer(str(path)))
    photo = add(client, photo_file(1))
    answer = client.post("/api/explain", json={"photo": photo}).json()
    assert answer["classes"] == [] and answer["layers"]
    assert client.post("/api/occlusion", json={"photo": photo}).status_code == 422


def post(url, body):
    with urllib.request.urlopen(urllib.request.Request(url, body)) as answer:
        return json.load(answer)


class running:
    """A server in a thread; its address."""

    def __init__(self, computer):
        self.app = make_app(computer)

    def __enter__(self):
        self.socket, _ = server.listen("127.0.0.1", 0)
        config = uvicorn.Config(self.app, http="h11", ws="none", lifespan="off", log_level="critical")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)
        self.thread.start()
        return self.socket.getsockname()

    def __exit__(self, *error):
        self.server.should_exit = True
        self.thread.join(10)
        self.socket.close()


def test_a_client_that_hangs_up_leaves_nothing(computer):
    with running(computer) as address:
        for body in (b"", photo_file(1)[:100]):
            connection = socket.create_connection(address)
            connection.sendall(b"POST /api/photos HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\n" + body)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # as if it were killed
            connection.close()
        url = f"http://127.0.0.1:{address[1]}/api/"
        photo = post(f"{url}photos", photo_file(1))["photo"]
        assert post(f"{url}explain", json.dumps({"photo": photo}).encode())["layers"]


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.1.2.3", True), ("0.0.0.0", False), ("::", False),
     ("example.org", False)],
)  # fmt: skip
def test_is_loopback(host, expected):
    assert server.is_loopback(host) == expected


def test_a_port_in_use_is_an_error(command, weights):
    taken, url = server.listen("127.0.0.1", 0)
    with taken:
        port = url.rstrip("/").rpartition(":")[2]
        code, _, errors = command("demo", "--port", port, "--weights", weights)
    assert code == 1 and f"cannot listen on 127.0.0.1 port {port}" in errors


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_wrong_port_is_wrong_usage(command, port):
    code, _, errors = command("demo", f"--port={port}")
    assert code == 2 and "whole number from 0 to 65535" in errors


def test_a_server_for_others_warns(command, weights, animals, monkeypatch):
    monkeypatch.setattr(server, "serve", lambda app, listening, url: None)
    _, output, errors = command(
        "demo", "--host", "0.0.0.0", "--port", "0", "-q", "--weights", weights, "--folder", animals
    )
    assert "warning: everyone who can reach this computer at 0.0.0.0" in errors and "photos of the folder" in errors
    assert "21 photos" in output and "skdecaf demo is at http://0.0.0.0:" in output
    assert "warning" not in command("demo", "--port", "0", "-q", "--weights", weights)[2]


@pytest.mark.slow
def test_the_process_serves_until_it_is_interrupted_and_leaves_no_files(weights, animals, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary), "SKDECAF_HOME": str(tmp_path / "home")}
    options = ["--port", "0", "--weights", weights, "--folder", animals, "--memory", "none", "-q"]
    with skdecaf_process("demo", *options, env=environment) as process:
        lines = [process.stdout.readline() for _ in range(2)]
        url = re.search(r"http://\S+", lines[1])[0]
        assert post(f"{url}api/photos", photo_file(1))["thumbnail"]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert not list(temporary.iterdir()) and not (tmp_path / "home").exists()
