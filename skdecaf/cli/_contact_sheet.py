"""Contact sheets: web pages of rows of photos."""

# SPDX-License-Identifier: BSD-3-Clause
from pathlib import Path

from skdecaf._utils.progress import progress_bar
from skdecaf.cli._web_page import figure, thumbnail, write_page


def write_contact_sheet(path, title, rows, value_range, verbose):
    """Write photos and captions to an HTML file, atomically.

    Parameters
    ----------
    path : str
    title : str
    rows : list of list of (str, str)
        Photos and their captions; each list is a row of the sheet.
    value_range : tuple of two floats, or None
        Values of black and white, for photos whose type does not define them.
    verbose : bool
        Whether to show a progress bar.
    """
    with progress_bar(sum(map(len, rows)), verbose, name="thumbnails") as bar:
        write_page(path, title, _sections(rows, value_range, bar))


def _sections(rows, value_range, bar):
    for row in rows:
        yield "<section>\n"
        for photo, caption in row:
            address = Path(photo).absolute().as_uri()
            yield figure(thumbnail(photo, value_range), photo, caption, address=address)
            bar.update()
        yield "</section>\n"
