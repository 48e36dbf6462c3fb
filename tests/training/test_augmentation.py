import pytest

torch = pytest.importorskip("torch")

from skdecaf.training._augmentation import center_crops, mirror_half, random_colors, random_crops  # noqa: E402


def ramp(n=64, height=24, width=32):
    """Photos whose red is the column, and whose green is the row."""
    photos = torch.zeros(n, 3, height, width)
    photos[:, 0] = torch.arange(width)
    photos[:, 1] = torch.arange(height).reshape(-1, 1)
    return photos


def test_windows_are_axis_aligned_and_as_large_as_asked_for():
    torch.manual_seed(0)
    crops = random_crops(ramp(), (20, 20), smallest_area=0.5)
    assert crops.shape == (64, 3, 20, 20)
    red, green = crops[:, 0, 5:15, 5:15], crops[:, 1, 5:15, 5:15]
    step_x, step_y = red.diff(dim=2).mean((1, 2)), green.diff(dim=1).mean((1, 2))
    assert red.diff(dim=1).abs().max() < 1e-4 and green.diff(dim=2).abs().max() < 1e-4
    areas = step_x * 20 * step_y * 20 / (24 * 32)
    assert areas.min() > 0.4 and areas.max() < 1.01 and areas.std() > 0.05
    assert len(set(red[:, 0, 0].tolist())) > 50, "each photo has a window of its own"


def test_the_whole_photo_is_a_plain_resize():
    photos = torch.rand(2, 3, 32, 32) * 255
    torch.manual_seed(0)
    whole = random_crops(photos.repeat(200, 1, 1, 1), (32, 32), smallest_area=1)
    # Where the aspect ratio is drawn near 1, nothing is cut off.
    assert (whole - photos.repeat(200, 1, 1, 1)).abs().amax((1, 2, 3)).min() < 30


def test_about_half_are_mirrored():
    torch.manual_seed(0)
    photos = ramp(400)
    mirrored = mirror_half(photos)
    is_mirrored = (mirrored == photos.flip(3)).all(dim=3).all(dim=2).all(dim=1)
    is_same = (mirrored == photos).all(dim=3).all(dim=2).all(dim=1)
    assert (is_mirrored ^ is_same).all() and 160 < is_mirrored.sum() < 240


def test_colors_stay_within_their_range_and_grey_stays_grey():
    torch.manual_seed(0)
    photos = torch.rand(50, 3, 8, 8) * 255
    changed = random_colors(photos)
    assert changed.min() >= 0 and changed.max() <= 255 and (changed - photos).abs().mean() > 10
    grey = photos[:, :1].repeat(1, 3, 1, 1)
    assert random_colors(grey).diff(dim=1).abs().max() < 1e-3


def test_centers_are_those_of_the_forward_pass():
    from skdecaf.images import cut_crops

    photos = torch.randint(0, 256, (1, 3, 11, 14), dtype=torch.uint8)
    expected = cut_crops(photos[0].permute(1, 2, 0).numpy(), (6, 7), "center")[0]
    assert (center_crops(photos, (6, 7))[0].permute(1, 2, 0).numpy() == expected).all()
