"""A network as a torch module, and back."""

# SPDX-License-Identifier: BSD-3-Clause
from collections import OrderedDict

from skdecaf._utils.extras import require
from skdecaf.weights import Convolution, FullyConnected
from skdecaf.weights._layers import layers_up_to, output_shape


def to_torch(network, *, until=None, batch_norm=False):
    """Convert a network to a torch module.

    Parameters
    ----------
    network : Network
    until : str, optional
        The blob that the module returns, such as ``"fc6"`` or ``"fc6_pre"`` (before its ReLU); by default the last.
    batch_norm : bool, default=False
        Whether a batch normalisation follows each convolution and fully connected layer but the last, for training
        from random weights. `from_torch` folds it into the weights.

    Returns
    -------
    torch.nn.Sequential
        In evaluation mode, in torch's "channels last" memory format. It reads a float tensor of shape (n, 3, height,
        width): resized and cropped photos, red, green and blue from 0 to 255. Its children have the names of the
        network's layers.

    Raises
    ------
    ImportError
        Without torch (``pip install "skdecaf[train]"``).
    ValueError
        If the network has no such blob.

    See Also
    --------
    from_torch : Convert the module back to a network.

    Examples
    --------
    >>> import torch
    >>> from skdecaf.training import to_torch
    >>> from skdecaf.weights import Network
    >>> module = to_torch(Network.random("mini", random_state=0), until="fc6")
    >>> size = module.network.preprocessing.crop
    >>> module(torch.zeros(2, 3, *size)).shape
    torch.Size([2, 2048])
    """
    torch = require("train", "to_torch")
    from skdecaf.training._torch_layers import NetworkModule, Normalization, module_of_layer

    nn, layers = torch.nn, layers_until(network, until)
    last = next((layer.name for layer in reversed(layers) if _has_weights(layer)), None)
    modules, shape = OrderedDict(normalization=Normalization(network)), network.input_shape
    for layer in layers:
        below, shape = shape, output_shape(layer, shape)
        if isinstance(layer, FullyConnected) and len(below) == 3:
            modules[f"{layer.name}_flatten"] = nn.Flatten()
        modules[layer.name] = module_of_layer(layer, below, network.arrays)
        if batch_norm and _has_weights(layer) and layer.name != last:
            modules[f"{layer.name}_batch_norm"] = (nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d)(shape[0])
    return NetworkModule(network, modules).eval().to(memory_format=torch.channels_last)


def from_torch(module):
    """Convert a module that `to_torch` made back to a network, with the weights that it has now.

    Parameters
    ----------
    module : torch.nn.Sequential
        Batch normalisations are folded into the weights before them, with their running mean and variance.

    Returns
    -------
    Network
        Layers, preprocessing and labels are those of the network that the module was made of. Layers beyond the
        module's last one keep their weights.

    Raises
    ------
    TypeError
        If the module is not one of `to_torch`.
    """
    torch = require("train", "from_torch")
    from skdecaf.training._torch_layers import NetworkModule, fold_batch_norm, to_numpy

    if not isinstance(module, NetworkModule):
        raise TypeError(f"from_torch takes a module that to_torch made, not {type(module).__name__}")
    network, arrays = module.network, dict(module.network.arrays)
    for name, child in module.named_children():
        if isinstance(child, torch.nn.Conv2d | torch.nn.Linear):
            folded = fold_batch_norm(child, getattr(module, f"{name}_batch_norm", None))
            arrays[f"{name}.weight"], arrays[f"{name}.bias"] = (to_numpy(tensor) for tensor in folded)
    return network.replace(arrays=arrays)


def _has_weights(layer):
    return isinstance(layer, Convolution | FullyConnected)


def layers_until(network, until):
    """The layers that a blob needs."""
    if until is None:
        return network.layers
    if until not in network.blob_shapes:
        raise ValueError(f"{network!r} has no blob {until!r}; it has {', '.join(network.blob_shapes)}")
    return layers_up_to(network.layers, until)
