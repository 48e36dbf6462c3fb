"""Local descriptors of photos, by OpenCV: on a dense grid, or at interest points."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np

from skdecaf._utils.extras import require

# SIFT has four bins in each direction, each of which is one and a half times the size of its key point.
_WIDTH_PER_SIZE = 6


def opencv(purpose):
    """OpenCV, or an error that names its extra."""
    return require("baselines", purpose)


def dense_sift(grey, step, patch):
    """SIFT descriptors of upright square patches on a grid.

    Parameters
    ----------
    grey : uint8 ndarray of shape (height, width)
        A photo that is narrower than a patch is continued with its border pixels.
    step : int
        Distance of the patches in pixels.
    patch : int
        Side of a patch in pixels.

    Returns
    -------
    places : float32 ndarray of shape (n, 2)
        Row and column of each patch's centre, divided by the photo's sides.
    descriptors : float32 ndarray of shape (n, 128)
        Of length 1, or 0 where a patch has one colour.
    """
    cv2 = opencv("dense SIFT")
    missing = [max(0, patch - side) for side in grey.shape]
    grey = np.pad(grey, [(n // 2, n - n // 2) for n in missing], mode="edge")
    starts = [np.arange((side - patch) % step // 2, side - patch + 1, step) for side in grey.shape]
    rows, columns = (axis.ravel() + patch / 2 for axis in np.meshgrid(*starts, indexing="ij"))
    # Pixels of OpenCV have their centres at whole numbers.
    points = [cv2.KeyPoint(x - 0.5, y - 0.5, patch / _WIDTH_PER_SIZE, 0) for y, x in zip(rows, columns, strict=True)]
    _, descriptors = cv2.SIFT_create(nOctaveLayers=1).compute(np.ascontiguousarray(grey), points)
    lengths = np.linalg.norm(descriptors, axis=1, keepdims=True)
    places = np.column_stack([rows / grey.shape[0], columns / grey.shape[1]]).astype(np.float32)
    return places, descriptors / np.where(lengths > 0, lengths, 1)


def interest_points(grey, kind):
    """Descriptors at interest points, SIFT of length 1 or the bits of ORB.

    Parameters
    ----------
    grey : uint8 ndarray of shape (height, width)
    kind : {"sift", "orb"}

    Returns
    -------
    float32 ndarray of shape (n, 128 or 256)
        n may be 0.
    """
    cv2 = opencv(f"descriptor={kind!r}")
    detector = cv2.SIFT_create() if kind == "sift" else cv2.ORB_create()
    _, descriptors = detector.detectAndCompute(np.ascontiguousarray(grey), None)
    if descriptors is None:
        return np.zeros((0, 128 if kind == "sift" else 256), np.float32)
    if kind == "orb":
        return np.unpackbits(descriptors, axis=1).astype(np.float32)
    return descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
