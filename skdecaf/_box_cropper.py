"""Crops from columns of photos and boxes, as a scikit-learn transformer."""

# SPDX-License-Identifier: BSD-3-Clause
from numbers import Real

import numpy as np
from sklearn.base import TransformerMixin, _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_feature_names_in, validate_data

from skdecaf._utils.documented import DocumentedEstimator
from skdecaf.images import Crop, describe


class BoxCropper(TransformerMixin, DocumentedEstimator):
    """Crop photos around boxes, as a step before `DeCAFTransformer`.

    This step decodes nothing: the next step cuts the crops out when it reads the photos.

    Parameters
    ----------
    scale : float, default=1.5
        Width and height of a crop relative to its box, with the same centre. A crop ends where the photo ends.
    columns : sequence of five names, default=None
        Columns of a data frame with photo, x, y, width and height. None uses the five columns of X in that order.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if `fit` saw a data frame with names.

    Raises
    ------
    ValueError
        If a box is not made of finite numbers, has no area, or lies left of the photo or above it; the message names
        the row. A box beyond the right or bottom edge is found when the photo is decoded, and is then a bad image for
        the parameter ``on_error`` of `DeCAFTransformer`.

    See Also
    --------
    skdecaf.images.Crop : The elements of the output.
    skdecaf.datasets.fetch_cub200 : Photos of birds with boxes; ``as_frame=True`` has these columns.

    Notes
    -----
    x and y are the upper left corner of the box, counted from 0 in pixels of the photo, turned upright by its EXIF
    orientation. With the centre cx, the crop starts at column int(cx - scale * width / 2 + 1/2), but not before 0, and
    ends before column int(cx + scale * width / 2 + 1/2), but not after the photo's width - 1; likewise for rows. This
    is the rule of the original DeCAF release for Table 2 (Section 4.3 of the paper), which uses 1.5 times the box.
    `DeCAFTransformer` warps crops that are not square.

    `transform` works without `fit`, because there is nothing to learn.

    Examples
    --------
    >>> import numpy as np
    >>> from skdecaf import BoxCropper
    >>> rows = [["bird.jpg", 40, 20, 100, 60]]
    >>> BoxCropper().fit_transform(rows)
    array([Crop(photo='bird.jpg', box=(15.0, 5.0, 165.0, 95.0))], dtype=object)
    """

    _parameter_constraints = {
        "scale": [Interval(Real, 0, None, closed="neither")],
        "columns": ["array-like", None],
    }

    def __init__(self, scale=1.5, *, columns=None):
        self.scale = scale
        self.columns = columns

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Check the columns and store their names.

        Parameters
        ----------
        X : data frame, array or list of rows
            With columns for photo, x, y, width and height.
        y : ignored

        Returns
        -------
        self
        """
        self._rows(X)
        validate_data(self, X, reset=True, skip_check_array=True)
        return self

    def transform(self, X):
        """Make crops.

        Parameters
        ----------
        X : data frame, array or list of rows
            With columns for photo, x, y, width and height.

        Returns
        -------
        ndarray of shape (n_rows,), dtype object
            A `skdecaf.images.Crop` for each row.
        """
        self._validate_params()  # fit is optional
        if hasattr(self, "n_features_in_"):
            validate_data(self, X, reset=False, skip_check_array=True)
        rows = self._rows(X)
        crops = np.empty(len(rows), dtype=object)
        for i, (photo, *box) in enumerate(rows):
            try:
                crops[i] = Crop(photo, self._scaled(*map(float, box)))
            except (TypeError, ValueError) as error:
                name = f" ({described})" if (described := describe(photo)) else ""
                raise ValueError(
                    f"row {i}{name}: x, y, width and height {', '.join(map(str, box))} are not a box in a photo: "
                    f"{error}"
                ) from None
        return crops

    def get_feature_names_out(self, input_features=None):
        """Return the name of the only column, ``"crop"``.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns that `fit` saw, checked if it saw any; otherwise ignored.

        Returns
        -------
        ndarray of str objects
        """
        _check_feature_names_in(self, input_features, generate_names=False)
        return np.array(["crop"], dtype=object)

    def _rows(self, X):
        """Tuples of photo, x, y, width and height."""
        if self.columns is not None:
            return _named_columns(X, list(self.columns))
        X = np.asarray(X, dtype=object) if hasattr(X, "columns") else X
        rows = [(row,) if isinstance(row, str) else tuple(row) for row in X]
        if not rows and isinstance(X, (list, tuple)):  # an array or frame without rows still has columns
            raise ValueError("X has no rows")
        wrong = next((row for row in rows if len(row) != 5), None)
        if wrong is not None:
            raise ValueError(
                f"X has {len(wrong)} columns instead of five for photo, x, y, width and height; select these, or name "
                "them in the parameter columns"
            )
        return rows

    def _scaled(self, x, y, width, height):
        """Edges (left, top, right, bottom) of the box, scaled about its centre."""
        if not (width > 0 and height > 0):
            raise ValueError("it has no area")
        x_centre, y_centre = x + width / 2, y + height / 2
        x_offset, y_offset = width * self.scale / 2, height * self.scale / 2
        return x_centre - x_offset, y_centre - y_offset, x_centre + x_offset, y_centre + y_offset

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.requires_fit = False
        return tags


def _named_columns(X, names):
    if len(names) != 5:
        raise ValueError(f"columns must name five, for photo, x, y, width and height; got {names}")
    if not hasattr(X, "columns"):
        raise ValueError(f"columns={names} names columns of a data frame, but X is a {type(X).__name__}")
    missing = [name for name in names if name not in X.columns]
    if missing:
        raise ValueError(f"X has no column {missing[0]!r}; its columns are {', '.join(map(str, X.columns))}")
    return list(zip(*(list(X[name]) for name in names), strict=True))
