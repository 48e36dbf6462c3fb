"""Office-31: photos, histograms and activations, in their layouts; which rows are source and which target."""

# SPDX-License-Identifier: BSD-3-Clause
import os
from collections import Counter

import numpy as np
import pytest
from dataset_archives import mat_bytes, photo_files, published, tar_bytes, write_files, zip_bytes

from skdecaf.datasets import _office31 as office31
from skdecaf.datasets import fetch_office31

COUNTS = {"back_pack": (4, 2, 3), "bike": (3, 1, 2), "ruler": (2, 1, 2)}
DOMAINS = ("amazon", "dslr", "webcam")
NUMBERS = {domain: {name: numbers[i] for name, numbers in COUNTS.items()} for i, domain in enumerate(DOMAINS)}
N_ROWS = {domain: sum(numbers.values()) for domain, numbers in NUMBERS.items()}
MISSING = ("amazon", "bike", 2)  # no histogram, as of some of the real photos


def photos(form):
    """Path -> bytes of all photos, from a form with {domain} and what `photo_files` fills in."""
    files = {}
    for domain, numbers in NUMBERS.items():
        files |= photo_files(numbers, form.replace("{domain}", domain))
    return files


def histogram(domain, name, i):
    return np.random.default_rng([DOMAINS.index(domain), len(name), i]).integers(0, 9, (1, 800)).astype(np.uint8)


def activations(domain, name, i):
    generator = np.random.default_rng([DOMAINS.index(domain), len(name), i])
    return {"fc7": generator.random((4096, 1), dtype=np.float32), "fc8": generator.random((1, 1000))}


def rows():
    return [(domain, name, i) for domain in DOMAINS for name, n in NUMBERS[domain].items() for i in range(1, n + 1)]


def surf_files():
    files = {}
    for domain, name, i in rows():
        start = f"{domain}/interest_points/{name}/"
        if (domain, name, i) != MISSING:
            counts = histogram(domain, name, i)
            files[f"{start}histogram_{i:04d}.SURF_SURF.amazon_800.SURF_SURF.mat"] = mat_bytes(
                {"histogram": counts, "x": np.arange(5.0)}
            )
        files[f"{start}histogram_{i:04d}.SURF_SURF.amazon_600.SURF_SURF.mat"] = mat_bytes({"histogram": np.ones(600)})
        files[f"{start}SURF_{i:04d}.SURF_SURF.mat"] = b"interest points"
        files[f"{start}words_{i:04d}.SURF_SURF.amazon_800.SURF_SURF.mat"] = b"words"
    return files


def decaf_files():
    return {
        f"{domain}/decaf-fts/{name}/frame_{i:04d}.mat": mat_bytes(activations(domain, name, i))
        for domain, name, i in rows()
    }


@pytest.fixture(autouse=True)
def small(local, monkeypatch):
    monkeypatch.setattr(office31, "_COUNTS", COUNTS)
    surf = N_ROWS | {"amazon": N_ROWS["amazon"] - 1}
    monkeypatch.setattr(office31, "_N_FEATURES", {"surf": surf, "decaf": N_ROWS})


def publish(monkeypatch, features, *sources):
    monkeypatch.setattr(office31, "_SOURCES", office31._SOURCES | {features: sources})


def check_photos(bunch, domains=DOMAINS):
    assert bunch.target_names == list(COUNTS)
    expected = [(domain, name, n) for domain in domains for name, n in NUMBERS[domain].items()]
    found = Counter()
    for path, target, domain in zip(bunch.filenames, bunch.target, bunch.sample_domain, strict=True):
        assert os.path.isfile(path) and os.path.basename(os.path.dirname(path)) == bunch.target_names[target]
        name = DOMAINS[abs(domain) - 1]
        assert f"/{name}/" in path
        found[name, bunch.target_names[target]] += 1
    assert [(domain, name, n) for (domain, name), n in found.items()] == expected
    assert bunch.target.dtype == bunch.sample_domain.dtype == np.int64 and bunch.data.dtype == object


def test_what_the_real_tables_sum_up_to(monkeypatch):
    monkeypatch.undo()
    counts = np.array(list(office31._COUNTS.values()))
    assert counts.shape == (31, 3) and counts.sum(axis=0).tolist() == [2817, 498, 795] and counts.min() == 7
    assert list(office31._COUNTS) == sorted(office31._COUNTS)
    of_ten = ["back_pack", "bike", "calculator", "headphones", "keyboard", "laptop_computer", "monitor", "mouse", "mug"]
    assert np.sum([office31._COUNTS[name] for name in [*of_ten, "projector"]], axis=0).tolist() == [958, 157, 295]


# Photos


@pytest.mark.parametrize(
    "form",
    [
        "{domain}/images/{{name}}/frame_{{i:04d}}.jpg",  # as in the archive
        "{domain}/{{name}}/frame_{{i:04d}}.jpg",
        "office31/{domain}/images/{{name}}/frame_{{i:04d}}.jpg",  # DomainBed
        "Office-31/{domain}/{{name}}/frame_{{i:04d}}.jpg",
        "office31/domain_adaptation_images/{domain}/images/{{name}}/frame_{{i:04d}}.jpg",
        "office31/extracted/OFFICE31/{domain}/{{name}}/frame_{{i:04d}}.jpg",  # ours
    ],
)
def test_layouts(form, tmp_path):
    write_files(tmp_path, photos(form.replace("{{", "{").replace("}}", "}")))
    check_photos(fetch_office31(data_home=tmp_path, download_if_missing=False))


FILES = photos("{domain}/images/{name}/frame_{i:04d}.jpg")


def test_the_first_source_that_can_be_had_is_taken(server, monkeypatch, tmp_path):
    gone = published(server, {"office31.tar.gz": b"gone"}, "missing")
    excuses = published(server, {"domain_adaptation_images.tar.gz": b"<html>Too many users"}, with_digest=False)
    top = {f"OFFICE31/{name}": content for name, content in FILES.items()}
    good = published(server, {"OFFICE31.zip": zip_bytes(top)}, with_digest=False)
    publish(monkeypatch, None, gone, excuses, good)
    for _ in range(2):
        check_photos(fetch_office31())
    assert [how for how, _ in server.requests] == ["missing", "good", "good"]
    assert (tmp_path / "home" / "datasets" / "office31" / "OFFICE31.zip.sha256").is_file()


@pytest.mark.parametrize("below", [".", "office31"])
def test_an_archive_by_hand(below, tmp_path, monkeypatch):
    write_files(tmp_path / below, {"domain_adaptation_images.tar.gz": tar_bytes(FILES)})
    check_photos(fetch_office31(data_home=tmp_path, download_if_missing=False))


def test_an_archive_that_lacks_photos_is_refused(tmp_path):
    fewer = {name: content for name, content in FILES.items() if "webcam/images/ruler/frame_0002" not in name}
    write_files(tmp_path, {"domain_adaptation_images.tar.gz": tar_bytes(fewer)})
    with pytest.raises(ValueError, match=r"holds 19 photos where Office-31 .* has 20 \(4 of 5 in ruler\)"):
        fetch_office31(data_home=tmp_path)
    with pytest.raises(FileNotFoundError):
        fetch_office31(data_home=tmp_path / "office31", download_if_missing=False)


def test_part_of_the_photos_is_listed_with_a_warning(tmp_path):
    write_files(tmp_path, {name: content for name, content in FILES.items() if "/bike/" not in name})
    with pytest.warns(UserWarning, match=r"\(0 of 6 in bike\)"):
        bunch = fetch_office31(data_home=tmp_path)
    assert bunch.target_names == list(COUNTS) and set(bunch.target) == {0, 2}


def test_files_that_are_not_named_as_photos_are_said_once(tmp_path):
    other = {"amazon/images/bike/frame_0009.NEF": b"", "dslr/images/ruler/frame_0009.NEF": b""}
    write_files(tmp_path, photos("{domain}/images/{name}/frame_{i:04d}.jpg") | other)
    with pytest.warns(UserWarning) as record:
        bunch = fetch_office31(data_home=tmp_path)
    assert len(bunch.data) == sum(N_ROWS.values()) and "ignored" not in bunch
    texts = [str(warning.message) for warning in record]
    assert texts == [f"skdecaf ignores files in '{tmp_path}' that it cannot read: 2 .NEF"]


def test_office_caltech10_is_another_data_set(tmp_path):
    write_files(tmp_path, {name.replace("back_pack", "backpack"): content for name, content in FILES.items()})
    with pytest.raises(FileNotFoundError, match=r"Office-31 \(amazon, dslr, webcam\) is not in .*office31'"):
        fetch_office31(data_home=tmp_path, download_if_missing=False)


# Domains


@pytest.mark.parametrize(
    ("parameters", "numbers"),
    [
        ({}, {"amazon": 1, "dslr": 2, "webcam": 3}),
        ({"source": "amazon", "target": "webcam"}, {"amazon": 1, "webcam": -3}),
        ({"target": "dslr"}, {"amazon": 1, "webcam": 3, "dslr": -2}),
        ({"source": ["webcam", "amazon"]}, {"webcam": 3, "amazon": 1}),
        ({"source": (), "target": ["webcam"]}, {"webcam": -3}),
    ],
)
def test_source_and_target(parameters, numbers, tmp_path):
    write_files(tmp_path, FILES)
    bunch = fetch_office31(data_home=tmp_path, **parameters)
    assert bunch.domain_names == numbers and list(bunch.domain_names) == list(numbers)
    assert list(dict.fromkeys(bunch.sample_domain.tolist())) == list(numbers.values())
    check_photos(bunch, list(numbers))


def test_only_the_domains_asked_for_have_to_be_there(tmp_path):
    write_files(tmp_path, {name: content for name, content in FILES.items() if not name.startswith("dslr")})
    check_photos(fetch_office31(source="amazon", target="webcam", data_home=tmp_path), ["amazon", "webcam"])
    with pytest.raises(FileNotFoundError):
        fetch_office31(data_home=tmp_path, download_if_missing=False)


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"source": "caltech"}, "there is no domain 'caltech'; the domains are amazon, dslr, webcam"),
        ({"source": "amazon", "target": "amazon"}, "the domain 'amazon' is chosen twice"),
        ({"source": ()}, "no domain is chosen; name one or more of amazon"),
        ({"features": "gist"}, "features='gist' is not one of None, 'surf' and 'decaf'"),
    ],
)
def test_what_cannot_be_asked_for(parameters, problem, tmp_path):
    with pytest.raises(ValueError, match=problem):
        fetch_office31(data_home=tmp_path, **parameters)


# Features


@pytest.mark.parametrize("top", ["", "domain_adaptation_features/"])
def test_histograms(top, server, monkeypatch):
    archive = tar_bytes({top + name: content for name, content in surf_files().items()})
    publish(monkeypatch, "surf", published(server, {"domain_adaptation_features_20110616.tar.gz": archive}))
    for _ in range(2):
        bunch = fetch_office31(source="amazon", target="webcam", features="surf")
    assert len(server.requests) == 1
    expected = [row for row in rows() if row[0] != "dslr" and row != MISSING]
    assert bunch.data.dtype == np.uint8
    np.testing.assert_array_equal(bunch.data, np.concatenate([histogram(*row) for row in expected]))
    assert [bunch.target_names[i] for i in bunch.target] == [name for _, name, _ in expected]
    assert [os.path.basename(path)[10:14] for path in bunch.filenames] == [f"{i:04d}" for _, _, i in expected]
    assert bunch.feature_names[::799] == ["surf_0000", "surf_0799"]


@pytest.mark.parametrize("place", ["domain_adaptation_decaf_features", "office31", ".", "office31/decaf"])
def test_activations_that_are_there(place, tmp_path):  # the first is skada's
    write_files(tmp_path / place, decaf_files())
    expected = [activations(*row) for row in rows()]
    for layer, blob in (("fc7", "fc7"), (7, "fc7"), ("fc8", "fc8")):
        bunch = fetch_office31(features="decaf", layer=layer, data_home=tmp_path, download_if_missing=False)
        np.testing.assert_array_equal(bunch.data, np.stack([one[blob].ravel() for one in expected]))
    with pytest.raises(ValueError, match=r"frame_0001.mat' has no variable 'fc6'; those that it has: 'fc7', 'fc8'"):
        fetch_office31(features="decaf", layer=6, data_home=tmp_path)


def test_features_that_are_broken_are_named(tmp_path):
    write_files(tmp_path, surf_files())
    name = "dslr/interest_points/ruler/histogram_0001.SURF_SURF.amazon_800.SURF_SURF.mat"
    for content, problem in [
        (mat_bytes({"histogram": np.ones(600)}), "has no 800 numbers in its variable 'histogram'"),
        (mat_bytes({"histogram": {"a": 1}}), "has no 800 numbers in its variable 'histogram'"),
        (b"", "cannot be read as a MATLAB file"),
    ]:
        write_files(tmp_path, {name: content})
        with pytest.raises(ValueError, match=rf"ruler/histogram_0001.*mat' {problem}"):
            fetch_office31(features="surf", data_home=tmp_path)


def test_features_that_are_missing(tmp_path):
    message = r"call fetch_office31\(data_home='.*', features='surf'\) with .*domain_adaptation_features_20110616.tar"
    with pytest.raises(FileNotFoundError, match=message):
        fetch_office31(features="surf", data_home=tmp_path, download_if_missing=False)


# What comes back


def test_frames(tmp_path):
    write_files(tmp_path, FILES | surf_files())
    bunch = fetch_office31(source="amazon", target="webcam", data_home=tmp_path, as_frame=True)
    assert list(bunch.frame.columns) == ["filename", "sample_domain", "target"]
    assert list(bunch.data.columns) == ["filename"] and bunch.data["filename"].tolist() == bunch.filenames.tolist()
    assert bunch.frame["sample_domain"].tolist() == bunch.sample_domain.tolist()
    surf = fetch_office31(source="amazon", features="surf", data_home=tmp_path, as_frame=True)
    assert list(surf.data.columns) == surf.feature_names and surf.data.to_numpy().dtype == np.uint8
    assert list(surf.frame.columns) == [*surf.feature_names, "sample_domain", "target"]
    X, y = fetch_office31(source="amazon", features="surf", data_home=tmp_path, return_X_y=True)
    np.testing.assert_array_equal(surf.data, X)
    np.testing.assert_array_equal(surf.target, y)
    assert "ECCV 2010" in bunch.DESCR
