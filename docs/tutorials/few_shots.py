# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Twenty shots
#
# A detector is taught a sound that it does not know: from one recording, and
# from eight. Does it help? That is measured on mixtures of recordings that it
# was not taught with.

# %%
import numpy as np

from lhotse_recipes.soundscapes import ProceduralBank
from speechbrain_opensed import SoundEventDetector
from speechbrain_opensed.metrics import compute_psds

RATE, PHRASE = 16000, "my doorbell"
bank = ProceduralBank(seed=5)
bells = [bank.synthesize("mid warbling bell", k) for k in range(14)]
examples, unheard = bells[:8], bells[8:]

# %% [markdown]
# Six clips with a bell that is no example, six with something else:

# %%
clips, truth = {}, {}
for k, bell in enumerate(unheard):
    for kind, sound in (
        ("bell", bell),
        ("other", bank.synthesize("low steady hiss", k)),
    ):
        wave = bank.background(k, 5.0)[: 5 * RATE].copy()
        sound = sound[: 3 * RATE]
        wave[RATE : RATE + len(sound)] += sound
        clips[f"{kind}{k}"] = wave.astype("float32")
        end = 1 + len(sound) / RATE
        truth[f"{kind}{k}"] = [(1.0, end, PHRASE)] if kind == "bell" else []


# %%
def psds(detector):
    scores = {
        name: detector.detect((wave, RATE), [PHRASE]).scores
        for name, wave in clips.items()
    }
    durations = dict.fromkeys(clips, 5.0)
    hop = detector.spec.hop_seconds
    return compute_psds(scores, truth, durations, [PHRASE], hop).psds


det = SoundEventDetector.from_source("detector")
numbers = {"words alone": psds(det)}
for shots in (1, 8):
    sounds = [(wave, RATE) for wave in examples[:shots]]
    numbers[shots] = psds(det.learn({PHRASE: sounds}))
numbers

# %% [markdown]
# One draw of examples is no measurement: draw others (another seed of the
# bank), and look how far the numbers lie apart. Nothing else has changed:

# %%
taught = det.learn({PHRASE: [(wave, RATE) for wave in examples[:1]]})
before = det.detect("street.wav", ["high pulsing bell"]).scores
after = taught.detect("street.wav", ["high pulsing bell"]).scores
assert np.array_equal(before, after)
