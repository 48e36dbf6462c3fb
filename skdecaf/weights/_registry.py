"""The published weights: their addresses, digests and facts. Data only."""

# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import dataclass

from skdecaf._utils.download import PublishedFile


@dataclass(frozen=True)
class PublishedWeights:
    """Published weights.

    Parameters
    ----------
    description : str
        One line.
    architecture : str
        Key of `skdecaf.weights.ARCHITECTURES`, which also gives the preprocessing.
    licence : str
        As stated by the authors.
    file, mean_image : PublishedFile or None
        The weights, and the mean of the training photos if it is a separate file. Weights without a file are part of
        the package.
    citation : str
    top1, top5 : float or None
        Published accuracy of one centre crop on the validation photos of ILSVRC-2012, in percent.
    extra : str
        Extra of the installation that reading the file needs: ``pip install "skdecaf[<extra>]"``.
    labels : str
        Classes of the last layer: "ILSVRC-2012", in ASCII order of the identifiers, or "".
    notes : str
        What else to know before you use them.
    """

    description: str
    architecture: str
    licence: str
    file: PublishedFile | None = None
    mean_image: PublishedFile | None = None
    citation: str = ""
    top1: float | None = None
    top5: float | None = None
    extra: str = ""
    labels: str = "ILSVRC-2012"
    notes: str = ""


_CAFFE = "http://dl.caffe.berkeleyvision.org"
_ZOO = "https://huggingface.co/onnxmodelzoo"
_ZOO_FOLDER = f"{_ZOO}/legacy_models/resolve/main/validated/vision/classification"

_KRIZHEVSKY_2012 = (
    "Krizhevsky, Sutskever, Hinton: ImageNet classification with deep convolutional neural networks, NIPS 2012"
)
_JIA_2014 = "Jia et al.: Caffe: Convolutional architecture for fast feature embedding, ACM Multimedia 2014"

_MEAN_IMAGE = PublishedFile(
    "ilsvrc_2012_mean.npy",
    (
        "https://raw.githubusercontent.com/BVLC/caffe/master/python/caffe/imagenet/ilsvrc_2012_mean.npy",
        "https://github.com/BVLC/caffe/raw/master/python/caffe/imagenet/ilsvrc_2012_mean.npy",
    ),
    "sha256:97eefba7e046ee097121ad18564329636d2f9c153b748c7313653cae8594a149",
    1_572_944,
)

WEIGHTS = {
    "mini": PublishedWeights(
        "A small network that ships with skdecaf",
        "mini",
        "BSD-3-Clause",
        notes="Trained for this package, on photos that are licensed for research.",
    ),
    "random": PublishedWeights(
        "CaffeNet with random filters, as in footnote 7 of the paper",
        "caffenet",
        "none needed",
        labels="",
        notes="random_state seeds the filters.",
    ),
    "alexnet-compressed": PublishedWeights(
        "AlexNet pruned and quantised to 8.9 MB",
        "alexnet",
        "BSD-2-Clause",
        PublishedFile(
            "AlexNet_compressed.net",
            (
                "https://raw.githubusercontent.com/songhan/Deep-Compression-AlexNet/master/AlexNet_compressed.net",
                "https://github.com/songhan/Deep-Compression-AlexNet/raw/master/AlexNet_compressed.net",
            ),
            "git-sha1:ea0d14e98edfbcbfba995003c94d7259fa23b6cc",
        ),
        citation=(
            "Han, Mao, Dally: Deep compression: Compressing deep neural networks with pruning, trained quantization "
            "and Huffman coding, ICLR 2016"
        ),
        top1=57.074,
        top5=80.254,
        notes="Subtracts the mean pixel. The first to try if you can download files.",
    ),
    "caffenet": PublishedWeights(
        "BVLC Reference CaffeNet, DeCAF's successor by the same authors",
        "caffenet",
        "unrestricted use",
        PublishedFile(
            "bvlc_reference_caffenet.caffemodel",
            (f"{_CAFFE}/bvlc_reference_caffenet.caffemodel",),
            "sha256:472d4a06035497b180636d8a82667129960371375bd10fcb6df5c6c7631f25e0",
            243_862_418,
        ),
        _MEAN_IMAGE,
        citation=_JIA_2014,
        top1=57.4,
        top5=80.4,
        extra="caffe",
        notes="The closest to the paper's network. Its only host is often unreachable.",
    ),
    "alexnet": PublishedWeights(
        "BVLC AlexNet: normalisation before pooling, as in the paper of 2012",
        "alexnet",
        "unrestricted use",
        PublishedFile(
            "bvlc_alexnet.caffemodel",
            (
                f"{_CAFFE}/bvlc_alexnet.caffemodel",
                "https://nvidia.box.com/shared/static/5j264j7mky11q8emy4q14w3r8hl5v6zh.caffemodel",
                "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com"
                "/caffe/models/bvlc_alexnet/bvlc_alexnet.caffemodel",
            ),
            "sha256:4bff209a9837298157915ef50a4831a59636a6ca1a6b8ebacd990c3a5f3053e0",
            243_862_414,
        ),
        _MEAN_IMAGE,
        citation=f"{_KRIZHEVSKY_2012}; {_JIA_2014}",
        top1=57.1,
        top5=80.2,
        extra="caffe",
        notes="Trained without colour augmentation, and with initial biases of 0.1.",
    ),
    "torchvision": PublishedWeights(
        "torchvision's AlexNet, one tower",
        "torchvision_alexnet",
        "BSD-3-Clause",
        PublishedFile(
            "alexnet-owt-7be5be79.pth",
            ("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",),
            "sha256:7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            244_408_911,
        ),
        citation="Krizhevsky: One weird trick for parallelizing convolutional neural networks, arXiv:1404.5997, 2014",
        top1=56.522,
        top5=79.066,
        extra="torch",
        notes="A different architecture: no groups, no normalisation.",
    ),
    "caffenet-onnx": PublishedWeights(
        "CaffeNet from the ONNX model zoo",
        "caffenet",
        "BSD-3-Clause",
        PublishedFile(
            "caffenet-12.onnx",
            (f"{_ZOO_FOLDER}/caffenet/model/caffenet-12.onnx", f"{_ZOO}/caffenet-12/resolve/main/caffenet-12.onnx"),
            "sha256:ea563e5c47d1f58e1717cf1a2d8bf288b8adc07af0ad228b622096cd243aeecb",
            243_863_798,
        ),
        citation=_JIA_2014,
        top1=56.27,
        top5=79.52,
        extra="onnx",
        notes="The accuracy is that of the zoo's graph for 224 pixels. Here the weights run in CaffeNet's own "
        "architecture for 227 pixels, with the mean pixel subtracted.",
    ),
    "alexnet-onnx": PublishedWeights(
        "BVLC AlexNet from the ONNX model zoo",
        "alexnet",
        "BSD-3-Clause",
        PublishedFile(
            "bvlcalexnet-12.onnx",
            (
                f"{_ZOO_FOLDER}/alexnet/model/bvlcalexnet-12.onnx",
                f"{_ZOO}/bvlcalexnet-12/resolve/main/bvlcalexnet-12.onnx",
            ),
            "sha256:6b0da9510f27f234ee96a85dc3809dd210150fdefad87f6850f9788513216945",
            243_863_787,
        ),
        citation=f"{_KRIZHEVSKY_2012}; {_JIA_2014}",
        top1=54.80,
        top5=78.23,
        extra="onnx",
        notes="The accuracy is that of the zoo's graph for 224 pixels. Here the weights run in AlexNet's own "
        "architecture for 227 pixels, with the mean pixel subtracted.",
    ),
}
