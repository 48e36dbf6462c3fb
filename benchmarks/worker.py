"""A process that answers calls: one request and one answer a line, in JSON.

Each engine has one, so that no two libraries share threads or memory, and waits there while others are timed.
"""

# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress

_MIN_SECONDS = 0.2  # of a round, so that short calls are measured over many


@contextmanager
def start_worker(environment=None):
    """Start a process that answers calls; it ends with the ``with`` statement.

    Parameters
    ----------
    environment : dict of str to str, optional
        Variables besides those of this process.

    Yields
    ------
    Worker
    """
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    # Python then finds the modules of this folder, and not those of the current one.
    variables = {**os.environ, "PYTHONSAFEPATH": "", **(environment or {})}
    with (
        tempfile.TemporaryFile("w+") as errors,  # a pipe that nobody reads might fill
        subprocess.Popen([sys.executable, __file__], stderr=errors, env=variables, **pipes) as process,
    ):
        try:
            yield Worker(process, errors)
        finally:
            process.kill()
            # What it did not read of a request cannot be delivered any more.
            with suppress(BrokenPipeError):
                process.stdin.close()


class Worker:
    """A process that answers calls, seen from outside."""

    def __init__(self, process, errors):
        self._process, self._errors = process, errors

    def call(self, function, /, **arguments):
        """Call a function of the process and wait for what it returns.

        Raises
        ------
        ChildProcessError
            Where it raised an error or ended; the message says why.
        """
        try:
            print(json.dumps({"call": function, "arguments": arguments}), file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self._errors.seek(0)
            lines = self._errors.read().strip().splitlines() or ["no message"]
            raise ChildProcessError(f"a process of the benchmark ended: {lines[-1]}")
        answer = json.loads(answer)
        if "error" in answer:
            raise ChildProcessError(answer["error"])
        return answer["result"]


class _Service:
    """What can be called in the process."""

    def __init__(self):
        self.engine = self.batch = None

    def prepare(self, name, task, threads, batch_size):
        """Make an engine ready for a batch size, and say which settings it has."""
        from engines import ENGINES

        self.engine = ENGINES[name](task, threads, batch_size)
        return self.engine.settings

    def compute(self, images, output):
        """Compute features of images in a file once, into another, and keep the images for `time_images`."""
        import numpy as np

        self.batch = self.engine.convert(np.load(images))
        np.save(output, self.engine.run(self.batch))

    def compute_files(self, files, output):
        """Compute features of photos once, into a file."""
        import numpy as np

        np.save(output, self.engine.compute_files(files))

    def time_images(self):
        """Seconds that one batch takes, by the clock and of all processors: the mean over a short round."""
        calls, start, cpu_start = 0, time.perf_counter(), time.process_time()
        while not calls or time.perf_counter() - start < _MIN_SECONDS:
            self.engine.run(self.batch)
            calls += 1
        return (time.perf_counter() - start) / calls, (time.process_time() - cpu_start) / calls

    def time_files(self, files):
        """Seconds that these photos take, by the clock and of all processors."""
        start, cpu_start = time.perf_counter(), time.process_time()
        self.engine.run_files(files)
        return time.perf_counter() - start, time.process_time() - cpu_start

    def time_layers(self, **arguments):
        """Times of the steps of the forward pass, with this process's instruction set."""
        from layers import time_layers

        return time_layers(**arguments)

    def transform_many(self, **arguments):
        """Memory of this process while photos are transformed."""
        from memory import transform_many

        return transform_many(**arguments)


def serve():
    """Answer the requests that come from the standard input, until it ends."""
    # Libraries may print; what they print goes to the standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    service = _Service()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": getattr(service, request["call"])(**request["arguments"])}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve()
