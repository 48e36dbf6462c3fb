# SPDX-License-Identifier: BSD-3-Clause
from ._boxes import BIRD_PARTS, box_overlap, correct_parts, key_point_boxes
from ._detections import read_detections, write_detections
from ._part_detector import PartDetector
from ._part_pooler import PartPooler
from ._photo_parts import PhotoParts, photo_parts

__all__ = [
    "BIRD_PARTS",
    "PartDetector",
    "PartPooler",
    "PhotoParts",
    "box_overlap",
    "correct_parts",
    "key_point_boxes",
    "photo_parts",
    "read_detections",
    "write_detections",
]
