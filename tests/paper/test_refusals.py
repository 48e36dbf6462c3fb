"""What the tables and figures refuse before they read a photo: here none of the photos is there."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from sklearn.utils import Bunch

from skdecaf._paper import figure_4_left, figure_4_right, imagenet_errors, table_1, table_2, table_3

FUNCTIONS = (figure_4_left, figure_4_right, table_1, table_2, table_3, imagenet_errors)


def listing(**counts):
    """Photos that are not there; so many of each class, where the names are in no order."""
    target = np.repeat(np.arange(len(counts)), list(counts.values()))
    return Bunch(data=[f"absent_{i}.jpg" for i in range(len(target))], target=target, target_names=list(counts))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_no_bunch(function):
    with pytest.raises(TypeError, match="must be a Bunch, as from .*datasets; this list has no data, target"):
        function(["a.jpg"])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fields = dict.fromkeys(("target_names", "boxes", "splits", "sample_domain", "domain_names"), ("some",))
        function(Bunch(data=["a.jpg", "b.jpg"], target=[0], **fields))


@pytest.mark.parametrize(
    ("function", "missing"),
    [(table_1, "sample_domain, domain_names"), (table_2, "boxes, splits"), (table_3, "splits")],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_missing_fields_are_named(function, missing):
    photos = listing(newt=9, ant=9)
    for dataset in (photos, Bunch(**photos, splits=[])):
        with pytest.raises(TypeError, match=f"this Bunch has no {missing}$"):
            function(dataset)


def test_figure_4_names_the_class_that_is_too_small():
    photos = listing(newt=40, ant=12, crab=31)
    message = r"needs 31 samples, 30 for training and at least 1 .* 1 of 3 have fewer: 'ant' \(12\); leave these"
    for function in (figure_4_left, figure_4_right):
        with pytest.raises(ValueError, match=message):
            function(photos)


def test_numbers_stand_for_classes_without_names():
    photos = listing(newt=40, ant=12)
    with pytest.raises(ValueError, match=r"1 of 2 have fewer: 1 \(12\)"):
        figure_4_left(Bunch(data=photos.data, target=photos.target))


@pytest.mark.parametrize("n_validation", [0, 4])
def test_validation_leaves_photos_to_train_on(n_validation):
    with pytest.raises(ValueError, match=f"n_validation must be from 1 to n_train - 1, which is 3; got {n_validation}"):
        figure_4_left(listing(newt=9, ant=9), n_train=4, n_validation=n_validation)


def test_table_1_names_classes_and_domains():
    photos = listing(newt=40, ant=40)
    domains = np.array([1] * 30 + [-2] * 10 + [1] * 37 + [-2] * 3)  # of ant no photo is left to test on
    office = Bunch(**photos, sample_domain=domains, domain_names={"amazon": 1, "webcam": -2})
    with pytest.raises(ValueError, match=r"no sample of the target is left for testing in 'ant' \(3\)"):
        table_1(office, pairs=[("amazon", "webcam")])
    with pytest.raises(ValueError, match="there is no domain 'dslr'; the domains are amazon, webcam"):
        table_1(office)


def test_table_2_names_the_class_that_is_not_trained_on():
    birds = Bunch(**listing(wren=4, auk=4), boxes=np.ones((8, 4)), splits=[(np.arange(4), np.arange(4, 8))])
    with pytest.raises(ValueError, match="no training photo is of 'auk'; leave these classes out"):
        table_2(birds)


def test_table_3_names_the_class_that_is_too_small():
    train, test = np.r_[0:18, 20:25], np.r_[18:20, 25:30]
    scenes = Bunch(**listing(field=20, abbey=10), splits=[(train, test)])
    with pytest.raises(ValueError, match=r"1 for training and 8 for testing, .*: 'abbey' \(5\); leave these"):
        table_3(scenes)


@pytest.mark.parametrize("function", [figure_4_left, figure_4_right], ids=lambda function: function.__name__)
def test_one_class_is_too_few(function):
    with pytest.raises(ValueError, match="at least two classes; got 'ant'"):
        function(listing(ant=40))
