"""From scikit-learn's X to images, and from images to the activations of a network."""

# SPDX-License-Identifier: BSD-3-Clause
