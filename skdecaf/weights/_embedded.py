"""The file of the network that ships with the package, which also holds the names of ImageNet's classes."""

# SPDX-License-Identifier: BSD-3-Clause
import json
from functools import cache
from pathlib import Path

from safetensors import safe_open

EMBEDDED_FILE = Path(__file__).with_name("decaf-mini.safetensors")


@cache
def imagenet_labels():
    """Pairs (identifier, name) of the thousand classes, in the order that Caffe, the ONNX zoo and torchvision share."""
    with safe_open(EMBEDDED_FILE, framework="numpy") as file:
        return tuple(tuple(label) for label in json.loads(file.metadata()["labels"]))
