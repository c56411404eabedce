#!/usr/bin/env python3
"""Sound event detection prompted by text: train, evaluate, export.

To run this recipe:
> python train.py hparams/event_bank.yaml --bank_folder /path/to/recordings

Zero-shot (--held_out), few-shot (--shots with --pretrained), ablations and
baselines are overrides of the YAML files; see README.md.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import speechbrain as sb
from lhotse import CutSet
from speechbrain.utils.distributed import if_main_process, run_on_main
from speechbrain.utils.logger import get_logger

from lhotse_recipes.io import write_atomically, write_json
from lhotse_recipes.schema import events_of, label_of, tags_of
from lhotse_recipes.vocabulary import Vocabulary
from speechbrain_opensed.checkpoints import load_strict, read_state
from speechbrain_opensed.core.errors import run_recipe
from speechbrain_opensed.dataio.audio import with_audio
from speechbrain_opensed.dataio.loader import evaluation_loader, training_loader
from speechbrain_opensed.dataio.queries import AllQueries
from speechbrain_opensed.dataio.sets.corpus_mixing import (
    mixed_loader,
    read_corpora,
)
from speechbrain_opensed.dataio.sets.detection import SedDataset
from speechbrain_opensed.dataio.sets.few_shot import read_labels
from speechbrain_opensed.evaluation.ground_truth import read_truth
from speechbrain_opensed.evaluation.report import write_report
from speechbrain_opensed.inference.card import summarize_cuts
from speechbrain_opensed.inference.export import export_detector
from speechbrain_opensed.training import OpenSEDBrain, unwrapped
from speechbrain_opensed.training.runs import claim_data, start_run
from speechbrain_opensed.training.semi import augment_with

logger = get_logger(__name__)


class DetectionBrain(OpenSEDBrain):
    """Asks the model about phrases and compares the tracks with events."""

    def compute_forward(self, batch, stage):
        """Logits `[batch, queries, frames]`, and what they are to be."""
        batch = batch.to(self.device)
        if stage == sb.Stage.TRAIN:
            return self.taught(batch)
        return self.asked(batch, batch.wavs), batch, None

    def asked(self, batch, heard):
        """Logits of waves, or of their spectrograms."""
        embedded = self.modules.text_encoder(batch.phrases)
        return self.modules.model(heard, embedded[batch.query_index])

    def taught(self, batch):
        """Logits of augmented clips, and the teacher's tracks of these."""
        semi, draws = self.hparams.semi, self.step_generator()
        heard, teacher = batch.wavs, None
        if semi is not None:
            batch = semi.mix(batch, draws)
            heard = batch.wavs
            teacher = semi.teach(self, batch, lambda: self.asked(batch, heard))
        if self.hparams.augment is not None:
            # Outside of what may be compiled or distributed.
            mel = unwrapped(self.modules.model).mel(heard)
            heard, batch, teacher = augment_with(
                self.hparams.augment, mel, batch, teacher, draws
            )
        return self.asked(batch, heard), batch, teacher

    def compute_objectives(self, predictions, batch, stage):
        """The YAML's objective over what is known of the clips."""
        logits, batch, teacher = predictions
        if stage != sb.Stage.TRAIN:
            self.psds.append(
                batch.ids,
                logits.float().sigmoid().transpose(1, 2),
                batch.wav_lens * self.hparams.spec.window_seconds,
            )
        loss = self.hparams.objective(logits, batch.targets, batch.loss_mask)
        semi = self.hparams.semi
        if stage == sb.Stage.TRAIN and semi is not None:
            loss = loss + semi.loss(logits, teacher, batch, self.optimizer_step)
        return loss

    def on_stage_start(self, stage, epoch=None):
        """Starts collecting scores."""
        if stage != sb.Stage.TRAIN:
            self.psds = self.hparams.psds_stats(
                self.data.labels,
                self.data.truth[stage],
                self.hparams.spec.hop_seconds,
                groups=self.data.groups,
            )

    def on_stage_end(self, stage, stage_loss, epoch=None):
        """Logs, keeps the best model, writes the results."""
        if stage == sb.Stage.TRAIN:
            self.train_loss = stage_loss
            return
        stats = {"loss": stage_loss, **self.psds.summarize()}
        if stage == sb.Stage.VALID:
            self.hparams.train_logger.log_stats(
                {"epoch": epoch, "lr": self.learning_rate},
                train_stats={"loss": self.train_loss},
                valid_stats={"loss": stage_loss, **self.psds.marked()},
            )
            score = float(sum(stats[name] for name in self.hparams.criterion))
            self.checkpointer.save_and_keep_only(
                meta={"score": score}, max_keys=["score"]
            )
            return
        note = self.psds.coverage()
        stats = self.scores = {"loss": stage_loss, **self.psds.marked()}
        # All ranks: SpeechBrain's logger has them wait for each other.
        self.hparams.train_logger.log_stats(
            {"Epoch loaded": self.hparams.epoch_counter.current},
            test_stats=stats,
        )
        if if_main_process():
            folder = Path(self.hparams.output_folder)
            with write_atomically(folder / "per_class.tsv") as file:
                self.psds.write_classes(file)
            write_json(folder / "results.json", {"note": note, **stats})
            mistakes = write_report(
                folder / "report.html", self.psds, self.data.test_cuts
            )
            for true, taken, count in mistakes.confusions()[:5]:
                logger.info(f"'{true}' is taken for '{taken}': {count} times")
            if note:
                logger.warning(note)


def dataio_prep(hparams):
    """Loaders, ground truth and classes, by the YAML's cut sets."""
    vocabulary = Vocabulary.load(hparams["vocabulary"])
    manifests = {
        "train": hparams["train_cuts"],
        "valid": hparams["valid_cuts"],
        "test": hparams["test_cuts"],
    }
    corpora = None
    if isinstance(manifests["train"], Mapping):
        corpora = read_corpora(manifests.pop("train"), hparams["leave_out"])
    cuts = {
        part: with_audio(CutSet.from_jsonl_lazy(path))
        for part, path in manifests.items()
    }
    if corpora is not None:
        cuts["train"] = [cut for one in corpora.values() for cut in one]
    held_out = read_labels(hparams["held_out"], vocabulary)
    heard = {
        label_of(one)
        for cut in cuts["train"]
        for one in (*events_of(cut), *tags_of(cut))
    }
    if not hparams["shots"]:
        heard.difference_update(held_out)
    # A class that is never there would be learnt to be never there.
    asked = [label for label in vocabulary.labels if label in heard]
    tested = [e.label for e in vocabulary.entries if e.evaluated is not False]
    annotated = {vocabulary.name: vocabulary.labels}
    if hparams.get("relations_file", "") is None:
        logger.info("negatives are random: relations_file is null")
    options = dict(phrases=vocabulary.phrases, seed=hparams["seed"])
    if hparams["frame_cache"] is not None:
        options["frames"] = hear_once(cuts, hparams)

    def loader(part, labels=tested):
        queries = AllQueries(labels, annotated)
        return evaluation_loader(
            SedDataset(hparams["spec"], queries, **options),
            cuts[part],
            max_cuts=hparams["valid_batch_size"],
            num_workers=hparams["num_workers"],
        )

    dataset = SedDataset(
        hparams["spec"],
        hparams["query_sampler"](asked, annotated=annotated),
        rounding=hparams["rounding"],
        **options,
    )
    reading = {key: hparams[key] for key in ("num_workers", "seed")}
    reading |= hparams["loader"]
    size = hparams["batch_size"]
    if corpora is None:
        train = training_loader(dataset, cuts["train"], size, **reading)
    else:
        mix = {name: hparams["mix"][name] for name in corpora}
        shares = corpora, mix, hparams["epoch_cuts"]
        train = mixed_loader(dataset, *shares, size, **reading)
    truth = {
        sb.Stage.VALID: read_truth(cuts["valid"], only=tested).events,
        sb.Stage.TEST: read_truth(cuts["test"], only=tested).events,
    }
    groups = {
        "seen": [x for x in tested if x in heard and x not in held_out],
        "unseen": [x for x in tested if x not in heard or x in held_out],
    }
    if hparams["fit"] is not None:
        hparams["fit"](batches=loader("train", asked))
    return SimpleNamespace(
        labels=tested,
        train=train,
        valid=loader("valid"),
        test=loader("test"),
        truth=truth,
        groups=groups,
        heard=[vocabulary.phrases[label] for label in asked],
        test_cuts=cuts["test"],
        parts={part: summarize_cuts(of) for part, of in cuts.items()},
    )


def hear_once(cuts, hparams):
    """Frames of all clips, computed by the first process."""
    every = [cut for part in cuts.values() for cut in part]
    run_on_main(hparams["frame_cache"], kwargs={"cuts": every})
    return hparams["frame_cache"](cuts=every)


def check_spec(hparams):
    """Refuses a spec by which the model on a named encoder does not hear."""
    spec, model = hparams["spec"], hparams["model"]
    if not hasattr(model, "hop_seconds"):
        return
    encoder = model.encoder
    if spec.window_seconds > encoder.window_seconds:
        raise ValueError(
            f"the spec has windows of {spec.window_seconds:g} s: the encoder "
            f"hears at most {encoder.window_seconds:g} s at once"
        )
    wanted = {
        "sample_rate": encoder.sample_rate,
        "hop_seconds": model.hop_seconds,
    }
    other = {k: v for k, v in wanted.items() if getattr(spec, k) != v}
    if other:
        raise ValueError(
            f"the encoder needs {other}: give that, such as --"
            + " --".join(f"{key} {value}" for key, value in other.items())
        )


def start_from(model, hparams):
    """Pretrained encoder, or a whole model to go on from."""
    if hparams["pretrained_encoder"] is not None:
        model.init_from(
            hparams["load_encoder"](
                hparams["pretrained_encoder"], hparams["encoder_config"]
            )
        )
    if hparams["pretrained"] is not None:
        state = read_state(hparams["pretrained"], "model.safetensors")
        load_strict(model, state, optional=("front_end.",)).train()


def main(arguments):
    """Reads the YAML, and runs it."""
    hparams, run_opts = start_run(arguments)
    check_spec(hparams)
    start = [hparams["model"], hparams]
    run_on_main(
        start_from,
        args=start,
        post_func=start_from,
        post_args=start,
        run_post_on_main=False,
    )
    run_on_main(hparams["prepare"])
    run_on_main(claim_data, [hparams])
    data = dataio_prep(hparams)

    brain = DetectionBrain.from_hparams(hparams, run_opts)
    brain.data = data
    counts = {name: len(of) for name, of in data.groups.items()}
    logger.info(f"classes to test: {counts}")
    brain.fit(hparams["epoch_counter"], data.train, data.valid)
    brain.evaluate(data.test, max_key="score")
    if if_main_process():
        with brain.averaged():
            export_detector(
                Path(hparams["output_folder"]) / "detector",
                Path(hparams["output_folder"]) / "hyperparams.yaml",
                brain.modules,
                spec=replace(hparams["spec"], classes=data.heard),
                about={
                    "encoder": Path(hparams["pretrained_encoder"] or "").name,
                    "data": data.parts,
                    "scores": brain.scores,
                },
            )


if __name__ == "__main__":
    run_recipe(main)
