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
# # Choose utterances by what sounds beside them
#
# A corpus of speech gains sound events; utterances get the names of what
# sounds meanwhile, and a recogniser is trained in SpeechBrain on those without
# it. The corpus here is made: "speech" is a row of tones, one for each letter,
# and some of it has a buzz under it.

# %%
from pathlib import Path

import numpy as np
import soundfile
from lhotse import CutSet, Recording, SupervisionSegment

RATE, LETTERS = 16000, "ABCD"
rng = np.random.default_rng(0)
Path("spoken").mkdir(exist_ok=True)
time = np.arange(RATE // 4) / RATE
cuts = []
for number in range(24):
    word = "".join(rng.choice(list(LETTERS), 4))
    wave = np.concatenate(
        [
            0.1 * np.sin(2 * np.pi * (400 + 300 * LETTERS.index(x)) * time)
            for x in word
        ]
    )
    if number % 3 == 0:
        wave += 0.4 * np.sign(np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE))
    path = f"spoken/{number:02d}.wav"
    soundfile.write(path, wave, RATE)
    cut = Recording.from_file(path).to_cut()
    cut.supervisions = [
        SupervisionSegment(
            f"utt-{number}", cut.recording_id, 0.0, 1.0, text=word
        )
    ]
    cuts.append(cut)
CutSet.from_cuts(cuts).to_file("spoken.jsonl.gz")

# %% [markdown]
# ## Annotate
#
# The detector of this folder has learned nothing; a few examples teach it the
# buzz. Any number of jobs gives the same manifest, and `resume=True` goes on
# with one that was interrupted. `executor=` takes an executor of
# `concurrent.futures` or a client of Dask.

# %%
from speechbrain_opensed import SoundEventDetector
from speechbrain_opensed.evaluation.annotate import annotate_events

buzz = 0.4 * np.sign(np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE))
Path("buzz").mkdir(exist_ok=True)
for number in range(3):
    noise = rng.normal(0, 0.02, len(buzz))
    soundfile.write(f"buzz/{number}.wav", buzz + noise, RATE)
detector = SoundEventDetector.from_source("detector", {"device": "cpu"})
detector = detector.learn({"buzz": [f"buzz/{n}.wav" for n in range(3)]})

annotated = annotate_events(
    CutSet.from_file("spoken.jsonl.gz"),
    detector,
    ["buzz"],
    output="heard.jsonl.gz",
    num_jobs=2,
)

# %% [markdown]
# ## Tag, or choose
#
# `audio_event` is where Lhotse's `AudioTaggingDataset` and icefall look.

# %%
from lhotse_recipes.background import choose_by_background, tag_background

tagged = annotated.map(tag_background).to_eager()
for cut in tagged.subset(first=4):
    said = cut.supervisions[0]
    print(said.id, said.text, repr(said.audio_event))
chosen = choose_by_background(tagged, most=0.2).to_eager()
print(len(chosen), "of", len(tagged), "utterances are left")
buzzing = {f"utt-{number}" for number in range(0, 24, 3)}
left = {cut.supervisions[0].id for cut in chosen}
assert left and not left & buzzing

# %% [markdown]
# ## Train
#
# From here on it is SpeechBrain: items of a dataset, a Brain, a CTC loss.

# %%
import speechbrain as sb
import torch
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.lobes.features import Fbank


@sb.utils.data_pipeline.takes("cut")
@sb.utils.data_pipeline.provides("sig")
def read(cut):
    return torch.from_numpy(cut.load_audio()[0])


@sb.utils.data_pipeline.takes("cut")
@sb.utils.data_pipeline.provides("tokens")
def spell(cut):
    return torch.tensor(
        [1 + LETTERS.index(x) for x in cut.supervisions[0].text]
    )


data = DynamicItemDataset(
    {cut.id: {"cut": cut} for cut in chosen},
    dynamic_items=[read, spell],
    output_keys=["id", "sig", "tokens"],
)


class Recogniser(sb.Brain):
    def compute_forward(self, batch, stage):
        feats = self.modules.features(batch.sig.data)
        return self.modules.linear(feats).log_softmax(-1)

    def compute_objectives(self, predictions, batch, stage):
        tokens, lengths = batch.tokens
        return sb.nnet.losses.ctc_loss(
            predictions, tokens, batch.sig.lengths, lengths, blank_index=0
        )

    def on_stage_end(self, stage, stage_loss, epoch=None):
        losses.append(stage_loss)


losses: list[float] = []
torch.manual_seed(0)
recogniser = Recogniser(
    {
        "features": Fbank(n_mels=20),
        "linear": torch.nn.Linear(20, 1 + len(LETTERS)),
    },
    lambda parameters: torch.optim.Adam(parameters, 0.01),
    run_opts={"device": "cpu"},
)
recogniser.fit(range(6), data, train_loader_kwargs={"batch_size": 4},
               progressbar=False)  # fmt: skip
print([round(loss, 2) for loss in losses])
assert losses[-1] < losses[0]
