"""Code of a user, which a type checker must accept; it is checked and not run."""

# SPDX-License-Identifier: BSD-3-Clause
import skdecaf
from skdecaf import (
    BoxCropper,
    DeCAFClassifier,
    DeCAFTransformer,
    DropoutClassifier,
    DropoutFeatures,
    FeatureCache,
    ImageNetClassifier,
    Network,
    datasets,
    domain_adaptation,
    images,
    model_selection,
    plotting,
    training,
    weights,
)

version: str = skdecaf.__version__
names: list[str] = skdecaf.__all__
transformer = DeCAFTransformer(layer=6, memory=FeatureCache("features"))
features = transformer.fit_transform(["a.jpg"])
classifiers = [
    DeCAFClassifier(),
    DropoutClassifier(DeCAFClassifier()),
    ImageNetClassifier(),
    training.FineTunedClassifier(),
]
others = [BoxCropper, DropoutFeatures, Network, domain_adaptation.CORAL, model_selection.DomainSelector]
functions = [datasets.load_image_folder, images.decode, plotting.EmbeddingDisplay, weights.read_network]
