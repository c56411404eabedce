"""Ogg files that broke off."""

import numpy as np
import pytest
import soundfile

from lhotse_recipes.sound import inspect_audio
from lhotse_recipes.sound.ogg import ogg_ends


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_half_a_file_is_refused(tmp_path, subtype):
    path = tmp_path / "a.ogg"
    samples = 0.1 * np.random.default_rng(0).standard_normal(10 * 16000)
    soundfile.write(path, samples, 16000, format="OGG", subtype=subtype)
    assert ogg_ends(path)
    assert inspect_audio(path).duration == pytest.approx(10, abs=0.01)
    data = path.read_bytes()
    for length in (len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="a.ogg is truncated"):
            inspect_audio(path)
