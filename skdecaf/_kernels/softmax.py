"""Scores to probabilities."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np


# pythran export softmax(float32[:,:] order(C), float32[:,:] order(C))
def softmax(scores, out):
    """Fill each row of out with exp(score) / sum of exp(scores), computed in float64 below the row's maximum."""
    n, classes = scores.shape
    for i in range(n):
        row = scores[i]
        target = out[i]
        largest = row[0]
        for c in range(classes):
            largest = max(largest, row[c])
        total = 0.0
        for c in range(classes):
            total += np.exp(np.float64(row[c]) - largest)
        for c in range(classes):
            target[c] = np.exp(np.float64(row[c]) - largest) / total
