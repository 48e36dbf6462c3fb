"""Pictures of Figure 4: what stands in them."""

# SPDX-License-Identifier: BSD-3-Clause
import re

import numpy as np
import pytest
from PIL import Image

from skdecaf._paper import PaperTable
from skdecaf._paper.plots import save_picture
from skdecaf._paper.table_2 import PaperParts
from skdecaf.parts import PhotoParts

NOTES = ("Network tiny, 64 photos of 2 classes.", f"A long note: {'word ' * 40}end.", "The small version.")


def table(name, rows):
    scores = 50 + np.arange(8.0).reshape(2, 2, 2)
    published = {(rows[0], "SVM"): (33.0, None)}
    return PaperTable(name, "Figure 4: a title", rows, ("LogReg", "SVM"), scores, published, NOTES)


@pytest.mark.parametrize(("name", "rows"), [("figure_4_left", ("a", "b")), ("figure_4_right", ("1", "30"))])
def test_pictures_have_the_title_and_all_notes(name, rows, tmp_path):
    png, svg = save_picture(table(name, rows), tmp_path)
    written = re.findall("<!-- (.*?) -->", svg.read_text(encoding="utf-8"), flags=re.DOTALL)  # texts drawn as outlines
    assert max(len(line) for text in written for line in text.splitlines()) <= 110
    for sentence in ("Figure 4: a title", *NOTES):
        assert sentence in " ".join(" ".join(written).split())
    with Image.open(png) as image:
        assert image.size == (1350, 900)


def test_the_picture_of_parts_has_their_names_and_crops(tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    found, missing = [(12, 12, 20, 9), (30, 20, 25, 25)], [[np.nan] * 4] * 2
    rows = [PhotoParts(photo, (10, 10, 50, 40), parts) for parts in (found, missing)]
    parts = PaperParts(**vars(table("table_2", ("a", "b"))), found=(rows[0],) * 3, annotated=(rows[1],) * 3,
                       part_names=("head", "body"))  # fmt: skip
    png, svg = save_picture(parts, tmp_path)
    text = svg.read_text(encoding="utf-8")
    assert all(f"<!-- {name} -->" in text for name in ("box", "head", "body"))
    with Image.open(png) as image:
        assert image.size == (1650, 1230)


def test_other_tables_have_no_picture(tmp_path):
    assert save_picture(table("table_1", ("a", "b")), tmp_path) == []
    assert list(tmp_path.iterdir()) == []
