"""Trained encoders that generated sound is judged by.

Each is built from a local file or folder, or a name on the Hugging Face hub;
nothing is fetched before one is built.

Authors
 * The speechbrain-opensed contributors 2026
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechbrain_opensed.checkpoints.mobilenet import load_mobilenet
from speechbrain_opensed.checkpoints.reading import load_strict, read_state
from speechbrain_opensed.core.frontends import MelSpectrogram, mel_bank
from speechbrain_opensed.core.hub import load_pretrained, local_options
from speechbrain_opensed.lobes.encoders.clap import (
    CLAP,
    embed_texts,
    hear,
    load_clap,
)
from speechbrain_opensed.lobes.encoders.clap_mel import ClapMel
from speechbrain_opensed.metrics.generation.encoding import (
    AudioEncoder,
    Encoding,
    RandomEncoder,
)

__all__ = [
    "JUDGES",
    "AstEncoder",
    "BeatsEncoder",
    "ClapEncoder",
    "Cnn14Encoder",
    "MobileNetEncoder",
    "build_evaluator",
    "rename_cnn14",
]


class ClapEncoder(AudioEncoder):
    """CLAP of the transformers library: hears sound and reads text.

    Paper: https://arxiv.org/abs/2211.06687

    Arguments
    ---------
    source : str or Path
        Name on the hub, or a local folder with model and processor.

    Raises
    ------
    FileNotFoundError
        If it can be neither found nor fetched.

    Example
    -------
    >>> ClapEncoder("./nowhere")
    Traceback (most recent call last):
    FileNotFoundError: no CLAP model ... at ./nowhere and none could ...
    """

    hears_text = True

    def __init__(self, source: str | Path = CLAP):
        model, tokenizer, extractor = load_clap(source)
        super().__init__(extractor.sampling_rate)
        self.model = model
        self.processor = SimpleNamespace(
            tokenizer=tokenizer, feature_extractor=extractor
        )
        self.train(False)

    @cached_property
    def mel(self) -> ClapMel:
        """The front end, as its settings and the model want it."""
        fused = self.model.config.audio_config.enable_fusion
        return ClapMel(self.processor.feature_extractor.to_dict(), fused)

    def encode(self, wavs: Tensor) -> Encoding:
        """Encodes `[batch, samples]`; of long ones the middle is heard."""
        mel = self.mel.to(wavs.device)
        counts = [wavs.shape[1]] * len(wavs)
        heard = hear(self.model, mel, wavs, counts)
        return Encoding(F.normalize(heard, dim=-1))

    @torch.no_grad()
    def text(self, prompts: Sequence[str]) -> Tensor:
        """Embeds prompts: `[prompts, dim]`."""
        texts = embed_texts(self.model, self.processor.tokenizer, prompts)
        return F.normalize(texts, dim=-1)


class AstEncoder(AudioEncoder):
    """The audio spectrogram transformer, with its classes of AudioSet.

    Paper: https://arxiv.org/abs/2104.01778

    Arguments
    ---------
    source : str or Path
        Name on the hub, or a local folder.

    Raises
    ------
    FileNotFoundError
        If it can be neither found nor fetched.

    Example
    -------
    >>> AstEncoder("./nowhere")
    Traceback (most recent call last):
    FileNotFoundError: no AST at ./nowhere and none could be fetched ...
    """

    def __init__(
        self, source: str | Path = "MIT/ast-finetuned-audioset-10-10-0.4593"
    ):
        from transformers import ASTFeatureExtractor, ASTForAudioClassification

        model, extractor = load_pretrained(
            "AST",
            source,
            lambda folder: (
                ASTForAudioClassification.from_pretrained(
                    folder, **local_options(folder)
                ),
                ASTFeatureExtractor.from_pretrained(
                    folder, **local_options(folder)
                ),
            ),
            ["config.json", "preprocessor_config.json"],
        )
        super().__init__(extractor.sampling_rate)
        self.model, self.extractor = model.requires_grad_(False), extractor
        self.train(False)

    def encode(self, wavs: Tensor) -> Encoding:
        """Encodes `[batch, samples]`, of which 10.24 s are heard."""
        inputs = self.extractor(
            list(wavs.cpu().numpy()),
            sampling_rate=self.sample_rate,
            return_tensors="pt",
        )["input_values"].to(wavs.device)
        pooled = self.model.audio_spectrogram_transformer(inputs).pooler_output
        return Encoding(pooled, logits=self.model.classifier(pooled))


class BeatsEncoder(AudioEncoder):
    """BEATs as SpeechBrain keeps it.

    Paper: https://arxiv.org/abs/2212.09058. A fine-tuned checkpoint gives
    the logits of its classes as well.

    Arguments
    ---------
    source : str or Path, optional
        The `.pt` file as it was published. None: random weights.

    Raises
    ------
    FileNotFoundError
        If there is no such file.

    Example
    -------
    >>> BeatsEncoder("no.pt")
    Traceback (most recent call last):
    FileNotFoundError: no BEATs at no.pt: download a checkpoint from ...
    """

    def __init__(self, source: str | Path | None = None):
        from speechbrain.lobes.models.beats import BEATs

        super().__init__(16000)
        if source is not None and not Path(source).is_file():
            raise FileNotFoundError(
                f"no BEATs at {source}: download a checkpoint from "
                "https://github.com/microsoft/unilm/tree/master/beats"
            )
        self.model = BEATs(None if source is None else str(source))
        self.model.requires_grad_(False)
        self.train(False)

    def encode(self, wavs: Tensor) -> Encoding:
        """Encodes `[batch, samples]`."""
        frames, *heard = self.model(wavs, torch.ones(len(wavs)).to(wavs))
        logits = torch.logit(heard[0], eps=1e-6) if heard else None
        return Encoding(frames.mean(dim=1), frames, logits)


class Cnn14Encoder(AudioEncoder):
    """Cnn14 of PANNs at 16 kHz, on SpeechBrain's convolutions.

    Paper: https://arxiv.org/abs/1912.10211. Published Fréchet distances and
    divergences of text-to-audio models are by this network: embeddings are
    those of 2048 numbers behind its first linear layer.

    Arguments
    ---------
    source : str or Path, optional
        `Cnn14_16k_mAP=0.438.pth` of https://zenodo.org/records/3987831.
        None: random weights.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If its tensors are others.

    Example
    -------
    >>> Cnn14Encoder("no.pth")
    Traceback (most recent call last):
    FileNotFoundError: no Cnn14 at no.pth: download Cnn14_16k_mAP=0.438.pth ...
    """

    def __init__(self, source: str | Path | None = None):
        from speechbrain.lobes.models.Cnn14 import Cnn14

        super().__init__(16000)
        if source is not None and not Path(source).is_file():
            raise FileNotFoundError(
                f"no Cnn14 at {source}: download Cnn14_16k_mAP=0.438.pth "
                "from https://zenodo.org/records/3987831"
            )
        self.trunk = Cnn14(mel_bins=64, emb_dim=2048)
        self.fc1 = nn.Linear(2048, 2048)
        self.fc_audioset = nn.Linear(2048, 527)
        bank = mel_bank(512, 16000, 64, low=50.0, high=8000.0)
        self.mel = MelSpectrogram(bank, 512, 160, power=2)
        if source is not None:
            load_strict(self, rename_cnn14(read_state(source)))
        self.requires_grad_(False).train(False)

    def encode(self, wavs: Tensor) -> Encoding:
        """Encodes `[batch, samples]`, at least 0.32 s; shorter are padded."""
        wavs = nn.functional.pad(wavs, (0, max(0, 5120 - wavs.shape[1])))
        mel = self.mel(wavs)
        hidden = self.trunk(10 * mel.clamp(min=1e-10).log10())[:, 0]
        embedding = torch.relu(self.fc1(hidden))
        return Encoding(embedding, logits=self.fc_audioset(embedding))


class MobileNetEncoder(AudioEncoder):
    """A MobileNet of EfficientAT at 32 kHz, with AudioSet's 527 tags.

    Paper: https://arxiv.org/abs/2211.04772. Small and free (4 MB for width
    0.4, MIT licence); no published distance is by this network.

    Arguments
    ---------
    source : str or Path
        A released file, there or in
        :func:`~speechbrain_opensed.core.hub.models_folder`.

    Raises
    ------
    FileNotFoundError
        If there is no such file; says where the released ones are.
    ValueError
        If its tensors are others.

    Example
    -------
    >>> MobileNetEncoder("./mn10_as_mAP_471.pt")
    Traceback (most recent call last):
    FileNotFoundError: no weights of a MobileNet at mn10_as_mAP_471.pt: ...
    """

    def __init__(self, source: str | Path = "mn04_as_mAP_432.pt"):
        model = load_mobilenet(source)
        super().__init__(model.sample_rate)
        self.model = model.requires_grad_(False)
        self.train(False)

    def encode(self, wavs: Tensor) -> Encoding:
        """Encodes `[batch, samples]`; clips below 0.1 s are padded."""
        short = self.sample_rate // 10 - wavs.shape[1]
        embedding = self.model.embed(F.pad(wavs, (0, max(0, short))))
        return Encoding(embedding, logits=self.model.classifier(embedding))


def rename_cnn14(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of PANNs' Cnn14 by the names they have here.

    Arguments
    ---------
    state : dict of str to torch.Tensor
        As published, or what is under `model` there.

    Returns
    -------
    dict of str to torch.Tensor
        Without those of the spectrogram, which is computed.

    Example
    -------
    >>> names = ("bn0.weight", "conv_block1.bn2.bias", "fc1.bias")
    >>> list(rename_cnn14(dict.fromkeys(names)))
    ['trunk.norm0.weight', 'trunk.conv_block1.norm2.bias', 'fc1.bias']
    """
    renamed = {}
    for name, value in state.items():
        if name.startswith(("spectrogram_extractor.", "logmel_extractor.")):
            continue
        if not name.startswith("fc"):
            for number in "012":
                name = name.replace(f"bn{number}.", f"norm{number}.")
            name = f"trunk.{name}"
        renamed[name] = value
    return renamed


#: Encoders by the name they have on the command line.
JUDGES = {
    "clap": ClapEncoder,
    "ast": AstEncoder,
    "beats": BeatsEncoder,
    "cnn14": Cnn14Encoder,
    "mobilenet": MobileNetEncoder,
    "random": RandomEncoder,
}


def build_evaluator(name: str) -> AudioEncoder:
    """An encoder from its name and source.

    Arguments
    ---------
    name : str
        `random`, `clap`, `ast`, `mobilenet`, or one of the last three and
        `beats`, `cnn14` with `=` and a file, folder or name on the hub.

    Returns
    -------
    AudioEncoder
        Ready to judge.

    Raises
    ------
    FileNotFoundError
        If its weights are missing.
    ValueError
        If there is no such encoder, or it needs a source.

    Example
    -------
    >>> build_evaluator("random").sample_rate
    16000
    >>> build_evaluator("vggish")
    Traceback (most recent call last):
    ValueError: encoder 'vggish': choose from clap, ast, beats, cnn14, ...
    """
    kind, _, source = name.partition("=")
    if kind not in JUDGES:
        raise ValueError(f"encoder {kind!r}: choose from {', '.join(JUDGES)}")
    if kind in ("beats", "cnn14") and not source:
        raise ValueError(f"encoder {kind!r} needs weights: give {kind}=FILE")
    if kind == "random" and source:
        raise ValueError("encoder 'random' has no weights: leave out the '='")
    return JUDGES[kind](source) if source else JUDGES[kind]()
