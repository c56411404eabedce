#!/usr/bin/env python3
"""Audio generation in the style of a reference: train, evaluate, export.

To run this recipe:
> python train.py hparams/style_adapter.yaml --data_folder /path/to/manifests
      --tango_folder /path/to/tango

Ablations are overrides of the YAML files; see README.md.

Authors
 * The speechbrain-opensed contributors 2026
"""

from pathlib import Path
from zlib import crc32

import speechbrain as sb
import torch
from generation import score_clips
from lhotse import CutSet
from speechbrain.utils.distributed import if_main_process, run_on_main
from speechbrain.utils.logger import get_logger

from lhotse_recipes.io import write_json
from speechbrain_opensed.checkpoints import (
    load_strict,
    load_tango,
    read_state,
)
from speechbrain_opensed.checkpoints.adapters import save_adapter
from speechbrain_opensed.checkpoints.tango_layout import SIZES
from speechbrain_opensed.core.errors import run_recipe
from speechbrain_opensed.dataio.loader import evaluation_loader, training_loader
from speechbrain_opensed.dataio.style.caches import (
    cache_latents,
    cache_texts,
    load_clips,
)
from speechbrain_opensed.dataio.style.data import StyleDataset
from speechbrain_opensed.inference.export import export_generator
from speechbrain_opensed.inference.generator import StyleTransferGenerator
from speechbrain_opensed.lobes.style.codec import sample_latent
from speechbrain_opensed.lobes.style.reference_encoder import (
    ReferenceEncoder,
)
from speechbrain_opensed.losses import min_snr_weights, velocity_loss
from speechbrain_opensed.training import OpenSEDBrain
from speechbrain_opensed.training.runs import claim_data, start_run

logger = get_logger(__name__)


class StyleBrain(OpenSEDBrain):
    """Predicts the velocity of latents from text and reference."""

    def compute_forward(self, batch, stage):
        """Predicted and true velocities, and shares of the signal."""
        if stage == sb.Stage.TRAIN:
            generator = self.step_generator()
        else:
            # The same noise in every epoch and run.
            seed = crc32("\n".join(batch.ids).encode())
            generator = torch.Generator().manual_seed(seed)
        batch = self.encoded(batch)
        latents = sample_latent(batch.mean, batch.logvar, generator)
        noise = torch.randn(latents.shape, generator=generator)
        schedule = self.hparams.noise_schedule
        time = torch.randint(
            schedule.config.num_train_timesteps,
            (len(latents),),
            generator=generator,
        )
        if stage != sb.Stage.TRAIN:
            time = torch.full_like(time, self.hparams.valid_time)
        noisy = schedule.add_noise(latents, noise, time)
        velocity = schedule.get_velocity(latents, noise, time)
        batch = batch.to(self.device)
        predicted = self.modules.net(
            noisy.to(self.device),
            time.to(self.device),
            batch.text_states,
            batch.text_mask,
            batch.references,
            batch.reference_lens,
            batch.keep_style,
        )
        return (
            predicted,
            velocity.to(self.device),
            schedule.alphas_cumprod[time],
        )

    def encoded(self, batch):
        """The batch with latents and states, from caches or computed here."""
        if batch.mean is None:
            codec = self.hparams.codec.to(self.device)
            with torch.no_grad():
                mean, logvar = codec.encode(
                    codec.mel(batch.wavs.to(self.device))
                )
            batch.mean = mean.cpu()
            batch.logvar = None if logvar is None else logvar.cpu()
        if batch.text_states is None:
            encoder = self.hparams.text_encoder.to(self.device)
            batch.text_states, batch.text_mask = encoder(batch.captions)
        return batch

    def compute_objectives(self, predictions, batch, stage):
        """Squared error, in training weighted by the time step."""
        predicted, velocity, alpha_bar = predictions
        weights = torch.ones_like(alpha_bar)
        if stage == sb.Stage.TRAIN:
            weights = min_snr_weights(
                alpha_bar, self.hparams.snr_gamma, self.hparams.snr_form
            )
        return velocity_loss(predicted, velocity, weights.to(self.device))

    def on_stage_end(self, stage, stage_loss, epoch=None):
        """Logs and keeps the best model."""
        if stage == sb.Stage.TRAIN:
            self.train_loss = stage_loss
        elif stage == sb.Stage.VALID:
            self.hparams.train_logger.log_stats(
                {"epoch": epoch, "lr": self.learning_rate},
                train_stats={"loss": self.train_loss},
                valid_stats={"loss": stage_loss},
            )
            self.checkpointer.save_and_keep_only(
                meta={"loss": stage_loss}, min_keys=["loss"]
            )
        else:
            self.test_loss = stage_loss
            self.hparams.train_logger.log_stats(
                {"Epoch loaded": self.hparams.epoch_counter.current},
                test_stats={"loss": stage_loss},
            )


def read_cuts(hparams):
    """Part to clips and to their references."""
    manifests = {
        "train": (hparams["train_cuts"], hparams["train_references"]),
        "valid": (hparams["valid_cuts"], hparams["valid_references"]),
        "test": (hparams["test_cuts"], hparams["test_references"]),
    }
    parts = {
        part: [CutSet.from_jsonl_lazy(path).to_eager() for path in paths]
        for part, paths in manifests.items()
    }
    sizes = {part: len(cuts) for part, (cuts, _) in parts.items()}
    if empty := [part for part, size in sizes.items() if not size]:
        raise ValueError(
            f"no clip in {', '.join(empty)}, of {sum(sizes.values())} clips in "
            "all: give these parts larger shares of the videos with --splits, "
            "or more data"
        )
    return parts


def dataio_prep(hparams, parts, device):
    """Loaders of the parts, with caches where they are wanted."""

    def dataset(part):
        cuts, references = parts[part]
        cached = {}
        if hparams["cached"]:
            folder = Path(hparams["cache_folder"])
            cached = {
                "latents": cache_latents(
                    folder / "latents",
                    cuts,
                    hparams["codec"],
                    hparams["spec"],
                    device=device,
                ),
                "texts": cache_texts(
                    folder / "texts", cuts, hparams["text_encoder"], device
                ),
            }
        return StyleDataset(
            references,
            hparams["spec"],
            hparams["ref_seconds"],
            reference=hparams["reference"],
            drop=hparams["condition_drop"],
            seed=hparams["seed"],
            **cached,
        )

    def loader(part):
        return evaluation_loader(
            datasets[part],
            parts[part][0],
            max_cuts=hparams["valid_batch_size"],
            num_workers=hparams["num_workers"],
        )

    datasets = {part: dataset(part) for part in parts}
    train = training_loader(
        datasets["train"],
        parts["train"][0],
        hparams["batch_size"],
        num_workers=hparams["num_workers"],
        seed=hparams["seed"],
    )
    return train, loader("valid"), loader("test")


def start_from(hparams, cuts):
    """Weights of the base model, or what the codec needs to know instead."""
    if hparams["tango_folder"] is not None:
        codec, text_encoder = hparams["codec"], hparams["text_encoder"]
        models = {
            "unet": hparams["unet"],
            "vae": codec.vae,
            "vocoder": codec.vocoder,
            "text_encoder": text_encoder.model,
        }
        sizes = {
            part: {name: getattr(model.config, name) for name in SIZES[part]}
            for part, model in models.items()
        }
        tango = load_tango(
            hparams["tango_folder"], sizes, text_encoder.tokenizer
        )
        for part, model in models.items():
            load_strict(model, getattr(tango, part).state_dict())
    if hparams["pretrained"] is not None:
        for name in ("unet", "codec"):
            path = Path(hparams["pretrained"]) / f"{name}.safetensors"
            load_strict(hparams[name], read_state(path))
    elif hparams["calibrate_clips"]:
        some = list(cuts)[: hparams["calibrate_clips"]]
        codec = hparams["codec"]
        codec.calibrate(codec.mel(load_clips(some, hparams["spec"])))
    for name in ("codec", "text_encoder"):
        hparams[name].requires_grad_(False).eval()
    hparams["net"].set_trained(hparams["trained"])


def main(arguments):
    """Reads the YAML, and runs it."""
    hparams, run_opts = start_run(arguments)
    device = run_opts.get("device", "cpu")
    run_on_main(hparams["prepare"])
    run_on_main(claim_data, [hparams])
    parts = read_cuts(hparams)
    start_from(hparams, parts["train"][0])
    # The caches are made by one process and found by the others.
    run_on_main(dataio_prep, args=[hparams, parts, device])
    train, valid, test = dataio_prep(hparams, parts, device)

    brain = StyleBrain.from_hparams(hparams, run_opts)
    # A frozen U-Net need not be in every checkpoint.
    if any(p.requires_grad for p in hparams["unet"].parameters()):
        brain.checkpointer.add_recoverable("unet", hparams["unet"])
    brain.fit(hparams["epoch_counter"], train, valid)
    brain.evaluate(test, min_key="loss")
    if if_main_process():
        output = Path(hparams["output_folder"])
        with brain.averaged():
            net = brain.modules.net
            net = getattr(net, "module", net)
            folder = export_generator(
                output / "generator",
                output / "hyperparams.yaml",
                {
                    "unet": net.unet,
                    "adapter": net.adapter,
                    "codec": hparams["codec"],
                },
            )
            if isinstance(net.adapter.encoder, ReferenceEncoder):
                save_adapter(output / "adapter", net.adapter, net.unet)
        results = {"loss": brain.test_loss}
        if hparams["num_generated"]:
            generator = StyleTransferGenerator.from_hparams(
                folder, run_opts={"device": device}
            )
            results |= score_clips(
                hparams, generator, *parts["test"], output / "generated"
            )
        write_json(output / "results.json", results)


if __name__ == "__main__":
    run_recipe(main)
