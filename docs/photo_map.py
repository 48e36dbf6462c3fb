"""Draw docs/_static/photo_map.png, the picture of the README, from the photos of the gallery.

Usage, in the folder of the sources: python docs/photo_map.py
"""

# SPDX-License-Identifier: BSD-3-Clause
import io
from pathlib import Path

from PIL import Image

from skdecaf import DeCAFTransformer
from skdecaf.datasets import load_image_folder
from skdecaf.plotting import EmbeddingDisplay

ROOT = Path(__file__).resolve().parents[1]
N_COLORS = 128  # enough, and a third of the bytes

folder = load_image_folder(ROOT / "examples" / "photos")
labels = [folder.target_names[i] for i in folder.target]
display = EmbeddingDisplay.from_estimator(DeCAFTransformer(), folder.data, labels, random_state=0, thumbnails=True)
picture = io.BytesIO()
display.figure_.savefig(picture, format="png", dpi=100)
colors = Image.open(picture).convert("RGB").quantize(N_COLORS, dither=Image.Dither.NONE)
colors.save(ROOT / "docs" / "_static" / "photo_map.png", optimize=True)
