"""A tiny model learns four clips by heart, and finds their events again."""

import numpy as np
import soundfile as sf
import torch
from lhotse.dataset import SimpleCutSampler

from lhotse_recipes.schema import label_of, trim_events
from lhotse_recipes.soundscapes import ProceduralBank, simulate_soundscapes
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.dataio.loader import CutLoader
from speechbrain_opensed.dataio.queries import AllQueries
from speechbrain_opensed.dataio.sets.detection import SedDataset
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.lobes.flexsed import FlexSED
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
from speechbrain_opensed.losses import detection_loss
from speechbrain_opensed.metrics import compute_psds
from speechbrain_opensed.training import OpenSEDBrain

PHRASES = ["high pulsing bell", "low rising buzz", "mid steady tone"]


class Overfit(OpenSEDBrain):
    """Trains on everything that a clip can be asked."""

    def compute_forward(self, batch, stage):
        queries = self.modules.text_encoder(batch.phrases)
        return self.modules.model(batch.wavs, queries[batch.query_index])

    def compute_objectives(self, logits, batch, stage):
        self.last = detection_loss(logits, batch.targets, batch.loss_mask)
        return self.last


def test_four_clips_by_heart(tmp_path):
    torch.manual_seed(0)
    bank = ProceduralBank(seed=0).write(
        tmp_path / "bank", per_phrase=1, num_backgrounds=1, phrases=PHRASES
    )
    cuts = simulate_soundscapes(
        bank, None, 4, seed=0, duration=4.0, events_per_clip=(1, 2)
    )
    spec = SedSpec(window_seconds=4.0)
    dataset = SedDataset(
        spec, AllQueries(PHRASES), {phrase: phrase for phrase in PHRASES}
    )
    modules = {
        "model": FlexSED(
            32, 2, 2, target_length=408, ft_blocks=1, cls_dim=16, stem="conv"
        ),
        "text_encoder": HashTextEncoder(16),
    }
    # Dasheng's is 0.01: too slow for the few steps of a test.
    modules["model"].encoder.init_bn[1].momentum = 0.1
    brain = Overfit(
        modules,
        lambda groups: torch.optim.AdamW(groups, lr=3e-3),
        run_opts={"device": "cpu", "max_grad_norm": 1.0},
    )
    loader = CutLoader(
        dataset, SimpleCutSampler(cuts, max_cuts=4, seed=0), seed=0
    )
    brain.fit(range(1, 81), loader, progressbar=False)
    assert brain.last.item() < 0.03

    detector = SoundEventDetector(
        modules=modules,
        hparams={"spec": spec},
        run_opts={"device": "cpu"},
    )
    scores, truth = {}, {}
    for cut in cuts:
        path = tmp_path / f"{cut.id}.wav"
        wave = cut.load_audio()[0]
        sf.write(path, wave / np.abs(wave).max(), 16000)
        found = detector.detect_file(path, PHRASES)
        scores[cut.id] = found.scores
        truth[cut.id] = [
            (event.start, event.end, label_of(event))
            for event in trim_events(cut)
        ]
        assert {e.phrase for e in found.events} == {
            label for *_, label in truth[cut.id]
        }
    classes = [p for p in PHRASES if any(p in str(t) for t in truth.values())]
    result = compute_psds(
        {
            clip: s[:, [PHRASES.index(c) for c in classes]]
            for clip, s in scores.items()
        },
        truth,
        dict.fromkeys(truth, 4.0),
        classes,
        0.04,
    )
    assert result.psds > 0.95
