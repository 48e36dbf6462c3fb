"""A DeCAFTransformer that records how many threads it uses in the workers of an engine, and may kill one of them."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import signal
from pathlib import Path

import skdecaf
from skdecaf._utils.threads import resolve_n_jobs

MAIN, FOLDER, KILL = "SKDECAF_TEST_MAIN", "SKDECAF_TEST_FOLDER", "SKDECAF_TEST_KILL"
KILLED = "killed"  # a file that shows that a worker was killed


class DeCAFTransformer(skdecaf.DeCAFTransformer):
    """Looks at the process before it computes rows; each call in a worker leaves a file with its number of threads."""

    def fit_transform(self, X, y=None):
        self._watch()
        return super().fit_transform(X, y)

    def transform(self, X):
        self._watch()
        return super().transform(X)

    def _watch(self):
        if os.getpid() == int(os.environ[MAIN]):
            return
        number = len(list(Path(os.environ[FOLDER]).iterdir()))
        while True:  # two workers may count at once
            try:
                with open(f"{os.environ[FOLDER]}/{number}", "x") as file:
                    file.write(str(resolve_n_jobs(self.n_jobs)))
                break
            except FileExistsError:
                number += 1
        if number == 1 and os.environ.get(KILL):
            Path(os.environ[FOLDER], KILLED).touch()
            os.kill(os.getpid(), signal.SIGKILL)
