"""Office-Caltech10: photos, and tables of features, among them the real ones with which published figures come out."""

# SPDX-License-Identifier: BSD-3-Clause
import os

import numpy as np
import pytest
from dataset_archives import mat_bytes, photo_files, published, tar_bytes, write_files
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize, scale

from skdecaf.datasets import _office_caltech10 as office_caltech10
from skdecaf.datasets import fetch_office_caltech10

DOMAINS = ("amazon", "caltech10", "dslr", "webcam")
COUNTS = {"backpack": (3, 4, 1, 2), "laptop": (2, 3, 2, 1), "mug": (1, 2, 1, 3)}
LABELS = {domain: np.repeat([1, 2, 3], [numbers[i] for numbers in COUNTS.values()]) for i, domain in enumerate(DOMAINS)}
# In the order amazon, caltech10, dslr, webcam, what 1-NN trained on all rows of the first says of the second:
# jindongwang's benchmark of transfer learning, SURF, in %.
PUBLISHED = {
    ("caltech10", "amazon"): 23.7, ("caltech10", "webcam"): 25.8, ("caltech10", "dslr"): 25.5,
    ("amazon", "caltech10"): 26.0, ("amazon", "webcam"): 29.8, ("amazon", "dslr"): 25.5,
    ("webcam", "caltech10"): 19.9, ("webcam", "amazon"): 23.0, ("webcam", "dslr"): 59.2,
    ("dslr", "caltech10"): 26.3, ("dslr", "amazon"): 28.5, ("dslr", "webcam"): 63.4,
}  # fmt: skip


def photos(form):
    files = {}
    for i, domain in enumerate(DOMAINS):
        counts = {name: numbers[i] for name, numbers in COUNTS.items()}
        files |= photo_files(counts, form.replace("{domain}", domain))
    return files


def table(domain, key="fts", width=800):
    labels = LABELS[domain]
    values = np.random.default_rng(DOMAINS.index(domain)).integers(0, 9, (len(labels), width)).astype(np.uint8)
    return {key: values, "labels": labels.astype(np.uint8)[:, None]}


@pytest.fixture(autouse=True)
def small(local, monkeypatch):
    monkeypatch.setattr(office_caltech10, "_COUNTS", COUNTS)
    monkeypatch.setattr(office_caltech10, "_LABELS", np.arange(1, 4))


@pytest.fixture
def tables(server, monkeypatch):
    """Tables of histograms that the server has."""
    contents = {f"{domain}.mat": mat_bytes(table(domain)) for domain in DOMAINS}
    archives = published(server, contents)
    monkeypatch.setattr(office_caltech10, "_SURF_ADDRESS", server.url("good", "{}"))
    digests = {archive.name.removesuffix(".mat"): archive.digest for archive in archives}
    monkeypatch.setattr(office_caltech10, "_SURF_DIGESTS", digests)


def check_photos(bunch, domains=DOMAINS):
    assert bunch.target_names == list(COUNTS)
    np.testing.assert_array_equal(bunch.target, np.concatenate([LABELS[domain] - 1 for domain in domains]))
    numbers = np.repeat([DOMAINS.index(domain) + 1 for domain in domains], [len(LABELS[domain]) for domain in domains])
    np.testing.assert_array_equal(abs(bunch.sample_domain), numbers)
    assert all(map(os.path.isfile, bunch.filenames)) and len(set(bunch.filenames)) == len(bunch.filenames)


def test_what_the_real_table_sums_up_to(monkeypatch):
    monkeypatch.undo()
    counts = office_caltech10._COUNTS
    assert np.sum(list(counts.values()), axis=0).tolist() == [958, 1123, 157, 295]
    assert list(counts) == sorted(counts) and len(counts) == 10


# Photos


@pytest.mark.parametrize(
    "form",
    [
        "images/{domain}/{{name}}/frame_{{i:04d}}.jpg",  # as in the repository
        "office_caltech10/images/{domain}/{{name}}/frame_{{i:04d}}.jpg",
        "{domain}/{{name}}/frame_{{i:04d}}.jpg",
        "Office-Caltech10/{domain}/images/{{name}}/frame_{{i:04d}}.jpg",
        "office_caltech10/extracted/OfficeCaltechDomainAdaptation-74f7048/images/{domain}/{{name}}/{{i:04d}}.jpg",
    ],
)
def test_layouts(form, tmp_path):
    write_files(tmp_path, photos(form.replace("{{", "{").replace("}}", "}")))
    check_photos(fetch_office_caltech10(data_home=tmp_path, download_if_missing=False))


FILES = photos("images/{domain}/{name}/frame_{i:04d}.jpg")


def test_which_domain_is_missing_is_said(tmp_path):
    write_files(tmp_path, {name: content for name, content in FILES.items() if "caltech10" not in name})
    with pytest.raises(
        FileNotFoundError, match=rf"'{tmp_path}/images' has amazon, dslr, webcam without caltech10 \(so"
    ):
        fetch_office_caltech10(data_home=tmp_path, download_if_missing=False)
    check_photos(
        fetch_office_caltech10(source=["amazon", "dslr", "webcam"], data_home=tmp_path), ("amazon", *DOMAINS[2:])
    )
    write_files(tmp_path / "office_caltech10", {"dslr_decaf.mat": mat_bytes(table("dslr", "feas", 4096))})
    with pytest.raises(
        FileNotFoundError, match="'.*/office_caltech10' has dslr without webcam .*; place webcam_decaf.mat and dslr"
    ):
        fetch_office_caltech10(
            source="webcam", target="dslr", features="decaf", data_home=tmp_path, download_if_missing=False
        )


def test_names_of_office31_and_caltech256(tmp_path):
    for name, content in FILES.items():
        for old, new in (("backpack", "back_pack"), ("laptop", "laptop_computer"), ("caltech10", "caltech")):
            name = name.replace(old, new)
        write_files(tmp_path, {name: content})
    check_photos(fetch_office_caltech10(data_home=tmp_path))


def test_download(server, monkeypatch):
    archive = tar_bytes({f"OfficeCaltechDomainAdaptation-74f7048/{name}": content for name, content in FILES.items()})
    [source] = published(server, {"repository.tar.gz": archive}, with_digest=False)
    monkeypatch.setattr(office_caltech10, "_PHOTOS", source)
    for _ in range(2):
        check_photos(fetch_office_caltech10())
    assert len(server.requests) == 1


# Features


@pytest.mark.parametrize(
    "form",
    [
        "features/surf/{}.mat",
        "office_caltech10/features/surf/{}.mat",
        "OfficeCaltechDomainAdaptation/features/surf/{}.mat",
        "{}.mat",
        "{}_SURF_L10.mat",  # as first published, with the flow kernel
    ],
)
def test_histograms_that_are_there(form, tmp_path):
    for domain in DOMAINS:
        name = "Caltech10" if domain == "caltech10" and "L10" in form else domain
        write_files(tmp_path, {form.format(name): mat_bytes(table(domain))})
    bunch = fetch_office_caltech10(features="surf", data_home=tmp_path, download_if_missing=False)
    np.testing.assert_array_equal(bunch.data, np.concatenate([table(domain)["fts"] for domain in DOMAINS]))
    np.testing.assert_array_equal(bunch.target, np.concatenate(list(LABELS.values())) - 1)
    assert bunch.data.dtype == np.uint8 and bunch.target.dtype == np.int64
    assert bunch.filenames[0] == str(tmp_path / form.format("amazon"))


def test_histograms_are_downloaded(tables, server):
    for _ in range(2):
        bunch = fetch_office_caltech10(source="dslr", target="amazon", features="surf")
    assert len(server.requests) == 2
    assert bunch.domain_names == {"dslr": 3, "amazon": -1}
    np.testing.assert_array_equal(bunch.data[bunch.sample_domain < 0], table("amazon")["fts"])


def test_wrong_tables_are_not_kept(tables, server, tmp_path):
    server.files["dslr.mat"] = mat_bytes(table("amazon"))
    with pytest.raises(OSError, match=r"dslr.mat could not be downloaded .*another file than.*; place it in '"):
        fetch_office_caltech10(source="dslr", features="surf", data_home=tmp_path)
    assert not list(tmp_path.rglob("*.mat"))


def test_decaf_is_placed_by_hand(tmp_path, server):
    missing = r"(^|; )place amazon_decaf.mat and caltech_decaf.mat and .* in '.*features/decaf' by hand"
    for download in (True, False):
        with pytest.raises(FileNotFoundError, match=missing):
            fetch_office_caltech10(features="decaf", data_home=tmp_path, download_if_missing=download)
    names = [domain.removesuffix("10") for domain in DOMAINS]
    for place in ("one/office_caltech10/features/decaf", "two/office_caltech10", "three"):
        for name, domain in zip(names, DOMAINS, strict=True):
            write_files(tmp_path / place, {f"{name}_decaf.mat": mat_bytes(table(domain, "feas", 4096))})
        bunch = fetch_office_caltech10(features="decaf", data_home=tmp_path / place.split("/")[0])
        expected = np.concatenate([table(domain, "feas", 4096)["feas"] for domain in DOMAINS])
        np.testing.assert_array_equal(bunch.data, expected)
        assert bunch.feature_names[0] == "decaf6_0000"
    assert server.requests == []


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"feas": np.ones((8, 4096)), "labels": np.ones(8)}, "has no variable 'fts'; those that it has: 'feas', 'lab"),
        ({"fts": np.ones((8, 1024)), "labels": np.ones(8)}, "has no table of 800 columns in its variable 'fts'"),
        ({"fts": np.ones((8, 800)), "labels": np.ones(7)}, "has no label from 1 to 3 for each row"),
        ({"fts": np.ones((8, 800)), "labels": np.zeros(8)}, "has no label from 1 to 3 for each row"),
        ({"fts": np.ones((8, 800)), "labels": {"a": 1.0}}, "has no label from 1 to 3 for each row"),
    ],
)
def test_tables_that_are_none(variables, problem, tmp_path):
    write_files(tmp_path, {"dslr.mat": mat_bytes(variables)})
    with pytest.raises(ValueError, match=f"dslr.mat' {problem}"):
        fetch_office_caltech10(source="dslr", features="surf", data_home=tmp_path)


def test_other_numbers_of_rows_are_said(tmp_path):
    write_files(tmp_path, {"dslr.mat": mat_bytes(table("webcam"))})
    with pytest.warns(UserWarning, match=r"holds 6 photos where Office-Caltech10 \(dslr\) has 4"):
        fetch_office_caltech10(source="dslr", features="surf", data_home=tmp_path)


def test_what_cannot_be_asked_for():
    with pytest.raises(ValueError, match="features='gist' is not one of"):
        fetch_office_caltech10(features="gist")
    with pytest.raises(ValueError, match="there is no domain 'caltech'; the domains are amazon, caltech10, dslr, webc"):
        fetch_office_caltech10(source="caltech")


# The real ones


@pytest.fixture
def real(photos, monkeypatch):
    monkeypatch.undo()
    return photos


def test_real_histograms(real):
    bunch = fetch_office_caltech10(features="surf", data_home=real, download_if_missing=False)
    counts = np.array(list(office_caltech10._COUNTS.values()))
    for i, number in enumerate(bunch.domain_names.values()):
        np.testing.assert_array_equal(np.bincount(bunch.target[bunch.sample_domain == number]), counts[:, i])


@pytest.mark.parametrize(
    ("source", "target"),
    [
        pytest.param(*pair, marks=[] if set(pair) == {"dslr", "webcam"} else pytest.mark.slow, id="-".join(pair))
        for pair in PUBLISHED
    ],
)
def test_published_accuracies(source, target, real):
    bunch = fetch_office_caltech10(source=source, target=target, features="surf", data_home=real)
    from_source = bunch.sample_domain >= 0
    # Rows to sum 1, then each feature of each domain to mean 0 and variance 1.
    X, X_target = (scale(normalize(bunch.data[rows] * 1.0, "l1")) for rows in (from_source, ~from_source))
    nearest = KNeighborsClassifier(1).fit(X, bunch.target[from_source])
    assert round(100 * nearest.score(X_target, bunch.target[~from_source]), 1) == PUBLISHED[source, target]


def test_real_photos(real):
    with pytest.warns(UserWarning, match=r"where Office-Caltech10 \(amazon, dslr, webcam\) has 1,410"):
        bunch = fetch_office_caltech10(source=["amazon", "dslr"], target="webcam", data_home=real)
    assert len(bunch.target_names) == 10 and set(bunch.target) == set(range(5))
    assert all(f"/{bunch.target_names[i]}/" in path for path, i in zip(bunch.filenames, bunch.target, strict=True))
