"""Precisions that have no effect are refused, whatever the model."""

import pytest
import torch

from speechbrain_opensed.core.precision import check_precision
from speechbrain_opensed.core.spec import SedSpec
from speechbrain_opensed.inference.scorer import WindowScorer
from speechbrain_opensed.lobes.conv_sed import ConvSED
from speechbrain_opensed.lobes.dasheng_sed import DashengSED
from speechbrain_opensed.lobes.finelap import FineLAP
from speechbrain_opensed.lobes.flexsed import FlexSED
from speechbrain_opensed.lobes.track_sed import TrackSED


@pytest.mark.parametrize("kind", [ConvSED, DashengSED, FineLAP, TrackSED])
def test_models_with_little_to_decode_compute_in_fp32(kind):
    model = torch.nn.Module()
    model.precisions = kind.precisions
    WindowScorer(model, SedSpec(), precision="fp32")
    for precision in ("bf16", "fp16"):
        with pytest.raises(ValueError, match="leave --precision out"):
            WindowScorer(model, SedSpec(), precision=precision)


def test_decoders_are_asked_in_what_they_can():
    model = FineLAP.tiny()
    feats, queries = torch.rand(1, 4, 8), torch.rand(2, 8)
    with pytest.raises(ValueError, match="bf16 has no effect on this model"):
        model.decode(feats, queries, precision="bf16")
    flexsed = FlexSED(16, 2, 2, ft_blocks=1, cls_dim=8)
    WindowScorer(flexsed, SedSpec(), precision="bf16")
    with pytest.raises(ValueError, match="unknown precision 'fp8'"):
        WindowScorer(flexsed, SedSpec(), precision="fp8")
    with pytest.raises(ValueError, match="unknown precision 'fp8'"):
        check_precision("fp8", ["fp32"])
