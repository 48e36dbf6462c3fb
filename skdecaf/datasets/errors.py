"""Errors of the loaders of data sets."""

# SPDX-License-Identifier: BSD-3-Clause


class AbsentDataset(FileNotFoundError):
    """A data set, or a part with its own download, is missing.

    Parameters
    ----------
    message : str
        What is missing, and which files to place where.
    summary : str, optional
        What is missing, without advice; the whole message by default.
    """

    def __init__(self, message, summary=None):
        super().__init__(message)
        self.summary = message if summary is None else summary
