"""The tables and figures of the paper as functions of photos and a network."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf._paper.figure_4 import figure_4_left, figure_4_right
from skdecaf._paper.fine_tuning import fine_tuning
from skdecaf._paper.ilsvrc import imagenet_errors
from skdecaf._paper.reproduction import (
    BEYOND_THE_PAPER,
    SUBJECTS,
    MissingPhotos,
    WrongClasses,
    reproduce,
    select_classes,
)
from skdecaf._paper.results import PaperTable
from skdecaf._paper.surf_benchmarks import surf_benchmarks
from skdecaf._paper.table_1 import table_1
from skdecaf._paper.table_2 import table_2
from skdecaf._paper.table_3 import table_3

__all__ = [
    "BEYOND_THE_PAPER",
    "SUBJECTS",
    "MissingPhotos",
    "PaperTable",
    "WrongClasses",
    "figure_4_left",
    "figure_4_right",
    "fine_tuning",
    "imagenet_errors",
    "reproduce",
    "select_classes",
    "surf_benchmarks",
    "table_1",
    "table_2",
    "table_3",
]
