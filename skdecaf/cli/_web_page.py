"""Web pages of photos and tables, each complete in one file."""

# SPDX-License-Identifier: BSD-3-Clause
from base64 import b64encode
from html import escape
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image

from skdecaf._inputs.sources import load_image
from skdecaf._utils.files import atomic_write
from skdecaf.cli._photos import PhotoFiles, printable

_SIDE = 160  # pixels of the longer side of a thumbnail
_QUALITY = 80
_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 14px/1.4 sans-serif; margin: 16px; overflow-wrap: anywhere }}
section {{ display: flex; flex-wrap: wrap; gap: 12px; padding: 12px 0; border-top: 1px solid #8888 }}
figure {{ margin: 0; width: {side}px }}
figure img {{ max-width: 100% }}
.table {{ overflow-x: auto }}
table {{ border-collapse: collapse; overflow-wrap: normal }}
caption {{ text-align: left }}
th, td {{ padding: 2px 8px; border: 1px solid #8888; text-align: right }}
th[scope=row] {{ text-align: left; font-weight: normal }}
.matrix th[scope=col] {{ writing-mode: vertical-rl; font-weight: normal; padding: 8px 2px; text-align: left }}
.right {{ background: rgb(40 120 240 / calc(var(--share) * 60%)) }}
.wrong {{ background: rgb(240 110 20 / calc(var(--share) * 90%)) }}
</style>
</head>
<body>
<h1>{title}</h1>
"""


def write_page(path, title, parts):
    """Write a web page, atomically.

    Parameters
    ----------
    path : str
    title : str
    parts : iterable of str
        HTML.
    """
    with atomic_write(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(_HEAD.format(title=as_text(title), side=_SIDE))
        file.writelines(parts)
        file.write("</body>\n</html>\n")


def as_text(name):
    """HTML that shows a name as it is: characters that are invisible, or change the order of others, become escapes."""
    shown = (each if each.isprintable() else each.encode("unicode_escape").decode() for each in printable(name))
    return escape("".join(shown))


def figure(contents, *captions, address=None):
    """A thumbnail above lines of text.

    Parameters
    ----------
    contents : bytes or None
        From `thumbnail`.
    captions : str
    address : str, optional
        What the thumbnail links to.

    Returns
    -------
    str
        HTML.
    """
    image = f'<img src="data:image/jpeg;base64,{b64encode(contents).decode()}" alt="">' if contents else ""
    image = f'<a href="{escape(address)}">{image}</a>' if address else image
    return f"<figure>{image}<figcaption>{'<br>'.join(map(as_text, captions))}</figcaption></figure>\n"


def thumbnail(photo, value_range):
    """The contents of a small JPEG file.

    Parameters
    ----------
    photo : str
    value_range : tuple of two floats, or None
        Values of black and white, for photos whose type does not define them.

    Returns
    -------
    bytes

    Raises
    ------
    ImageError
        If the photo cannot be read.
    """
    pixels = load_image(PhotoFiles([photo]), 0, value_range, _SIDE).pixels
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    image.thumbnail((_SIDE, _SIDE))
    contents = BytesIO()
    image.save(contents, "JPEG", quality=_QUALITY)
    return contents.getvalue()


class Cell(NamedTuple):
    """A cell of a table that a CSS class colours in proportion to a share."""

    text: str
    kind: str
    share: float


def table(caption, columns, rows, kind=""):
    """A table that scrolls on narrow screens.

    Parameters
    ----------
    caption : str
    columns : list of str
        Names of all columns; the first has the names of the rows.
    rows : iterable of list of (str or Cell)
    kind : str
        CSS class.

    Returns
    -------
    str
        HTML.
    """
    names = "".join(f'<th scope="col">{as_text(name)}</th>' for name in columns)
    lines = [f'<tr><th scope="row">{as_text(name)}</th>{"".join(map(_cell, cells))}</tr>\n' for name, *cells in rows]
    return (
        f'<div class="table" tabindex="0" role="region" aria-label="{as_text(caption)}">\n<table class="{kind}">\n'
        f"<caption>{as_text(caption)}</caption>\n<thead><tr>{names}</tr></thead>\n"
        f"<tbody>\n{''.join(lines)}</tbody>\n</table>\n</div>\n"
    )


def _cell(value):
    if isinstance(value, Cell):
        return f'<td class="{value.kind}" style="--share:{value.share:.2f}">{as_text(value.text)}</td>'
    return f"<td>{as_text(value)}</td>"
