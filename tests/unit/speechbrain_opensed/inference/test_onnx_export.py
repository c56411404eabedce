"""Detectors as ONNX graphs: equal, through the same way to the events."""

import copy
import json
import shutil

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner

from speechbrain_opensed.commands.cli import opensed
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference import SoundEventDetector
from speechbrain_opensed.inference.onnx_export import (
    _decoder,
    _Encode,
    _quantize,
    _stft,
    export_onnx,
)
from speechbrain_opensed.lobes.encoders.mobilenet import MobileNet
from speechbrain_opensed.lobes.finelap import FineLAP
from speechbrain_opensed.lobes.flexsed import FlexSED
from speechbrain_opensed.lobes.text.encoders import HashTextEncoder
from speechbrain_opensed.lobes.text.finelap import FineLAPTextEncoder
from speechbrain_opensed.lobes.track_sed import TrackSED
from tests.tiny_detector import export_tiny

PHRASES = ["dog barking", "rain", "wind"]


def dasheng():
    model = FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8, smooth_frames=3)
    for block in model.decoder.blocks:
        torch.nn.init.normal_(block.adaln.weight, std=0.2)
    return model, SedSpec()


def mobilenet():
    model = TrackSED(
        MobileNet(width=0.1, num_tags=5), query_dim=8, max_anchors=4
    )
    with torch.no_grad():
        for buffer in (model.tags, model.prototypes.anchors):
            buffer.copy_(
                torch.nn.functional.normalize(torch.randn_like(buffer))
            )
        model.prototypes.basis.normal_()
        model.prototypes.weights.normal_()
        model.prototypes.num_anchors.fill_(3)
        # What hardly moves would be equal anyhow.
        model.outlet[1].bias.zero_()
        model.outlet[1].weight.mul_(8)
    model.step_penalty = 0.5
    return model, SedSpec(32000, 0.08, 10.0)


@pytest.fixture(scope="module", params=[dasheng, mobilenet])
def pair(request, tmp_path_factory):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    model, spec = request.param()
    detector = SoundEventDetector(
        {"model": model, "text_encoder": HashTextEncoder(dim=8)},
        {"spec": spec},
        {"device": "cpu"},
    )
    folder = tmp_path_factory.mktemp("onnx") / "out"
    about = export_onnx(detector, folder, PHRASES)
    assert about["largest_difference"] <= 1e-4
    return detector, folder


def noise(path, seconds, rate, channels=1):
    rng = np.random.default_rng(0)
    wave = rng.normal(0, 0.1, (round(seconds * rate), channels))
    wave[: len(wave) // 3] *= 0.01
    soundfile.write(path, wave, rate)
    return path


@pytest.mark.slow
def test_scores_and_events_are_the_same(pair, tmp_path):
    detector, folder = pair
    options = {"run_opts": {"device": "cpu"}}
    for source in (folder, folder / "encode.onnx"):
        loaded = SoundEventDetector.from_source(source, **options)
    path = noise(tmp_path / "a.wav", 37.3, 44100, 2)
    for phrases in (PHRASES, PHRASES[:1]):
        ours = detector.detect_file(path, phrases, threshold=0.3)
        theirs = loaded.detect_file(path, phrases, threshold=0.3)
        assert ours.scores.std() > 1e-3
        np.testing.assert_allclose(theirs.scores, ours.scores, atol=1e-4)
        assert len(theirs.events) == len(ours.events)
    # Shorter than a window: with silence behind, as it is documented.
    short = loaded.detect_file(noise(tmp_path / "b.wav", 1.5, 16000), PHRASES)
    assert short.scores.shape == (loaded.spec.num_frames(1.5), 3)
    with pytest.raises(ValueError, match="no embedding for 1 phrases.*cat"):
        loaded.detect_file(path, ["cat"])
    low = SoundEventDetector.from_source(
        folder, {"device": "cpu", "precision": "bf16"}
    )
    with pytest.raises(ValueError, match="leave --precision out"):
        low.detect_file(path, PHRASES)


def test_only_what_was_trained_becomes_int8(pair, tmp_path):
    onnx = pytest.importorskip("onnx")
    detector, folder = pair
    model = copy.deepcopy(detector.mods.model)
    for name, module in (
        ("encode", _Encode(model)),
        ("decode", _decoder(model)),
    ):
        path = tmp_path / f"{name}.onnx"
        shutil.copyfile(folder / path.name, path)
        whole = {one.name for one in onnx.load(path).graph.initializer}
        size = path.stat().st_size
        _quantize(path, module)
        kinds = {
            one.name: one.data_type for one in onnx.load(path).graph.initializer
        }
        kept = whole & {name for name, _ in module.named_buffers()}
        # FlexSED's decoder has nothing but what was trained.
        assert kept or (name, type(model)) == ("decode", FlexSED)
        assert {kinds.get(one) for one in kept} <= {
            onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
        }, name  # fmt: skip
        assert onnx.TensorProto.INT8 in kinds.values(), name
        assert path.stat().st_size < size


@pytest.mark.slow
def test_the_commands(pair, tmp_path):
    detector, folder = pair
    path = noise(tmp_path / "a.wav", 12, 16000)

    def run(*arguments):
        return CliRunner().invoke(opensed, list(map(str, arguments)))

    out = tmp_path / "out.json"
    done = run(
        "detect", path, "-q", "rain", "--model", folder, "--device", "cpu",
        "--threshold", "0.3", "--format", "json", "-o", out,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    expected = detector.detect_file(path, ["rain"], threshold=0.3)
    assert len(json.loads(out.read_text())["events"]) == len(expected.events)
    (folder / "decode.onnx").write_bytes(b"damaged")
    done = run("detect", path, "-q", "rain", "--model", folder)
    assert done.exit_code == 2 and "cannot be read" in done.stderr
    (folder / "phrases.npz").unlink()
    done = run("detect", path, "-q", "rain", "--model", folder)
    assert done.exit_code == 2 and "no phrases.npz" in done.stderr


def test_spectra_are_those_of_torch():
    wav = torch.randn(2, 5000)
    for width, size, pad in ((400, 512, "reflect"), (512, 512, "constant")):
        window = torch.hann_window(width)
        options = dict(win_length=width, window=window, pad_mode=pad)
        expected = torch.stft(wav, size, 160, return_complex=True, **options)
        found = _stft(wav, size, 160, **options)
        torch.testing.assert_close(found.real, expected.real, atol=1e-4, rtol=0)
        torch.testing.assert_close(
            found.abs(), expected.abs(), atol=1e-4, rtol=0
        )


def test_what_cannot_be_exported_is_told(tmp_path):
    pytest.importorskip("onnxscript")
    loaded = SoundEventDetector.from_source(
        export_tiny(tmp_path), {"device": "cpu"}
    )
    with pytest.raises(ValueError, match="with -q or --queries-file"):
        export_onnx(loaded, tmp_path / "onnx")
    finelap = FineLAP.tiny()
    other = SoundEventDetector(
        {"model": finelap, "text_encoder": FineLAPTextEncoder(finelap)},
        {"spec": finelap.spec},
        {"device": "cpu"},
    )
    with pytest.raises(ValueError, match="FineLAP cannot be exported"):
        export_onnx(other, tmp_path / "onnx", ["dog"])
    assert not (tmp_path / "onnx").exists()
