"""The page to compare sounds by ear, in text and in a browser."""

import json

import numpy as np
import pytest

from speechbrain_opensed.plotting.listening_page import (
    Take,
    Trial,
    write_listening_page,
)
from tests.browser import Browser, find_chromium

RATE = 8000


def tone(pitch, level=0.2, seconds=0.4):
    time = np.arange(round(seconds * RATE)) / RATE
    return level * np.sin(2 * np.pi * pitch * time)


def trials():
    return [
        Trial(
            "<a low sound>",
            [
                Take("adapter", tone(300), RATE),
                Take("base", tone(600, 0.01), RATE),
                Take("shuffled", tone(900), RATE),
            ],
            [Take("bell & co.wav", tone(200), RATE)],
        ),
        Trial("silence", [Take("one", np.zeros(80), RATE)]),
    ]


def test_a_page_is_one_file_with_all_in_it(tmp_path):
    page = write_listening_page(tmp_path / "page.html", trials())
    text = page.read_text()
    assert text.count("data:audio/flac;base64,") == 5
    assert text.count("data:image/png;base64,") == 5
    assert text.count('type="radio"') == 3
    assert "http" not in text
    assert "<a low" not in text and "&lt;a low sound&gt;" in text
    single = write_listening_page(tmp_path / "one.html", trials()[1:])
    assert 'id="blind"' not in single.read_text()


@pytest.mark.parametrize(
    "given, message",
    [
        ([], "nothing to listen to"),
        ([Trial("a", [])], "'a' has the sounds"),
        ([Trial("a", [Take("x", tone(9), 8)] * 2)], "a name of its own"),
        ([Trial("a", [Take("x", np.zeros((2, 3)), 8)])], r"shape \[2, 3\]"),
        ([Trial("a", [Take("x", np.array([np.nan]), 8)])], "'x' holds NaN"),
    ],
)
def test_bad_input_is_named(tmp_path, given, message):
    with pytest.raises(ValueError, match=message):
        write_listening_page(tmp_path / "page.html", given)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_votes_are_kept_blind_or_not(tmp_path):
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    page = write_listening_page(tmp_path / "page.html", trials())
    names = (
        "[...document.querySelectorAll('[data-take] figcaption')]"
        ".map(e => e.textContent)"
    )
    with Browser(program) as browser:
        for width, dark in ((1280, False), (390, True)):
            browser.size(width, 900, dark)
            browser.open(page.as_uri())
            wide = browser.run("document.documentElement.scrollWidth")
            assert wide <= width
            assert browser.run(names)[:3] == ["adapter", "base", "shuffled"]
            seconds = browser.wait(
                "(a => a.readyState > 0 && a.duration)"
                "(document.querySelector('[data-take] audio'))"
            )
            assert seconds == pytest.approx(0.4, abs=0.01)
            assert browser.run("document.querySelector('#save').disabled")
            browser.click("[data-take=base] input")
            assert browser.run("votes().votes.length") == 1
            # Blind: other names, no pictures, and the answer is gone.
            browser.click("#blind")
            assert browser.run(names)[:3] == ["Sound A", "Sound B", "Sound C"]
            assert not browser.run("votes().votes.length")
            assert not browser.run(
                "document.querySelector('[data-take] img').offsetHeight"
            )
            browser.click("[data-take=shuffled] input")
            kept = json.loads(browser.run("JSON.stringify(votes())"))
            (vote,) = kept["votes"]
            assert vote["chosen"] == "shuffled" and vote["blind"]
            assert vote["prompt"] == "<a low sound>" and vote["trial"] == "1"
            assert sorted(vote["order"]) == ["adapter", "base", "shuffled"]
            shown = browser.run("document.querySelector('#count').textContent")
            assert shown == "1 of 1 answered"
            browser.click("#blind")
            assert browser.run(names)[:3] == ["adapter", "base", "shuffled"]
        # The file that is downloaded.
        browser.call(
            "Browser.setDownloadBehavior",
            behavior="allow",
            downloadPath=str(tmp_path),
        )
        browser.click("[data-take=adapter] input")
        browser.click("#save")
        file = tmp_path / "votes.json"
        for _ in range(100):
            if file.is_file():
                break
            browser.run("new Promise(done => setTimeout(done, 100))")
        assert json.loads(file.read_text())["votes"][0]["chosen"] == "adapter"
        assert not browser.errors
