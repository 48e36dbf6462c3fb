"""Every table and figure of the paper as a function of photos and a network."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.paper.figure_4 import figure_4_left, figure_4_right
from skdecaf.paper.ilsvrc import imagenet_errors
from skdecaf.paper.reproduction import MissingPhotos, reproduce, select_classes
from skdecaf.paper.results import PaperTable
from skdecaf.paper.table_1 import table_1
from skdecaf.paper.table_2 import table_2
from skdecaf.paper.table_3 import table_3

__all__ = [
    "MissingPhotos",
    "PaperTable",
    "figure_4_left",
    "figure_4_right",
    "imagenet_errors",
    "reproduce",
    "select_classes",
    "table_1",
    "table_2",
    "table_3",
]
