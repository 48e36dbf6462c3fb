"""What the command line does with files: find photos, extract features, train and label, write outputs."""

# SPDX-License-Identifier: BSD-3-Clause
