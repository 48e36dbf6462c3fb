"""Stochastic gradient descent on photos: schedules, averages of weights, early stopping, checkpoints."""

# SPDX-License-Identifier: BSD-3-Clause
import copy
import hashlib
import math
import os
import time
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from skdecaf._utils.extras import require
from skdecaf._utils.files import atomic_write
from skdecaf._utils.progress import progress_bar
from skdecaf.training._augmentation import center_crops, mirror_half, random_colors, random_crops
from skdecaf.training._classification_layer import check_scores
from skdecaf.training._torch_modules import from_torch, to_torch

torch = require("train", "training a network")

SCHEDULES = {
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: (1 + math.cos(math.pi * progress)) / 2,
    "step": lambda progress: 0.1 ** int(3 * progress),
}
AUGMENTATIONS = ("crop", "mirror", "color")

_CHECKPOINT_SECONDS = 60
_BATCH_NORM_MOMENTUM = 0.1


@dataclass(frozen=True)
class Options:
    """How to train; the parameters of `train_network` and `FineTunedClassifier` of these names."""

    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    weight_decay: float
    schedule: str
    label_smoothing: float
    augmentation: tuple
    smallest_area: float
    average: float | None
    n_iter_no_change: int | None = None
    mixing: float = 1.0


def train(
    network, photos, targets, sample_weight, options, rates, seed,
    *, batch_norm=False, validation=None, checkpoint=None, n_threads=1, verbose=False,
):  # fmt: skip
    """Train a network, on the first GPU if torch finds one.

    Parameters
    ----------
    network : Network
        Where to start.
    batch_norm : bool
        Whether batch normalisations are added in training.
    n_threads : int
        Of torch on the CPU.
    verbose : bool
        Whether to show a progress bar.
    photos, targets, sample_weight, options, rates, seed, validation, checkpoint
        See `Training`.

    Returns
    -------
    network : Network
    history : list of dict
    """
    _check_options(options)
    module = to_torch(network, until=check_scores(network), batch_norm=batch_norm)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    training = Training(
        module, photos, targets, sample_weight, options, rates, seed, validation, checkpoint, device
    )  # fmt: skip
    total = options.epochs * training.n_batches
    with limited_threads(n_threads), progress_bar(total, verbose, unit="batches", name="training") as bar:

        def show(training):
            bar.update()
            if verbose:
                bar.set_postfix(epoch=training.epoch + 1, loss=f"{training.loss:.3f}")

        history = training.run(after_batch=show)
    if checkpoint is not None and os.path.exists(checkpoint):
        os.unlink(checkpoint)
    return from_torch(module.cpu()), history


@contextmanager
def limited_threads(n_threads):
    """Limit torch to `n_threads` threads, and restore the former number afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Training:
    """One run of stochastic gradient descent.

    Parameters
    ----------
    module : torch.nn.Sequential
        From `to_torch`, until the scores of the classes. It is trained in place.
    photos : ndarray of shape (n, height, width, 3), uint8
        Photos as resized, before the crop.
    targets : ndarray of shape (n, n_classes), float32
        Probabilities of the classes.
    sample_weight : ndarray of shape (n,), float32
    options : Options
    rates : dict of str to float
        Factor of the learning rate of each layer that is trained. Layers before the first of these stay as they are.
    seed : int
    validation : tuple of ndarray, or None
        Photos and targets. The weights with the highest accuracy on them are kept, those of the start or of an epoch;
        among equals, those with the lowest loss.
    checkpoint : str, path or None
        File in which the run is stored every minute, and from which it resumes.
    device : str
    """

    def __init__(
        self, module, photos, targets, sample_weight, options, rates, seed, validation, checkpoint, device
    ):  # fmt: skip
        self.module, self.options, self.device, self.checkpoint = module.to(device), options, device, checkpoint
        self.photos, self.targets, self.sample_weight = map(torch.from_numpy, (photos, targets, sample_weight))
        self.validation = validation and tuple(map(torch.from_numpy, validation))
        children = OrderedDict(module.named_children())
        first = min(list(children).index(name) for name in rates)
        self.frozen = torch.nn.Sequential(OrderedDict(list(children.items())[:first]))
        self.trained = torch.nn.Sequential(OrderedDict(list(children.items())[first:]))
        self.optimizer = torch.optim.SGD(
            list(_parameter_groups(children, rates, options)), momentum=options.momentum, nesterov=options.momentum > 0
        )
        self.start = [parameter.detach().clone() for parameter in self.trained.parameters() if options.mixing < 1]
        self.averaged = options.average and torch.optim.swa_utils.AveragedModel(
            self.trained,
            multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(options.average),
            use_buffers=True,
        )
        self.batch_norms = [
            child for child in children.values() if isinstance(child, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d)
        ]
        self.seed, self.epoch, self.batch, self.order = seed, 0, 0, None
        self.total_loss, self.history, self.best = 0.0, [], None
        self.fingerprint = self._digest() if checkpoint else None

    def run(self, after_batch=lambda training: None):
        """Train until the last epoch, or until the accuracy on the validation photos no longer rises.

        Parameters
        ----------
        after_batch : callable
            Called with this object after each batch.

        Returns
        -------
        list of dict
            "loss" of each epoch, and "accuracy" on the validation photos where there are any.
        """
        devices = [self.device] if self.device != "cpu" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(self.seed)
            self._resume()
            if self.validation and self.best is None:
                self._validate()
            while self.epoch < self.options.epochs and not self._has_converged():
                self._run_epoch(after_batch)
                self._save()
        self._keep_best_weights()
        self.module.eval()
        return self.history

    def scores(self, photos):
        """Scores of the classes, of the centres of photos.

        Parameters
        ----------
        photos : tensor of shape (n, height, width, 3), uint8

        Returns
        -------
        tensor of shape (n, n_classes), float32
        """
        trained = self._result().eval()
        self.frozen.eval()
        size = self.module.network.preprocessing.crop
        with torch.inference_mode():
            batches = photos.split(self.options.batch_size)
            return torch.cat([trained(self.frozen(center_crops(self._pixels(batch), size))).cpu() for batch in batches])

    @property
    def n_batches(self):
        """Number of full batches in an epoch, at least 1."""
        return max(1, len(self.photos) // self.options.batch_size)

    def _run_epoch(self, after_batch):
        if self.order is None:
            self.order, self.batch, self.total_loss = torch.randperm(len(self.photos)), 0, 0.0
        batches = self.order.tensor_split(self.n_batches)
        self.frozen.eval()
        self.trained.train()
        saved = time.monotonic()
        while self.batch < len(batches):
            self.loss = self._step(batches[self.batch])
            self.total_loss += self.loss
            self.batch += 1
            after_batch(self)
            if time.monotonic() - saved > _CHECKPOINT_SECONDS:
                self._save()
                saved = time.monotonic()
        self.history.append({"loss": self.total_loss / len(batches)})
        self.epoch, self.order = self.epoch + 1, None
        if self.validation:
            self.history[-1]["accuracy"] = self._validate()

    def _step(self, rows):
        n_steps = self.epoch * self.n_batches + self.batch
        progress = n_steps / (self.options.epochs * self.n_batches)
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_rate"] * SCHEDULES[self.options.schedule](progress)
        for batch_norm in self.batch_norms:
            # The plain mean of the first batches: an exponential average would remember its start, 0 and 1, for long.
            batch_norm.momentum = max(_BATCH_NORM_MOMENTUM, 1 / (n_steps + 1))
        with torch.no_grad():
            inputs = self.frozen(self._augmented(self._pixels(self.photos[rows])))
        losses = torch.nn.functional.cross_entropy(
            self.trained(inputs),
            self.targets[rows].to(self.device),
            reduction="none",
            label_smoothing=self.options.label_smoothing,
        )
        loss = (losses * self.sample_weight[rows].to(self.device)).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        if self.averaged:
            self.averaged.update_parameters(self.trained)
        return loss.item()

    def _pixels(self, photos):
        return photos.to(self.device).permute(0, 3, 1, 2).float()

    def _augmented(self, photos):
        size, chosen = self.module.network.preprocessing.crop, self.options.augmentation
        if "crop" in chosen:
            photos = random_crops(photos, size, self.options.smallest_area)
        else:
            photos = center_crops(photos, size)
        photos = mirror_half(photos) if "mirror" in chosen else photos
        photos = random_colors(photos) if "color" in chosen else photos
        return photos.contiguous(memory_format=torch.channels_last)

    def _validate(self):
        """Compute the accuracy on the validation photos, and store the weights if they are the best so far."""
        photos, targets = self.validation
        scores = self.scores(photos)
        accuracy = (scores.argmax(1) == targets.argmax(1)).float().mean().item()
        quality = accuracy, -torch.nn.functional.cross_entropy(scores, targets).item()
        if self.best is None or quality > self.best["quality"]:
            self.best = {"quality": quality, "weights": copy.deepcopy(self._result().state_dict())}
        return accuracy

    def _has_converged(self):
        patience = self.options.n_iter_no_change
        if not self.validation or patience is None or not self.history:
            return False
        accuracies = [each["accuracy"] for each in self.history]
        return self.epoch - 1 - accuracies.index(max(accuracies)) >= patience

    def _result(self):
        """The trained layers with the weights that would be returned now."""
        if self.averaged:
            return self.averaged.module
        if self.options.mixing == 1:
            return self.trained
        mixed = copy.deepcopy(self.trained)
        with torch.no_grad():
            for parameter, first in zip(mixed.parameters(), self.start, strict=True):
                parameter.lerp_(first, 1 - self.options.mixing)
        return mixed

    def _keep_best_weights(self):
        self.trained.load_state_dict(self.best["weights"] if self.best else self._result().state_dict())

    def _digest(self):
        """Digest of everything that determines the result; a checkpoint with another digest is refused."""
        digest = hashlib.sha256(repr((self.module.network.fingerprint, self.seed, asdict(self.options))).encode())
        for tensor in (self.photos, self.targets, self.sample_weight, *(self.validation or ())):
            digest.update(tensor.numpy())
        return digest.hexdigest()

    def _save(self):
        if self.checkpoint is None:
            return
        state = {
            "fingerprint": self.fingerprint,
            "trained": self.trained.state_dict(),
            "averaged": self.averaged.state_dict() if self.averaged else None,
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            **{name: getattr(self, name) for name in ("epoch", "batch", "order", "total_loss", "history", "best")},
        }
        with atomic_write(self.checkpoint) as temporary:
            torch.save(state, temporary)

    def _resume(self):
        if self.checkpoint is None or not os.path.exists(self.checkpoint):
            return
        state = torch.load(self.checkpoint, weights_only=True)
        if not isinstance(state, dict) or state.get("fingerprint") != self.fingerprint:
            raise ValueError(
                f"the checkpoint {str(self.checkpoint)!r} belongs to a training with other photos, labels or "
                "parameters; give another path, or remove it"
            )
        self.trained.load_state_dict(state["trained"])
        if self.averaged:
            self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        for name in ("epoch", "batch", "order", "total_loss", "history", "best"):
            setattr(self, name, state[name])


def _check_options(options):
    if options.schedule not in SCHEDULES:
        raise ValueError(f"schedule must be one of {', '.join(map(repr, SCHEDULES))}, not {options.schedule!r}")
    for name in options.augmentation:
        if name not in AUGMENTATIONS:
            raise ValueError(f"augmentation must hold some of {', '.join(map(repr, AUGMENTATIONS))}, not {name!r}")
    for name in ("epochs", "batch_size"):
        if getattr(options, name) < 1:
            raise ValueError(f"{name} must be at least 1, not {getattr(options, name)}")


def _parameter_groups(children, rates, options):
    """Weights with decay, and biases and batch normalisations without, with the rate of their layer."""
    for name, factor in rates.items():
        members = [children[name], children.get(f"{name}_batch_norm")]
        parameters = [parameter for member in members if member for parameter in member.parameters()]
        for decay in (True, False):
            chosen = [parameter for parameter in parameters if (parameter.ndim > 1) == decay]
            rate = options.learning_rate * factor
            yield {
                "params": chosen, "lr": rate, "full_rate": rate, "weight_decay": options.weight_decay * decay,
            }  # fmt: skip
