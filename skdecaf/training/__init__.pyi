# SPDX-License-Identifier: BSD-3-Clause
from .fine_tuned_classifier import FineTunedClassifier
from .from_scratch import train_network
from .torch_modules import from_torch, to_torch

__all__ = ["FineTunedClassifier", "from_torch", "to_torch", "train_network"]
