"""The addresses of the server, and what they answer."""

# SPDX-License-Identifier: BSD-3-Clause
import asyncio
import json
from functools import partial
from importlib import resources

import sklearn.datasets
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from skdecaf.cli._demo.computing import MAX_MEGAPIXELS, check_photo, thumbnail_of_file
from skdecaf.cli._demo.guards import Guard, RateLimit
from skdecaf.cli._demo.storing import Store
from skdecaf.images import ImageError

_MEGABYTES_OF_A_PHOTO = 20
_MAX_PHOTOS = 500
_BYTES_OF_PHOTOS = 512 * 2**20
_MAX_MODELS, _BYTES_OF_MODELS = 8, 64 * 2**20
_MAX_CLASSES = 20
_LONGEST_NAME = 60
_BYTES_OF_JSON = 64 * 2**10
_SECONDS_TO_UPLOAD = 60
_UPLOADS_AT_ONCE = 8
_COMPUTING_AT_ONCE = 2
_N_SIMILAR = 12
# In tokens of the rate limit.
_COSTS = {"/api/explain": 4, "/api/occlusion": 20, "/api/search": 2, "/api/predict": 2, "/api/train": 60}
_KINDS = {"page.html": "text/html", "demo.css": "text/css", "demo.js": "text/javascript"}


def make_app(computer, folder=None, host="127.0.0.1", rate_limit=None):
    """Make the application.

    Parameters
    ----------
    computer : Computer
    folder : PhotoFolder or None
        The photos to search.
    host : str
        The address that the server listens on.
    rate_limit : RateLimit, optional

    Returns
    -------
    Starlette
    """
    demo = _Demo(computer, folder)
    routes = [
        Route("/", partial(_send_file, "page.html")),
        Route("/demo.css", partial(_send_file, "demo.css")),
        Route("/demo.js", partial(_send_file, "demo.js")),
        Route("/api/about", demo.about),
        Route("/api/sample", demo.sample),
        Route("/api/photos", demo.add_photo, methods=["POST"]),
        Route("/api/explain", demo.explain, methods=["POST"]),
        Route("/api/occlusion", demo.occlusion, methods=["POST"]),
        Route("/api/search", demo.search, methods=["POST"]),
        Route("/api/thumbnails/{index:int}", demo.thumbnail),
        Route("/api/train", demo.train, methods=["POST"]),
        Route("/api/predict", demo.predict, methods=["POST"]),
        Route("/api/models/{key}/classifier.skops", demo.model),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, host=host, costs=_COSTS, rate_limit=rate_limit or RateLimit())],
        exception_handlers={
            HTTPException: _answer_refusal,
            ValueError: _answer_wrong_value,
            ClientDisconnect: _answer_nobody,
        },
    )


class _Demo:
    """Handlers of requests, and the photos and models that they use."""

    def __init__(self, computer, folder):
        self._computer, self._folder = computer, folder
        self._photos = Store(_MAX_PHOTOS, _BYTES_OF_PHOTOS)
        self._models = Store(_MAX_MODELS, _BYTES_OF_MODELS)
        self._uploads, self._computing = asyncio.Semaphore(_UPLOADS_AT_ONCE), asyncio.Semaphore(_COMPUTING_AT_ONCE)

    async def about(self, request):
        """Describe the network, the folder and the limits."""
        network, folder = self._computer.network, self._folder
        return JSONResponse(
            {
                "network": network.name or "your network",
                "input": " × ".join(map(str, network.input_shape[1:])),
                "names_classes": bool(network.labels),
                "n_photos": len(folder.photos) if folder else None,
                "megabytes": _MEGABYTES_OF_A_PHOTO,
                "megapixels": MAX_MEGAPIXELS,
                "most_photos": _MAX_PHOTOS,
                "most_classes": _MAX_CLASSES,
                "longest_name": _LONGEST_NAME,
            }
        )

    async def sample(self, request):
        """One of scikit-learn's photos."""
        contents = (resources.files(sklearn.datasets) / "images" / "china.jpg").read_bytes()
        return Response(contents, media_type="image/jpeg")

    async def add_photo(self, request):
        """Store the contents of a file; return its key and a thumbnail."""
        async with self._uploads:
            contents = await _read_body(request, _MEGABYTES_OF_A_PHOTO * 2**20)
            if not contents:
                raise HTTPException(422, "the file is empty")
            thumbnail = await self._compute(check_photo, contents)
        return JSONResponse({"photo": self._photos.put(contents, len(contents)), "thumbnail": thumbnail})

    async def explain(self, request):
        """Classes, maps and times of a photo."""
        photo = self._photo(await _read_json(request))
        return JSONResponse(await self._compute(self._computer.explain, photo))

    async def occlusion(self, request):
        """Which parts of a photo matter, for ImageNet's classes or for a trained model."""
        asked = await _read_json(request)
        classifier = self._model(asked)[0] if "model" in asked else None
        if classifier is None and not self._computer.network.labels:
            raise HTTPException(422, "this network names no classes")
        return JSONResponse(await self._compute(self._computer.occlusion, self._photo(asked), classifier))

    async def search(self, request):
        """The photos of the folder that are most similar to a photo."""
        photo = self._photo(await _read_json(request))
        if self._folder is None:
            raise HTTPException(404, "no folder to search; start skdecaf demo with --folder FOLDER")
        found = await self._compute(self._computer.search, self._folder, photo, _N_SIMILAR)
        similar = [{"index": i, "name": self._folder.names[i], "distance": distance} for i, distance in found]
        return JSONResponse({"similar": similar})

    async def thumbnail(self, request):
        """A small version of a photo of the folder, by its number: no path is sent or accepted."""
        index = request.path_params["index"]
        if self._folder is None or index >= len(self._folder.photos):
            raise HTTPException(404, "there is no such photo")
        try:
            contents = await self._compute(thumbnail_of_file, self._folder.photos[index])
        except ImageError:  # it names the whole path
            raise HTTPException(404, "this photo can no longer be read") from None
        return Response(contents, media_type="image/jpeg")

    async def train(self, request):
        """Train on photos under the names of their classes; return the accuracy and the key of the model."""
        classes = _check_classes(await _read_json(request))
        pairs = [(self._find(self._photos, key, "photo"), name) for name, keys in classes.items() for key in keys]
        classifier, contents, result = await self._compute(self._computer.train, *map(list, zip(*pairs, strict=True)))
        return JSONResponse({"model": self._models.put((classifier, contents), len(contents)), **result})

    async def predict(self, request):
        """The classes that a trained model predicts for a photo."""
        asked = await _read_json(request)
        classifier, photo = self._model(asked)[0], self._photo(asked)
        return JSONResponse({"classes": await self._compute(self._computer.predict, classifier, photo)})

    async def model(self, request):
        """The skops file of a trained model."""
        contents = self._model({"model": request.path_params["key"]})[1]
        headers = {"Content-Disposition": 'attachment; filename="classifier.skops"'}
        return Response(contents, media_type="application/octet-stream", headers=headers)

    async def _compute(self, function, *arguments):
        """Run a function in a thread, a few at a time."""
        async with self._computing:
            return await asyncio.to_thread(function, *arguments)

    def _photo(self, asked):
        return self._find(self._photos, asked.get("photo"), "photo")

    def _model(self, asked):
        return self._find(self._models, asked.get("model"), "model")

    def _find(self, store, key, kind):
        try:
            return store.get(key)
        except (KeyError, TypeError):
            again = "train again" if kind == "model" else "add it again"
            raise HTTPException(410, f"this {kind} is no longer in memory; {again}") from None


async def _send_file(name, request):
    return Response((resources.files("skdecaf.cli._demo") / name).read_bytes(), media_type=_KINDS[name])


async def _read_body(request, max_bytes):
    """The body, unless it is too large or takes too long to arrive."""
    too_large = HTTPException(413, f"the file has more than {max_bytes // 2**20} MB")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > max_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(_SECONDS_TO_UPLOAD):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise too_large
    except TimeoutError:
        raise HTTPException(408, "the file took too long to arrive") from None
    return bytes(body)


async def _read_json(request):
    """The body as a dict."""
    try:
        asked = json.loads(await _read_body(request, _BYTES_OF_JSON))
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise HTTPException(422, "the request is not a JSON object")
    return asked


def _check_classes(asked):
    """Names of classes and the keys of their photos."""
    classes = {}
    for one in asked.get("classes") if isinstance(asked.get("classes"), list) else ():
        name, photos = (one.get("name"), one.get("photos")) if isinstance(one, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(photos, list):
            raise HTTPException(422, "a class needs a name and a list of photos")
        name = name.strip()
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise HTTPException(422, f"the name of a class has 1 to {_LONGEST_NAME} printable characters")
        if name in classes:
            raise HTTPException(422, f"two classes have the name {name}")
        if not photos:
            raise HTTPException(422, f"the class {name} has no photos")
        classes[name] = photos
    if not 2 <= len(classes) <= _MAX_CLASSES:
        raise HTTPException(422, f"give 2 to {_MAX_CLASSES} classes")
    if sum(map(len, classes.values())) > _MAX_PHOTOS:
        raise HTTPException(422, f"give at most {_MAX_PHOTOS} photos")
    return classes


async def _answer_refusal(request, error):
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _answer_wrong_value(request, error):
    return JSONResponse({"error": " ".join(str(error).split())}, 422)


async def _answer_nobody(request, error):
    return Response(status_code=400)  # nobody reads it
