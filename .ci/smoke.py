"""Check an installed wheel where nothing else is at hand: compiled kernels, the embedded network and the command.

Run it outside the folder of the sources.
"""

# SPDX-License-Identifier: BSD-3-Clause
import subprocess
import sys

from sklearn.datasets import load_sample_images

from skdecaf import DeCAFTransformer, ImageNetClassifier, _kernels

assert _kernels.supported(), "no kernels are compiled"
photos = load_sample_images().images
assert DeCAFTransformer().fit_transform(photos).shape == (2, 2048)
assert ImageNetClassifier().predict(photos).tolist() == ["n02825657", "n07734744"]
print(subprocess.run([sys.executable, "-m", "skdecaf", "info"], check=True, capture_output=True, text=True).stdout)
