# SPDX-License-Identifier: BSD-3-Clause
from ._fine_tuned_classifier import FineTunedClassifier
from ._from_scratch import train_network
from ._torch_modules import from_torch, to_torch

__all__ = ["FineTunedClassifier", "from_torch", "to_torch", "train_network"]
