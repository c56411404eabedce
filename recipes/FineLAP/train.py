#!/usr/bin/env python3
"""Language and audio, aligned in clips and in frames: train, evaluate, export.

To run this recipe:
> python train.py hparams/finelap.yaml --data_folder /path/to/manifests

Ablations are overrides of the YAML files; see README.md.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path

import speechbrain as sb
import torch
from speechbrain.utils.distributed import if_main_process, run_on_main
from torch.utils.data import DataLoader

from lhotse_recipes.captioning import source_of
from lhotse_recipes.io import write_json
from lhotse_recipes.ontology import Ontology
from lhotse_recipes.vocabulary import Vocabulary
from speechbrain_opensed.checkpoints import load_encoder, load_finelap
from speechbrain_opensed.core.errors import run_recipe
from speechbrain_opensed.dataio.phrases.audit import bank_relations
from speechbrain_opensed.dataio.phrases.bank import PhraseBank
from speechbrain_opensed.dataio.sets.corpus_mixing import (
    mixed_loader,
    read_corpora,
)
from speechbrain_opensed.dataio.sets.language_audio import LanguageAudioDataset
from speechbrain_opensed.evaluation.sets import (
    evaluate_sets,
    flat,
    open_sets,
)
from speechbrain_opensed.inference.export import export_detector
from speechbrain_opensed.lobes.encoders.named import adopt
from speechbrain_opensed.losses import (
    clip_sigmoid_loss,
    frame_sigmoid_loss,
    info_nce_loss,
)
from speechbrain_opensed.training import OpenSEDBrain, unwrapped
from speechbrain_opensed.training.runs import claim_data, start_run

CLIP_LOSSES = {"sigmoid": clip_sigmoid_loss, "infonce": info_nce_loss}
SCALES = ("temp_global", "b_global", "temp_local", "b_local")


class LanguageAudioBrain(OpenSEDBrain):
    """Hears each clip and reads each text once, and compares them."""

    def compute_forward(self, batch, stage):
        """Embeddings of clips, frames and texts."""
        batch = batch.to(self.device)
        model = unwrapped(self.modules.model)
        heard = mel, valid = model.mel(batch.wavs, batch.wav_lens)
        if stage == sb.Stage.TRAIN:
            # SpecAugment, outside of what may be compiled or distributed.
            for step in self.hparams.augment:
                mel = step(mel)
            heard = mel, valid
        return self.modules.model(
            heard, *model.text_encoder.tokenize(batch.texts)
        )

    def compute_objectives(self, predictions, batch, stage):
        """Captions to clips, and phrases to the frames that are known."""
        clip, frames, texts = predictions
        batch = batch.to(self.device)
        model = unwrapped(self.modules.model)
        frames = frames[:, : batch.targets.shape[2]]
        # Cosines in bf16 are too coarse for what a temperature makes of them.
        with torch.autocast(self.device_type, enabled=False):
            logits = model.frame_logits(frames, texts[batch.query_index])
            frame_loss = frame_sigmoid_loss(
                logits, batch.targets, batch.loss_mask
            )
            clip_loss = CLIP_LOSSES[self.hparams.clip_loss](
                clip, texts[batch.captions], *model.clip_scale
            )
        # A weight of 0 keeps a loss in the graph, which all ranks share.
        return (
            self.hparams.clip_weight * clip_loss
            + self.hparams.frame_weight * frame_loss
        )

    def on_stage_end(self, stage, stage_loss, epoch=None):
        """Validates, logs and keeps the best model."""
        if stage == sb.Stage.TRAIN:
            self.train_loss = stage_loss
            return
        first = self.hparams.hear[0]
        numbers = flat(self.evaluated(self.sets["valid"], first))
        model = unwrapped(self.modules.model)
        self.hparams.train_logger.log_stats(
            {
                "epoch": epoch,
                "lr": self.learning_rate,
                **{name: getattr(model, name).item() for name in SCALES},
            },
            train_stats={"loss": self.train_loss},
            valid_stats=numbers,
        )
        wanted = self.hparams.criterion
        score = float(sum(numbers[name] for name in wanted)) / len(wanted)
        self.checkpointer.save_and_keep_only(
            meta={"score": score}, max_keys=["score"]
        )

    def evaluated(self, sets, hear):
        """Numbers of all tasks of sets; on every rank the same."""
        return evaluate_sets(
            self.modules.model,
            sets,
            self.hparams.valid_batch_size,
            hear == "published",
        )

    def test(self):
        """Evaluates the best model, and writes the results."""
        self.checkpointer.recover_if_possible(max_key="score")
        first, *others = self.hparams.hear
        results = self.evaluated(self.sets["test"], first)
        for hear in others:
            sets = {
                f"{name} ({hear})": opened
                for name, opened in self.sets["test"].items()
                if heard_otherwise(opened[0], self.hparams.spec)
            }
            results |= self.evaluated(sets, hear)
        # All ranks: SpeechBrain's logger has them wait for each other.
        self.hparams.train_logger.log_stats(
            {"Epoch loaded": self.hparams.epoch_counter.current},
            test_stats=flat(results),
        )
        if if_main_process():
            folder = Path(self.hparams.output_folder)
            write_json(folder / "results.json", results)


def dataio_prep(hparams, sets):
    """The loader of all corpora that are not left out."""
    tested = {
        source_of(cut)
        for opened in sets.values()
        for cuts, _ in opened.values()
        for cut in cuts
    }
    corpora = read_corpora(
        hparams["train_cuts"],
        hparams["leave_out"],
        hparams["missing_audio"],
        hparams["output_folder"],
        kept_out=tested if hparams["keep_tested_out"] else (),
        annotated_only=not hparams["clip_weight"],
    )
    weights = {
        name: weight
        for name, weight in (hparams["mix"] or {}).items()
        if name in corpora or name not in hparams["train_cuts"]
    }
    bank = PhraseBank.from_jsonl(hparams["phrase_bank"])
    relations = annotated = None
    if hparams["ontology_file"] is not None:
        ontology = Ontology.from_json(hparams["ontology_file"])
        relations = bank_relations(bank, ontology)
    if hparams["vocabularies"] is not None:
        annotated = {
            name: Vocabulary.load(name).labels
            for name in hparams["vocabularies"]
        }
    dataset = LanguageAudioDataset(
        hparams["spec"],
        hparams["query_sampler"](bank, relations, annotated=annotated),
        seed=hparams["seed"],
        rounding=hparams["rounding"],
    )
    return mixed_loader(
        dataset,
        corpora,
        weights,
        hparams["epoch_cuts"],
        hparams["batch_size"],
        num_workers=hparams["num_workers"],
        seed=hparams["seed"],
        **hparams["loader"],
    )


def heard_otherwise(cuts, spec):
    """Whether some clip is more than one channel of one window."""
    return any(
        cut.duration > spec.window_seconds or cut.num_channels > 1
        for cut in cuts
    )


def read_sets(hparams):
    """Sets to validate and to test with, opened before anything is trained."""
    sets = {"valid": hparams["valid_sets"], "test": hparams["test_sets"]}
    wanted = hparams["leave_out_sets"]
    leave_out = [wanted] if isinstance(wanted, str) else wanted
    known = [name for of in sets.values() for name in of]
    unknown = [name for name in leave_out if name not in known]
    if unknown:
        raise ValueError(
            f"no set {', '.join(unknown)} to leave out: there are "
            f"{', '.join(dict.fromkeys(known))}"
        )
    lost = [
        name
        for name in hparams["criterion"]
        if any(name.startswith(f"{one} ") for one in leave_out)
    ]
    if lost:
        raise ValueError(
            f"leave_out_sets takes away what chooses the model: {lost}; give "
            "another criterion"
        )
    return {
        part: open_sets(of, hparams["missing_audio"], leave_out)
        for part, of in sets.items()
    }


def start_from(model, hparams):
    """Scales to begin with; weights of a model, or of its audio encoder."""
    for name in ("global", "local"):
        with torch.no_grad():
            getattr(model, f"temp_{name}").fill_(hparams["temperature"])
            getattr(model, f"b_{name}").fill_(hparams["bias"])
    config = hparams["pretrained_config"]
    if hparams["pretrained_encoder"] is not None:
        source, name = hparams["pretrained_encoder"], hparams["encoder"]
        adopt(model.tower, load_encoder(source, config, name))
    if hparams["pretrained"] is not None:
        whole = load_finelap(hparams["pretrained"], config)
        model.load_state_dict(whole.state_dict())


def main(arguments):
    """Reads the YAML, and runs it."""
    hparams, run_opts = start_run(arguments)
    if hparams["prepare"] is not None:
        run_on_main(hparams["prepare"])
    run_on_main(claim_data, [hparams])
    needed = hparams["model"].spec.sample_rate
    if hparams["spec"].sample_rate != needed:
        raise ValueError(
            f"the audio encoder hears {needed} samples a second: give "
            f"--sample_rate {needed}"
        )
    hear = hparams["hear"]
    if not hear or set(hear) - {"published", "all"}:
        raise ValueError(f"hear {hear}: a list of published, all or both")
    sets = read_sets(hparams)
    train = dataio_prep(hparams, sets)
    run_on_main(start_from, args=[hparams["model"], hparams])

    brain = LanguageAudioBrain.from_hparams(hparams, run_opts)
    brain.sets = sets
    # Validation has sets of its own, but it is a stage: checkpoints of its
    # end lie between two epochs.
    brain.fit(hparams["epoch_counter"], train, DataLoader([]))
    brain.test()
    if if_main_process():
        export_detector(
            Path(hparams["output_folder"]) / "detector",
            Path(hparams["output_folder"]) / "hyperparams.yaml",
            brain.modules,
            spec=hparams["spec"],
        )


if __name__ == "__main__":
    run_recipe(main)
