"""The thousand classes of the ImageNet challenge, in the order that Caffe, ONNX's zoo and torchvision share."""

# SPDX-License-Identifier: BSD-3-Clause
import json
from functools import cache
from pathlib import Path

from safetensors import safe_open


@cache
def imagenet_labels():
    """Pairs (identifier, name) in ASCII order of the identifiers, from the network that ships with the package."""
    with safe_open(Path(__file__).with_name("decaf-mini.safetensors"), framework="numpy") as file:
        return tuple(tuple(label) for label in json.loads(file.metadata()["labels"]))


def usual_labels(n_classes):
    """ImageNet's labels where there are a thousand classes; other numbers, as after fine-tuning, have none."""
    return imagenet_labels() if n_classes == 1000 else ()
