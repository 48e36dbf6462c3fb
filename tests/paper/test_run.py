"""How cells are shared out to processes, and what is shown meanwhile."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import re
from importlib import import_module

import numpy as np
import pytest
from small_photos import write_photos
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer
from skdecaf._paper.run import Run


@pytest.mark.parametrize("n_jobs", [2, -1])
def test_there_are_no_more_processes_than_cells(n_jobs):
    assert Run("mini", None, n_jobs, False).map(os.getpid, (), [{}]) == [os.getpid()]
    assert Run("mini", None, n_jobs, False).map(os.getpid, (), []) == []


@pytest.mark.parametrize("damage", ["", "{", "[]", "\xff"])
def test_a_damaged_cell_is_computed_again(damage, tmp_path):
    for _ in range(2):
        assert Run("mini", tmp_path, 1, False).map(os.getpid, (), [{}]) == [os.getpid()]
        [cell] = (tmp_path / "cells").iterdir()
        cell.write_text(damage, encoding="latin-1")


def test_table_3_shows_one_bar_for_all_photos(tmp_path, monkeypatch, capsys):
    table_3 = import_module("skdecaf._paper.table_3")
    monkeypatch.setattr(table_3, "_N_PHOTOS", 4)
    network, photos = tiny_network(), np.array(write_photos(tmp_path), dtype=object)
    found = table_3._sparse_features(Run(network, None, 1, True), photos, (6, 7))
    shown = capsys.readouterr().err
    assert set(re.findall(r"/(\d+) \[", shown)) == {"9"} and "9/9 [" in shown
    for layer in (6, 7):
        expected = DeCAFTransformer(layer, dropout=False, weights=network).fit_transform(photos)
        np.testing.assert_array_equal(found[layer].toarray(), expected)
    table_3._sparse_features(Run(network, None, 1, False), photos, (6,))
    assert capsys.readouterr().err == ""
