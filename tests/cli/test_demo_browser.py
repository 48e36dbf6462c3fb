"""``skdecaf demo`` in a browser: headless Chromium, driven by selenium. Skipped where one of them is missing.

With the variable ``SKDECAF_SCREENSHOTS=docs/_static/demo`` the tests write the pictures of the documentation.
"""

# SPDX-License-Identifier: BSD-3-Clause
import io
import os
import re
import shutil
import signal
from base64 import b64decode
from pathlib import Path

import pytest
from demo_photos import HOSTILE_FILES
from photo_folders import skdecaf_process
from PIL import Image
from sklearn.datasets import load_sample_images

webdriver = pytest.importorskip("selenium.webdriver")
pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver"),
]
SECONDS = 120
HOSTILE_NAME = "<img src=x onerror=document.title='owned'>.png"


def start_browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(DRIVER))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Pieces of scikit-learn's two photos, in a folder for each."""
    folder = tmp_path_factory.mktemp("photos")
    for name, pixels in zip(("temple", "flower"), load_sample_images().images, strict=True):
        (folder / name).mkdir()
        for i in range(8):
            top, left = 60 * (i // 4), 100 * (i % 4)
            Image.fromarray(pixels[top : top + 320, left : left + 320]).save(folder / name / f"{i + 1:02d}.jpg")
    return folder


@pytest.fixture(scope="module")
def server(photos, tmp_path_factory):
    temporary = tmp_path_factory.mktemp("temporary")
    environment = os.environ | {"TMPDIR": str(temporary)}
    options = ["--port", "0", "--folder", photos, "--memory", "none", "-q"]
    with skdecaf_process("demo", *options, env=environment) as process:
        lines = [process.stdout.readline() for _ in range(2)]
        yield re.search(r"http://\S+", lines[1])[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 130
    assert not list(temporary.iterdir())


@pytest.fixture(scope="module")
def one_browser():
    driver = start_browser()
    yield driver
    driver.quit()


@pytest.fixture
def browser(one_browser, server):
    """A browser that shows the page; afterwards, nothing has come from elsewhere and no script has failed."""
    resize(one_browser, 1280)
    one_browser.get(server)
    wait_for(one_browser, "html[data-ready]")
    one_browser.get_log("browser")
    yield one_browser
    script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    assert all(name.startswith((server, "data:")) for name in one_browser.execute_script(script))
    refused = "Failed to load resource: the server responded with a status of 4"
    assert not [entry for entry in one_browser.get_log("browser") if refused not in entry["message"]]


def resize(browser, width):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def find(browser, selector):
    return browser.find_element(By.CSS_SELECTOR, selector)


def wait_for(browser, selector):
    return WebDriverWait(browser, SECONDS).until(
        lambda driver: next(
            (one for one in driver.find_elements(By.CSS_SELECTOR, selector) if one.is_displayed()), None
        )
    )


def wait_for_text(browser, selector, pattern):
    WebDriverWait(browser, SECONDS).until(lambda driver: re.search(pattern, find(driver, selector).text))
    return find(browser, selector).text


def press(browser, key):
    webdriver.ActionChains(browser).send_keys(key).perform()


def shoot(browser, name, selector):
    """Write a picture of a section, where somebody asks for it."""
    if folder := os.environ.get("SKDECAF_SCREENSHOTS"):
        clip = {**find(browser, selector).rect, "scale": 1}
        answer = browser.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
        Path(folder).mkdir(parents=True, exist_ok=True)
        Image.open(io.BytesIO(b64decode(answer["data"]))).save(Path(folder) / f"{name}.webp", quality=75, method=6)


def check_on_a_phone(browser):
    """Nothing is wider than the screen of a phone."""
    resize(browser, 390)
    assert browser.execute_script("return document.scrollingElement.scrollWidth") <= 390


def add_class(browser, i, name, paths):
    fieldset = browser.find_elements(By.CSS_SELECTOR, ".bin")[i]
    fieldset.find_element(By.CSS_SELECTOR, ".name").send_keys(name)
    fieldset.find_element(By.CSS_SELECTOR, ".files").send_keys("\n".join(map(str, paths)))
    wait_for_text(browser, f".bin:nth-child({i + 1}) .count", rf"^{len(paths)} photos$")


def test_a_sample_photo_is_explained_by_keyboard_alone(browser):
    for _ in range(20):
        if browser.switch_to.active_element.get_attribute("id") == "sample":
            break
        press(browser, Keys.TAB)
    press(browser, Keys.ENTER)
    wait_for(browser, "#occlusion")
    assert "bell cote" in find(browser, "#explain-status").text
    assert len(browser.find_elements(By.CSS_SELECTOR, "#classes tbody tr")) == 5
    assert "Why bell cote" in find(browser, "#occlusion figcaption").text
    layers = [one.text for one in browser.find_elements(By.CSS_SELECTOR, "#layers h4")]
    assert layers[0] == "conv1" and layers[-1] == "prob"
    assert all("ms" in one.text for one in browser.find_elements(By.CSS_SELECTOR, "#layers p"))
    for image in browser.find_elements(By.CSS_SELECTOR, "img"):
        assert not image.is_displayed() or browser.execute_script("return arguments[0].naturalWidth", image) > 0
    shoot(browser, "explain", "#explain")
    check_on_a_phone(browser)


def test_similar_photos_of_the_folder(browser, photos):
    find(browser, "#search-file").send_keys(str(photos / "flower" / "03.jpg"))
    wait_for_text(browser, "#search-status", "12 photos like 03.jpg")
    items = [one.text for one in browser.find_elements(By.CSS_SELECTOR, "#similar li")]
    assert items[0].startswith("flower/03.jpg") and "distance 0.000" in items[0]
    assert all(one.startswith("flower/") for one in items[:8])
    script = "return [...document.querySelectorAll('#similar img')].every((one) => one.naturalWidth > 0)"
    browser.execute_script("document.getElementById('similar').scrollIntoView()")
    WebDriverWait(browser, SECONDS).until(lambda driver: driver.execute_script(script))
    shoot(browser, "search", "#search")
    check_on_a_phone(browser)


def test_train_try_and_download(browser, photos):
    find(browser, "#start").click()
    wait_for_text(browser, "#train-status.error", "a class has no name")
    for i, name in enumerate(("temple", "flower")):
        add_class(browser, i, name, sorted((photos / name).iterdir())[:6])
    find(browser, "#start").click()
    text = wait_for_text(browser, "#train-status", "Accuracy .* in cross-validation with 5 folds; guessing gives 50 %")
    assert float(re.search(r"Accuracy ([\d.]+)", text)[1]) > 80
    find(browser, "#try-file").send_keys(str(photos / "flower" / "08.jpg"))
    wait_for(browser, "#try-occlusion")
    assert find(browser, "#try-status").text.startswith("flower")
    script = "fetch(document.getElementById('download').href).then((r) => r.blob()).then((b) => arguments[0](b.size))"
    assert 1_000 < browser.execute_async_script(script) < 1_000_000
    shoot(browser, "train", "#train")
    check_on_a_phone(browser)
    names = [one.text for one in browser.find_elements(By.CSS_SELECTOR, "#report td:first-child")]
    assert names == ["flower", "temple"]


def test_hostile_files_are_text_on_the_page(browser, tmp_path, photos):
    hostile = tmp_path / HOSTILE_NAME
    hostile.write_bytes(HOSTILE_FILES["svg"]())
    find(browser, "#explain-file").send_keys(str(hostile))
    assert "is in none of the formats" in wait_for_text(browser, "#explain-status.error", "Sorry")
    name = "<script>document.title='owned'</script>"
    fieldset = browser.find_elements(By.CSS_SELECTOR, ".bin")[0]
    fieldset.find_element(By.CSS_SELECTOR, ".name").send_keys(name)
    fieldset.find_element(By.CSS_SELECTOR, ".files").send_keys(f"{hostile}\n{photos / 'temple' / '01.jpg'}")
    assert HOSTILE_NAME in wait_for_text(browser, "#train-status.error", "Left out 1 of 2 files")
    add_class(browser, 1, "flower", sorted((photos / "flower").iterdir())[:2])
    find(browser, "#start").click()
    wait_for_text(browser, "#train-status", "Accuracy unknown")
    assert name in find(browser, "#report").text
    shutil.copy(photos / "temple" / "02.jpg", hostile)
    find(browser, "#search-file").send_keys(str(hostile))
    wait_for_text(browser, "#search-status", re.escape(HOSTILE_NAME))
    assert browser.title == "skdecaf demo"


def test_twenty_uploads_at_once(browser):
    script = """
        const done = arguments[0];
        const post = (path, body) => fetch(path, { method: "POST", body });
        (async () => {
            const photo = await (await fetch("/api/sample")).blob();
            const answers = await Promise.all(Array.from({ length: 20 }, async () => {
                const added = await post("/api/photos", photo);
                const explained = await post("/api/explain", JSON.stringify({ photo: (await added.json()).photo }));
                return explained.status;
            }));
            done(answers);
        })();
    """
    browser.set_script_timeout(SECONDS)
    assert browser.execute_async_script(script) == [200] * 20


def test_a_killed_browser_does_not_stop_the_server(browser, server):
    other = start_browser()
    try:
        other.get(server)
        script = """
            for (let i = 0; i < 6; ++i) {
                fetch("/api/photos", { method: "POST", body: new Uint8Array(15 * 2 ** 20) });
            }
            document.getElementById("sample").click();
        """
        other.execute_script(script)
        os.kill(other.capabilities["goog:processID"], signal.SIGKILL)
    finally:
        other.service.stop()
    find(browser, "#sample").click()
    wait_for(browser, "#occlusion")


def test_everything_to_press_or_fill_has_a_name(browser, photos):
    add_class(browser, 0, "temple", [photos / "temple" / "01.jpg", photos / "temple" / "02.jpg"])
    controls = browser.find_elements(By.CSS_SELECTOR, "a, button, input")
    assert len(controls) > 10 and all(one.accessible_name for one in controls if one.is_displayed())
    images = browser.find_elements(By.CSS_SELECTOR, ".bin img")
    assert [one.get_attribute("alt") for one in images] == ["01.jpg", "02.jpg"]
    remove = find(browser, ".photos button")
    assert remove.accessible_name == "Remove 01.jpg"
    remove.send_keys(Keys.ENTER)
    wait_for_text(browser, ".count", "^1 photo$")
    assert browser.switch_to.active_element.get_attribute("class") == "files"
