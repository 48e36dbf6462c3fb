"""Contact sheets: HTML files that contain small versions of photos."""

# SPDX-License-Identifier: BSD-3-Clause
from base64 import b64encode
from html import escape
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from skdecaf._inputs.sources import load_image
from skdecaf._utils.files import atomic_write
from skdecaf._utils.progress import progress_bar
from skdecaf.cli._photos import PhotoFiles, printable

_SIDE = 160  # pixels of the longer side of a thumbnail
_QUALITY = 80
_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 13px sans-serif; margin: 16px }}
section {{ display: flex; flex-wrap: wrap; gap: 12px; padding: 12px 0; border-top: 1px solid #ccc }}
figure {{ margin: 0; width: {side}px }}
figcaption {{ overflow-wrap: anywhere }}
</style>
</head>
<body>
<h1>{title}</h1>
"""


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
    n_photos = sum(map(len, rows))
    with (
        atomic_write(path) as temporary,
        open(temporary, "w", encoding="utf-8") as file,
        progress_bar(n_photos, verbose, name="thumbnails") as bar,
    ):
        file.write(_HEAD.format(title=escape(title), side=_SIDE))
        for row in rows:
            file.write("<section>\n")
            for photo, caption in row:
                file.write(_figure(photo, caption, value_range))
                bar.update()
            file.write("</section>\n")
        file.write("</body>\n</html>\n")


def _figure(photo, caption, value_range):
    name, address = escape(printable(photo)), escape(Path(photo).absolute().as_uri())
    source = f"data:image/jpeg;base64,{b64encode(_thumbnail(photo, value_range)).decode()}"
    return (
        f'<figure><a href="{address}"><img src="{source}" alt=""></a>'
        f"<figcaption>{name}<br>{escape(caption)}</figcaption></figure>\n"
    )


def _thumbnail(photo, value_range):
    """The contents of a small JPEG file."""
    pixels = load_image(PhotoFiles([photo]), 0, value_range, _SIDE).pixels
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    image.thumbnail((_SIDE, _SIDE))
    contents = BytesIO()
    image.save(contents, "JPEG", quality=_QUALITY)
    return contents.getvalue()
