"""The page in a real browser, as somebody uses it.

Skipped where there is no Chromium: apt-get install chromium.
"""

import json

import numpy as np
import pytest

from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.serve import create_app
from tests.browser import Browser, find_chromium
from tests.tiny_detector import Loudness, export_tiny
from tests.unit.speechbrain_opensed.serve.conftest import RATE, listener, wav
from tests.web_server import serving

LOUD, LOUDER = "above 0.3", "above 0.6"


@pytest.fixture(scope="module")
def browser():
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with Browser(program) as browser:
        browser.size(1280, 900)
        yield browser


@pytest.fixture(scope="module")
def address():
    app = create_app(listener(Loudness()), "loudness")
    with serving(app) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """25 s: one loud second from 4 s, a louder one from 12 s."""
    noise = np.random.default_rng(0).uniform(-0.01, 0.01, 25 * RATE)
    for start, level in ((4, 0.5), (12, 0.9)):
        tone = np.sin(np.arange(RATE) * 0.3) * level
        noise[start * RATE : (start + 1) * RATE] += tone
    path = tmp_path_factory.mktemp("sound") / "yard.wav"
    path.write_bytes(wav(noise))
    return path


def ask(browser, phrases):
    """Types phrases, and waits for what is found."""
    text = json.dumps("\n".join(phrases))
    browser.run(
        f"(() => {{ const t = document.querySelector('#phrases');"
        f"t.value = {text}; t.dispatchEvent(new Event('input')); }})()"
    )
    browser.click("#detect")
    browser.wait("!document.querySelector('#results').hidden")


def begin(browser, address, sound):
    browser.errors.clear()
    browser.open(address)
    browser.choose_file("#file", sound)
    browser.wait("!document.querySelector('#detect').disabled")
    browser.run("import('/static/app.js').then((a) => { window.app = a; })")


@pytest.fixture
def page(browser, address, sound):
    """The page with what was found in the sound."""
    begin(browser, address, sound)
    ask(browser, [LOUD, LOUDER])
    yield browser
    assert browser.errors == []


def shown(page, column=0):
    """Kind, onset and offset of the events in a lane."""
    events = page.run(f"app.state.labelling.events({column})")
    return [(e["kind"], e["onset"], e["offset"]) for e in events]


def told(page):
    """The labels as the server has them."""
    return page.run(
        "app.state.labelling.save().then(() =>"
        "fetch('/api/detections/' + app.state.labelling.id))"
        ".then((a) => a.json()).then((found) => found.labels)"
    )


def slide(page, selector, value):
    page.run(
        f"(() => {{ const s = document.querySelector({json.dumps(selector)});"
        f"s.value = {value}; s.dispatchEvent(new Event('input')); }})()"
    )


def test_from_a_file_to_lanes(page):
    assert page.run("document.querySelector('#status').textContent") == (
        "3 events."
    )
    names = "[...document.querySelectorAll('.lane-name')].map(e=>e.textContent)"
    assert page.run(names) == [LOUD, LOUDER]
    assert shown(page) == [("found", 4, 5), ("found", 12, 13)]
    assert shown(page, 1) == [("found", 12, 13)]
    # The curve and the picture are drawn, and the wave has its own style.
    drawn = (
        "(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
        ".some((x) => x))(document.querySelector('{}'))"
    )
    page.wait(drawn.format("#spectrogram"))
    page.wait(drawn.format(".track canvas"))
    wave = "document.querySelector('#wave > div').shadowRoot"
    assert page.wait(f"{wave}.querySelectorAll('canvas').length")
    place = f"getComputedStyle({wave}.querySelector('.wrapper')).position"
    assert page.run(place) == "relative"


def test_lanes_follow_sliders_and_agree_with_the_server(page):
    numbers = np.random.default_rng(0).uniform(0.02, 0.98, 6).round(2)
    for number in [*numbers, 0.01, 0.99]:
        slide(page, ".lane-about input[type=range]", number)
        page.run("app.state.labelling.setThreshold(1, 0.9)")
        for shortest, gap in ((0, 0), (0.5, 0), (0, 8)):
            slide(page, "#shortest", shortest)
            slide(page, "#gap", gap)
            mine = sorted(shown(page) + shown(page, 1))
            server = sorted(
                (x["kind"], x["onset"], x["offset"]) for x in told(page)
            )
            assert mine == server, (number, shortest, gap)
    slide(page, "#gap", 8)
    slide(page, "#threshold", 0.5)
    assert shown(page) == [("found", 4, 13)]


def test_a_click_is_heard(page):
    page.wait("document.querySelector('.event')")
    page.click(".event")
    page.wait("app.view.clip.currentTime > 0")
    assert "onset=4&offset=5" in page.run("app.view.clip.src")
    assert page.run(
        "document.querySelector('#inspector-title').textContent"
    ) == (LOUD)
    page.wait("app.view.clip.ended")
    page.wait("app.view.time > 4.8")


def test_all_is_played_and_paused(page):
    page.click("#play")
    page.wait("app.view.time > 0.2")
    assert page.run("document.querySelector('#play').textContent") == "Pause"
    page.click("#play")
    page.wait("document.querySelector('#play').textContent === 'Play'")


def test_keys_put_events_right(page):
    page.run("document.querySelector('.event').focus()")
    page.key("a", text="a")
    assert shown(page)[0] == ("accepted", 4, 5)
    page.key("r", text="r")
    assert shown(page)[0] == ("rejected", 4, 5)
    page.key("u", text="u")
    assert shown(page)[0] == ("found", 4, 5)
    page.key("ArrowRight")
    page.key("ArrowLeft", shift=True)
    kind, onset, offset = shown(page)[0]
    assert (kind, round(onset, 2), round(offset, 2)) == ("moved", 4.04, 5.0)
    labels = [x for x in told(page) if x["kind"] == "moved"]
    assert [round(x["onset"], 2) for x in labels] == [4.04]
    page.key("Enter")
    page.wait("app.view.clip.currentTime > 0")


def test_the_mouse_moves_and_adds(page):
    width = page.box(".track")["width"]
    event = page.box(".event")["width"]
    page.drag(".event", event - 2, event - 2 + width / 25)
    kind, onset, offset = shown(page)[0]
    assert (kind, onset) == ("moved", 4) and offset == pytest.approx(6, abs=0.1)
    page.drag(".track", width * 18 / 25, width * 20 / 25)
    kind, onset, offset = shown(page)[-1]
    assert kind == "added"
    assert (onset, offset) == pytest.approx((18, 20), abs=0.1)
    # A click where nothing is goes there.
    page.drag(".track", width * 9 / 25, width * 9 / 25)
    assert page.run("app.view.time") == pytest.approx(9, abs=0.1)
    kinds = [x["kind"] for x in told(page) if x["phrase"] == LOUD]
    assert sorted(kinds) == ["added", "found", "moved"]
    page.click("#reject")  # what was added is selected, and goes
    assert [kind for kind, *_ in shown(page)] == ["moved", "found"]


def test_what_is_downloaded_is_what_is_shown(page):
    page.run("document.querySelector('.event').focus()")
    page.key("r", text="r")
    page.run(
        "(() => { const f = document.querySelector('#format');"
        "f.value = 'audacity'; f.dispatchEvent(new Event('change')); })()"
    )
    told(page)
    text = page.run(
        "fetch(document.querySelector('#download').href).then(a => a.text())"
    )
    rows = [line.split("\t") for line in text.splitlines()]
    assert [row[2] for row in rows] == [LOUD, LOUDER]
    assert all(float(row[0]) == 12 for row in rows)


def test_zoom_shows_a_part(page):
    slide(page, "#zoom", 3)
    page.wait("app.view.end - app.view.start < 25 / 7")
    page.wait("document.querySelectorAll('.event').length === 0")
    shown = page.run("app.view.end - app.view.start")
    slide(page, "#zoom", 0)
    page.wait("document.querySelectorAll('.event').length === 3")
    assert 0 < shown < page.run("app.view.end - app.view.start")


def test_the_microphone(browser, address, sound):
    begin(browser, address, sound)
    browser.click("#record")
    browser.wait("/Stop at 0:0[1-9]/.test("
                 "document.querySelector('#record').textContent)")  # fmt: skip
    browser.click("#record")
    browser.wait("app.state.recording?.name === 'recording.wav'")
    assert browser.run("app.state.recording.seconds") > 0.9
    assert browser.errors == []


def test_errors_are_told_in_words(browser, address, sound):
    begin(browser, address, sound)
    browser.run("document.querySelector('#phrases').value = ''")
    browser.click("#detect")
    problem = "document.querySelector('#problem')"
    browser.wait(f"{problem}.textContent.includes('one sound a line')")
    browser.run("document.querySelector('#phrases').value = 'above all'")
    browser.click("#detect")
    browser.wait(f"{problem}.textContent.includes(\"'all'\")")
    assert browser.run("document.querySelectorAll('.lane-name').length") == 0
    text = sound.with_suffix(".txt")
    text.write_text("no sound")
    browser.choose_file("#file", text)
    browser.wait(f"{problem}.textContent.includes('not a sound file')")
    browser.run("app.state.card.limits.max_upload = 3")
    browser.choose_file("#file", text)
    browser.wait(f"{problem}.textContent.includes('are taken')")


@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_and_everything_has_a_name(page, width):
    page.click(".event")
    page.size(width, 844, dark=width < 500)
    try:
        page.wait(f"document.documentElement.clientWidth === {width}")
        assert page.run("document.documentElement.scrollWidth") <= width
        dark = page.run("getComputedStyle(document.body).backgroundColor")
        assert dark == ("rgb(20, 23, 27)" if width < 500
                        else "rgb(251, 251, 250)")  # fmt: skip
        nameless = page.run(
            "[...document.querySelectorAll('input,select,textarea,button')]"
            ".filter((e) => !e.labels?.length && !e.ariaLabel"
            " && !e.textContent.trim()).map((e) => e.outerHTML)"
        )
        assert nameless == []
        small = page.run(
            "[...document.querySelectorAll('button,select,.button')]"
            ".filter((e) => !e.classList.contains('event') && e.offsetParent)"
            ".filter((e) => e.getBoundingClientRect().height < 24)"
            ".map((e) => e.outerHTML)"
        )
        assert small == []
        foreign = page.run(
            "performance.getEntriesByType('resource')"
            ".filter((e) => !e.name.startsWith(location.origin)"
            " && !e.name.startsWith('blob:')).map((e) => e.name)"
        )
        assert foreign == []
    finally:
        page.size(1280, 900)


@pytest.mark.slow
def test_it_learns(browser, sound, tmp_path):
    detector = SoundEventDetector.from_source(
        export_tiny(tmp_path), {"device": "cpu"}
    )
    with serving(create_app(detector, "tiny")) as port:
        begin(browser, f"http://127.0.0.1:{port}/", sound)
        ask(browser, ["my bell", "rain"])
        width = browser.box(".track")["width"]
        browser.run("app.state.labelling.setThresholds(0.99)")
        browser.wait("document.querySelectorAll('.event').length === 0")
        browser.drag(".track", width * 12 / 25, width * 13 / 25)
        browser.wait("!document.querySelector('#learn').disabled")
        browser.click("#learn")
        browser.wait("document.querySelector('#learned').textContent")
        said = browser.run("document.querySelector('#learned').textContent")
        assert said == "Learned: my bell from 1."
        browser.wait("!app.state.task && app.state.labelling.whole")
        assert browser.run("app.state.model") == "1"
        assert [x["kind"] for x in told(browser)].count("added") == 1
        # What is shown was heard by the detector that has learned.
        model = browser.run(
            "fetch('/api/detections/' + app.state.labelling.id)"
            ".then((a) => a.json()).then((found) => found.model)"
        )
        assert model == "1"
    assert browser.errors == []
