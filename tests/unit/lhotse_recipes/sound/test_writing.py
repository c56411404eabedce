"""A sound that cannot be written is named, with what to do about it."""

import os
import resource
import signal
import traceback

import numpy as np
import pytest
import soundfile

from lhotse_recipes.sound import writing_sound
from speechbrain_opensed.inference.clips import save_moments
from speechbrain_opensed.inference.lookup import Hit
from speechbrain_opensed.inference.sources import sound_file


def fails_in_words(write, words):
    """Runs where no file may grow beyond a kilobyte, as on a full disk."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            with pytest.raises(OSError, match=words):
                write()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_file_and_the_remedy(tmp_path):
    path = tmp_path / "a.wav"

    def write():
        with writing_sound(path):
            soundfile.write(path, np.zeros(9000), 16000)

    assert fails_in_words(write, "not written.*free some space.*a.wav")


def test_moments_and_samples(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(9000), 16000)
    hit = Hit(str(tmp_path / "a.wav"), 0.1, 0.5, 0.9, 0.8)
    out = tmp_path / "out"
    assert fails_in_words(
        lambda: save_moments(out, [("dog", [hit])]),
        "free some space.*out/dog 001 a 0.10.wav",
    )
    assert not out.exists() and len(list(tmp_path.iterdir())) == 1

    def sample():
        with sound_file(np.zeros(9000), 16000):
            pass

    assert fails_in_words(sample, "free some space")
