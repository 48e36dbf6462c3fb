"""Train the embedded network on prepared photos: labels, a teacher's scores, and a teacher's features.

    python training/distill.py START DATA RUN --steps 25000

START is a network's file whose input has the size to train at (see `double_resolution.py`), and DATA the folder that
holds the sources of `prepare_photos.py`. Every few minutes, and on SIGTERM and Ctrl-C, the run is stored in RUN, and
the network with the average of the weights in RUN with the suffix ``.safetensors``. The same command resumes from
it, and ends with the same weights as a run that was never interrupted.
"""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
import signal
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from photo_sources import PhotoSource, Share, draw_batch
from torch import nn
from tqdm import tqdm

from skdecaf._utils.files import atomic_write
from skdecaf.training import from_torch, to_torch
from skdecaf.training._augmentation import center_crops
from skdecaf.weights import Network

# Photos of each source in a batch, the least area of a window, and the weight of the teacher beside the label.
SHARES = {"photos": (160, 0.4, 0.6), "tiny-imagenet": (64, 0.5, 0.3), "mini-imagenet": (32, 0.45, 0.3)}
N_TEACHER_FEATURES = 1280
FEATURE_WEIGHTS = {"relu6": 4.0, "relu7": 2.0}  # of the losses of the features that heads predict from fc6 and fc7
DROPOUT, LABEL_SMOOTHING, WEIGHT_DECAY, AVERAGE, FILTER_NORM = 0.2, 0.05, 5e-5, 0.999, 0.6
_HEAD_RATE = 0.1
_SAVE_SECONDS = 240


@dataclass(frozen=True)
class Schedule:
    """Learning rates: constant for the heads alone, then a warm-up, a constant rate, and a decay to zero at the end."""

    learning_rate: float
    n_steps: int
    n_head_steps: int = 150
    n_warm_up: int = 200
    n_decay: int = 1

    def rate(self, step):
        """The learning rate of a step."""
        if step < self.n_head_steps:
            return _HEAD_RATE
        warm_up = min(1.0, (step - self.n_head_steps + 1) / self.n_warm_up)
        decay = min(1.0, (self.n_steps - step) / max(1, self.n_decay))
        return self.learning_rate * warm_up * decay


class SpaceToDepthConvolution(nn.Conv2d):
    """A convolution on three channels with a stride, computed on blocks of pixels as channels.

    Torch is several times faster with many channels than with three. The weights are those of the convolution.
    """

    def forward(self, pixels):
        """Convolve a batch."""
        (stride, _), (kernel, _), (pad, _) = self.stride, self.kernel_size, self.padding
        reach = -(-kernel // stride)
        n_out = (pixels.shape[2] + 2 * pad - kernel) // stride + 1
        missing = (n_out - 1 + reach) * stride - pixels.shape[2] - pad
        padded = nn.functional.pad(pixels, (pad, missing, pad, missing))
        blocks = nn.functional.pixel_unshuffle(padded, stride).contiguous(memory_format=torch.channels_last)
        extra = reach * stride - kernel
        weight = nn.functional.pixel_unshuffle(nn.functional.pad(self.weight, (0, extra, 0, extra)), stride)
        return nn.functional.conv2d(blocks, weight, self.bias)


class Student(nn.Module):
    """A network with batch normalisation and dropout, and linear heads that predict the teacher's features.

    Parameters
    ----------
    network : Network
    """

    def __init__(self, network):
        super().__init__()
        self.module = to_torch(network, until="fc8", batch_norm=True)
        self.module.conv1.__class__ = SpaceToDepthConvolution
        widths = {"relu6": network.blob_shapes["fc6"][0], "relu7": network.blob_shapes["fc7"][0]}
        self.heads = nn.ModuleDict({name: nn.Linear(width, N_TEACHER_FEATURES) for name, width in widths.items()})

    def forward(self, pixels):
        """Scores of the classes, and the teacher's features as each head predicts them."""
        features, values = {}, pixels
        for name, layer in self.module.named_children():
            values = layer(values)
            if name in self.heads:
                features[name] = self.heads[name](values)
                values = nn.functional.dropout(values, DROPOUT, self.training)
        return values, features


@torch.no_grad()
def calibrate(module, pixels):
    """Give batch normalisations the statistics of photos and the factors that undo them, and filters a common norm.

    The module computes what it computed before. Without this, the first training step would normalise channels that
    were trained with other scales.

    Parameters
    ----------
    module : torch.nn.Sequential
        From `to_torch` with ``batch_norm=True``, of a network without batch normalisation.
    pixels : tensor of shape (n, 3, height, width)
    """
    values = pixels
    children = dict(module.eval().named_children())
    for name, layer in children.items():
        if name.endswith("_batch_norm"):
            continue  # the layer and its batch normalisation compute together what the layer computed before
        values = layer(values)
        if (batch_norm := children.get(f"{name}_batch_norm")) is not None:
            axes = [0, *range(2, values.ndim)]
            mean, variance = values.mean(axes), values.var(axes, unbiased=False)
            norms = layer.weight.flatten(1).norm(dim=1).clamp(min=1e-6) / FILTER_NORM
            layer.weight.div_(norms.reshape(-1, *[1] * (layer.weight.ndim - 1)))
            bias = layer.bias.clone()
            layer.bias.zero_()
            batch_norm.weight.copy_((variance + batch_norm.eps * norms**2).sqrt())
            batch_norm.bias.copy_(mean)
            batch_norm.running_mean.copy_((mean - bias) / norms)
            batch_norm.running_var.copy_(variance / norms**2)
    return module


class FeatureLoss:
    """One minus the cosine of predicted features and the teacher's, standardised over photos.

    Parameters
    ----------
    source : PhotoSource
    """

    def __init__(self, source):
        features = source.features[source.rows[:: max(1, len(source.rows) // 10_000)]].astype(np.float32)
        self.mean, self.scale = torch.from_numpy(features.mean(0)), torch.from_numpy(features.std(0) + 0.02)

    def __call__(self, predicted, batch):
        """The mean over the photos that the teacher saw."""
        wanted = (batch.features - self.mean) / self.scale
        losses = 1 - nn.functional.cosine_similarity(predicted.float(), wanted)
        return losses[batch.has_features].mean()


def score_loss(scores, batch):
    """Cross-entropy with the labels and with the teacher's probabilities."""
    to_labels = nn.functional.cross_entropy(
        scores, batch.labels.clamp(min=0), label_smoothing=LABEL_SMOOTHING, reduction="none"
    )
    to_teacher = nn.functional.cross_entropy(scores, batch.scores.softmax(1), reduction="none")
    return (batch.label_weights * to_labels + batch.teacher_weights * to_teacher).mean()


class Distillation:
    """One training run.

    Parameters
    ----------
    network : Network
    shares : list of Share
        Sources; the teacher saw the photos of the first.
    schedule : Schedule
    checkpoint : Path
    seed : int
    """

    def __init__(self, network, shares, schedule, checkpoint, seed=0):
        torch.manual_seed(seed)
        self.shares, self.schedule, self.checkpoint, self.seed = shares, schedule, checkpoint, seed
        self.size = network.preprocessing.crop
        self.student = Student(network).to(memory_format=torch.channels_last)
        calibrate(self.student.module, _calibration_pixels(shares[0].source, self.size))
        weights = [parameter for parameter in self.student.parameters() if parameter.ndim > 1]
        others = [parameter for parameter in self.student.parameters() if parameter.ndim <= 1]
        self.optimizer = torch.optim.SGD(
            [{"params": weights, "weight_decay": WEIGHT_DECAY}, {"params": others}], momentum=0.9, nesterov=True
        )
        self.average = torch.optim.swa_utils.AveragedModel(
            self.student.module, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE), use_buffers=True
        )
        self.feature_loss = FeatureLoss(shares[0].source)
        self.step, self.is_stopped = 0, False
        if checkpoint.exists():
            self._load()

    def run(self, verbose=True):
        """Train until the last step, or until `stop` is called."""
        saved, losses = time.monotonic(), deque(maxlen=100)
        with tqdm(total=self.schedule.n_steps, initial=self.step, unit="steps", disable=not verbose) as bar:
            while self.step < self.schedule.n_steps and not self.is_stopped:
                losses.append(self._train_batch())
                bar.set_postfix(loss=f"{np.mean(losses):.3f}", refresh=False)
                bar.update()
                if time.monotonic() - saved > _SAVE_SECONDS:
                    self._save()
                    saved = time.monotonic()
        self._save()

    def stop(self, *_):
        """End `run` after the current step; a handler of signals."""
        self.is_stopped = True

    def _train_batch(self):
        frozen = self.step < self.schedule.n_head_steps
        self.student.train(not frozen)
        self.student.module.requires_grad_(not frozen)
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(self.step)
        batch = draw_batch(self.shares, self.size, self.seed, self.step)
        with torch.autocast("cpu", torch.bfloat16):
            scores, predicted = self.student(batch.pixels.contiguous(memory_format=torch.channels_last))
        loss = sum(weight * self.feature_loss(predicted[name], batch) for name, weight in FEATURE_WEIGHTS.items())
        if not frozen:
            loss = loss + score_loss(scores.float(), batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        if not frozen:
            self.average.update_parameters(self.student.module)
        return loss.item()

    def _save(self):
        state = {name: getattr(self, name).state_dict() for name in ("student", "optimizer", "average")}
        with atomic_write(self.checkpoint) as temporary:
            torch.save({"step": self.step, **state}, temporary)
        from_torch(self.average.module).save(self.checkpoint.with_suffix(".safetensors"))

    def _load(self):
        state = torch.load(self.checkpoint, weights_only=True)
        for name in ("student", "optimizer", "average"):
            getattr(self, name).load_state_dict(state[name])
        self.step = state["step"]


def _calibration_pixels(source, size):
    rows = source.rows[:: max(1, len(source.rows) // 1000)]
    return center_crops(torch.from_numpy(source.pixels[rows]).permute(0, 3, 1, 2).float(), size)


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("start", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=25_000)
    parser.add_argument("--decay", type=int, help="steps at the end in which the rate falls to 0 (default: a third)")
    parser.add_argument("--learning-rate", type=float, default=0.015)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    n_decay = options.steps // 3 if options.decay is None else options.decay
    schedule = Schedule(options.learning_rate, options.steps, n_decay=n_decay)
    shares = [Share(PhotoSource(options.data / name), *values) for name, values in SHARES.items()]
    distillation = Distillation(Network.load(options.start), shares, schedule, options.run, options.seed)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, distillation.stop)
    distillation.run()


if __name__ == "__main__":
    main()
