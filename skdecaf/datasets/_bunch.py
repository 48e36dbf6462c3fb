"""The Bunch that fetchers return."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
from sklearn.utils import Bunch

BOX_COLUMNS = ("x", "y", "width", "height")


def as_bunch(listing, description, *, return_X_y, as_frame):
    """Turn a listing into the return value of a fetcher.

    Parameters
    ----------
    listing : dict
        Result of `Dataset.read`. ``boxes`` of shape (n, 4) and ``sample_domain`` become columns of the frame. An
        optional ``data`` has features instead of photos, and ``feature_names`` their columns.
    description : str
    return_X_y, as_frame : bool
        Arguments of the fetchers.

    Returns
    -------
    Bunch, or tuple of (data, target)
    """
    filenames = np.array(listing["filenames"], dtype=object)
    target = np.array(listing["target"], dtype=np.int64)
    data, frame = listing.get("data", filenames), None
    if as_frame:
        frame = _frame(listing, filenames, target)
        data, target = frame.drop(columns=frame.columns.intersection(["sample_domain", "target"])), frame["target"]
    if return_X_y:
        return data, target
    names = list(listing["target_names"])
    fields = listing | {"data": data, "filenames": filenames, "target": target, "target_names": names}
    return Bunch(**fields, frame=frame, DESCR=description)


def _frame(listing, filenames, target):
    try:
        import pandas as pd
    except ImportError:
        raise ImportError("as_frame=True needs the package pandas; run pip install pandas") from None
    if "data" in listing:
        frame = pd.DataFrame(listing["data"], columns=listing["feature_names"])
    else:
        frame = pd.DataFrame({"filename": filenames})
    if "boxes" in listing:
        frame[list(BOX_COLUMNS)] = listing["boxes"]
    if "sample_domain" in listing:
        frame["sample_domain"] = listing["sample_domain"]
    return frame.assign(target=target)
