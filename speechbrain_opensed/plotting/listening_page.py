"""A page to compare sounds by ear, blind if one likes, and to keep votes.

Authors
 * The speechbrain-opensed contributors 2026
"""

import html
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from matplotlib.image import imsave

from lhotse_recipes.holding import scratch_folder
from lhotse_recipes.io import write_atomically
from lhotse_recipes.sound import writing_sound
from speechbrain_opensed.plotting.page_parts import (
    PAGE_STYLE,
    inline_file,
    inline_sound,
)
from speechbrain_opensed.plotting.spectrogram import log_mel_image

__all__ = ["Take", "Trial", "write_listening_page"]

# One level for all: of two like sounds, the louder one is preferred.
_LEVEL_DB = -23.0
_PEAK = 0.99
_RANGE_DB = 80.0
_STYLE = """
h2 { margin-top: 2.5rem; overflow-wrap: anywhere; }
form { position: sticky; top: 0; background: Canvas; padding: .6rem 0;
  display: flex; flex-wrap: wrap; gap: .6rem 1.2rem; align-items: center;
  border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent);
  z-index: 1; }
button { font: inherit; padding: .2rem .8rem; }
.cards { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); }
.cards figure { margin: 0; border-radius: .4rem; padding: .7rem; min-width: 0;
  border: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
.cards figure:has(:checked) { outline: 2px solid Highlight; }
.reference { margin-bottom: 1rem; }
.reference figure { border-style: dashed; }
img { display: block; width: 100%; height: 7rem; margin-top: .4rem; }
figcaption { font-weight: 600; overflow-wrap: anywhere; }
label { display: block; margin-top: .5rem; }
form label { margin: 0; }
.blind .cards:not(.reference) img { display: none; }
small { opacity: .75; }
"""
_SCRIPT = """
const trials = [...document.querySelectorAll("section")];
const blind = document.querySelector("#blind");
const cards = trial => [...trial.querySelectorAll("[data-take]")];
const chosen = trial => trial.querySelector(":checked");
function arrange() {
  document.body.classList.toggle("blind", blind.checked);
  for (const trial of trials) {
    const all = cards(trial);
    for (const card of all) card.dataset.key = blind.checked
      ? Math.random() : card.dataset.number;
    all.sort((a, b) => a.dataset.key - b.dataset.key);
    all.forEach((card, place) => {
      card.parentNode.append(card);
      card.querySelector("audio").pause();
      card.querySelector("figcaption").textContent = blind.checked
        ? "Sound " + String.fromCharCode(65 + place) : card.dataset.take;
      const radio = card.querySelector("input");
      if (radio) radio.checked = false;
    });
  }
  count();
}
function count() {
  const asked = trials.filter(trial => trial.querySelector("input"));
  const done = asked.filter(chosen).length;
  document.querySelector("#count").textContent =
    done + " of " + asked.length + " answered";
  document.querySelector("#save").disabled = !done;
}
function votes() {
  return {
    page: document.title,
    question: document.body.dataset.question,
    votes: trials.filter(chosen).map(trial => {
      const card = chosen(trial).closest("[data-take]");
      const order = cards(trial).map(other => other.dataset.take);
      return {
        trial: trial.dataset.trial, prompt: trial.dataset.prompt,
        chosen: card.dataset.take, order, blind: blind.checked,
      };
    }),
  };
}
function save() {
  const text = JSON.stringify(votes(), null, 1) + "\\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = "votes.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
if (blind) {
  blind.checked = false;
  blind.addEventListener("change", arrange);
  document.querySelector("#save").addEventListener("click", save);
  document.addEventListener("change", count);
  arrange();
}
// One sound at a time.
document.addEventListener("play", event => {
  for (const audio of document.querySelectorAll("audio"))
    if (audio !== event.target) audio.pause();
}, true);
"""


@dataclass(frozen=True)
class Take:
    """A sound to listen to.

    Arguments
    ---------
    name : str
        What it is; hidden while listening is blind.
    samples : np.ndarray
        `[time]`.
    rate : int
        Samples per second.

    Example
    -------
    >>> Take("base", np.zeros(8000), 16000).name
    'base'
    """

    name: str
    samples: np.ndarray
    rate: int


@dataclass(frozen=True)
class Trial:
    """Sounds that are compared with each other.

    Arguments
    ---------
    prompt : str
        The text that they were made from.
    takes : sequence of Take
        Among them one is chosen. A single one is only shown.
    references : sequence of Take
        What they are to be like; always named.

    Example
    -------
    >>> Trial("rain", [Take("base", np.zeros(8), 8)]).references
    ()
    """

    prompt: str
    takes: Sequence[Take]
    references: Sequence[Take] = ()


def write_listening_page(
    path: str | Path,
    trials: Iterable[Trial],
    title: str = "Listen and compare",
    question: str = "closest to the reference",
) -> Path:
    """Write one page with players, spectrograms and votes.

    The page holds its pictures, sounds and script itself, and asks no other
    machine for anything. On request the order is drawn at random and names
    and pictures are hidden; the votes are a file that the page lets one
    download. All sounds are brought to one level, in 16 bits without loss.

    Arguments
    ---------
    path : str or Path
        The HTML file.
    trials : iterable of Trial
        What is compared.
    title : str
        Its heading.
    question : str
        What the chosen sound is.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ValueError
        If there is no trial, one has no sounds, two sounds of one have the
        same name, or samples are none or not finite.

    Example
    -------
    >>> noise = np.random.default_rng(0).uniform(-1, 1, 8000)
    >>> trial = Trial("hiss", [Take("one", noise, 8000)])
    >>> page = getfixture("tmp_path") / "listen.html"
    >>> "hiss" in write_listening_page(page, [trial]).read_text()
    True
    """
    path, trials = Path(path), list(trials)
    _check(trials)
    votes = any(len(trial.takes) > 1 for trial in trials)
    parts = [
        "<!doctype html>",
        '<html lang="en"><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{html.escape(title)}</title>",
        f"<style>{PAGE_STYLE}{_STYLE}</style>",
        f'<body data-question="{html.escape(question)}">',
        f"<h1>{html.escape(title)}</h1>",
        *(_CONTROLS if votes else ()),
    ]
    for number, trial in enumerate(trials):
        parts += _section(number, trial, question)
    parts += [f"<script>{_SCRIPT}</script>", "</body></html>"]
    with write_atomically(path) as file:
        file.write("\n".join(parts) + "\n")
    return path


_CONTROLS = (
    "<form>",
    '<label><input type="checkbox" id="blind"> blind: order at random, '
    "names and pictures hidden</label>",
    '<button type="button" id="save" disabled>Download votes</button>',
    '<span id="count" role="status"></span>',
    "</form>",
    "<p><small>All sounds are at one level. Switching to blind or back "
    "clears the answers.</small></p>",
)


def _check(trials):
    if not trials:
        raise ValueError("there is nothing to listen to: give a trial")
    for trial in trials:
        names = [take.name for take in trial.takes]
        if not names or len(set(names)) < len(names):
            raise ValueError(
                f"{trial.prompt!r} has the sounds {names}: give at least "
                "one, each with a name of its own"
            )
        for take in (*trial.references, *trial.takes):
            samples = np.asarray(take.samples)
            if samples.ndim != 1 or not samples.size:
                raise ValueError(
                    f"{take.name!r} has samples of shape "
                    f"{list(samples.shape)}: give [time]"
                )
            if not np.isfinite(samples).all():
                raise ValueError(
                    f"{take.name!r} holds NaN or infinite samples: make it "
                    "again"
                )


def _section(number, trial, question):
    prompt = html.escape(trial.prompt)
    yield f'<section data-trial="{number + 1}" data-prompt="{prompt}">'
    yield f"<h2>{prompt}</h2>"
    if trial.references:
        yield '<div class="cards reference">'
        for take in trial.references:
            yield f"<figure>{_card(take)}</figure>"
        yield "</div>"
    yield '<div class="cards">'
    for place, take in enumerate(trial.takes):
        name = html.escape(take.name)
        yield f'<figure data-take="{name}" data-number="{place}">{_card(take)}'
        if len(trial.takes) > 1:
            yield f'<label><input type="radio" name="trial{number}"> '
            yield f"{html.escape(question)}</label>"
        yield "</figure>"
    yield "</div></section>"


def _card(take):
    samples = _level(np.asarray(take.samples, dtype=np.float64))
    seconds = len(samples) / take.rate
    return (
        f"<figcaption>{html.escape(take.name)}</figcaption>"
        f'<img alt="spectrogram, 0 to {seconds:.2f} s across, 0 to 8 kHz up" '
        f'src="{_picture(samples, take.rate)}">'
        '<audio controls preload="metadata" '
        f'src="{inline_sound(samples, take.rate, "FLAC")}"></audio>'
    )


def _level(samples):
    """At one level, unless that would clip; silence stays what it is."""
    level = np.sqrt(np.square(samples).mean())
    if not level:
        return samples
    samples = samples * 10 ** (_LEVEL_DB / 20) / level
    return samples * min(1.0, _PEAK / np.abs(samples).max())


def _picture(samples, rate):
    with scratch_folder("page") as folder:
        wav = folder / "take.wav"
        with writing_sound(wav):
            soundfile.write(wav, samples, rate)
        image = log_mel_image(wav, columns=400)
    buffer, top = io.BytesIO(), image.max()
    imsave(
        buffer,
        image,
        cmap="magma",
        origin="lower",
        format="png",
        **{"vmin": top - _RANGE_DB, "vmax": top},
    )
    return inline_file("image/png", buffer.getvalue())
