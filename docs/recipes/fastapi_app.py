"""FastAPI: requests that arrive together are computed together; a bad photo spoils only its own request."""

# SPDX-License-Identifier: BSD-3-Clause
import asyncio
from contextlib import asynccontextmanager, suppress

import numpy as np
from fastapi import FastAPI, HTTPException, Request
from sklearn.linear_model import LogisticRegression

from skdecaf import DeCAFTransformer, DropoutFeatures, datasets

photos = datasets.load_image_folder("photos")
transformer = DeCAFTransformer(dropout=False, on_error="nan").fit(photos.filenames)
scale = DropoutFeatures()
features = scale.fit_transform(transformer.transform(photos.filenames))
classifier = LogisticRegression().fit(features, np.array(photos.target_names)[photos.target])
requests = asyncio.Queue()


def predict(contents):
    """Label photos; None for one that cannot be read."""
    features = transformer.transform(contents)
    good = ~np.isnan(features).any(axis=1)
    labels = np.full(len(contents), None)
    if good.any():
        labels[good] = classifier.predict(scale.transform(features[good]))
    return labels


async def serve_batches():
    """Take the requests that wait or come within 2 ms, up to 64, and answer them."""
    while True:
        batch = [await requests.get()]
        with suppress(TimeoutError):
            async with asyncio.timeout(0.002):
                while len(batch) < 64:
                    batch.append(await requests.get())
        contents, answers = zip(*batch, strict=True)
        try:
            results = await asyncio.to_thread(predict, list(contents))
        except Exception as error:
            results = [error] * len(batch)
        for answer, result in zip(answers, results, strict=True):
            if not answer.cancelled():
                answer.set_result(result)


@asynccontextmanager
async def lifespan(app):
    """Serve batches as long as the application runs."""
    task = asyncio.create_task(serve_batches())
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


@app.post("/label")
async def label(request: Request):
    """Label the photo in the body of a request."""
    answer = asyncio.get_running_loop().create_future()
    await requests.put((await request.body(), answer))
    result = await answer
    if result is None:
        raise HTTPException(422, "the photo cannot be read")
    if isinstance(result, Exception):
        raise HTTPException(500, "the photo could not be labelled")
    return {"label": str(result)}
