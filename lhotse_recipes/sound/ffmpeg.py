"""Sound of m4a, aac, wma, webm, amr and of videos, by way of ffmpeg.

The program is used where it is on the machine, else PyAV, which brings its
libraries (``pip install 'speechbrain-opensed[media]'``).
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

__all__ = ["available", "decode", "probe"]

_BYTES = 1 << 20
# Seconds to see what a file is, which takes a fraction of one.
_PATIENCE = 8
_BROKEN_OFF = "File ended prematurely"
# A playlist may name other files of this machine, or addresses: files that
# somebody sent are not to open these.
_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,avi,flv,mpeg,mpegts,ogg,nut,rm,"
    "aac,ac3,eac3,dts,truehd,amr,amrnb,amrwb,mp3,flac,wav,w64,aiff,caf,au,ape,"
    "wv,tta,dsf,mpc,mpc8,gsm,dv"
)
_ONLY = {"format_whitelist": _CONTAINERS}


def available() -> str | None:
    """
    What can decode here.

    :return: "ffmpeg", "av", or None.

    >>> available() in ("ffmpeg", "av", None)
    True
    """
    if shutil.which("ffmpeg") and shutil.which("ffprobe"):
        return "ffmpeg"
    try:
        import av  # noqa: F401
    except ImportError:
        return None
    return "av"


def probe(path: str | Path) -> tuple[int, int]:
    """
    Rate and channels of a file's first sound track.

    :param path: the file.
    :return: samples per second, channels.
    :raises ValueError: it has no sound, or is damaged.
    """
    if available() == "ffmpeg":
        done = _run(
            ["ffprobe", "-v", "error", "-format_whitelist", _CONTAINERS,
             "-select_streams", "a:0",
             "-show_entries", "stream=sample_rate,channels", "-of", "json",
             f"file:{path}"],
            path,
        )  # fmt: skip
        streams: list[dict] = []
        if done.returncode == 0:
            streams = json.loads(done.stdout or "{}").get("streams") or []
        if not streams:
            reason = done.stderr.strip().splitlines()[-1:] or ["no sound track"]
            raise ValueError(f"{path}: ffmpeg reads no sound ({reason[0]})")
        return int(streams[0]["sample_rate"]), int(streams[0]["channels"])
    import av

    try:
        with av.open(str(path), options=_ONLY) as container:
            track = container.streams.audio[0]
            return track.rate, track.channels
    except (av.error.FFmpegError, IndexError) as error:
        raise ValueError(f"{path}: PyAV reads no sound ({error})") from error


def _run(
    command: list[str], path: str | Path
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired as error:
        # Of what is no sound it looks at every byte.
        raise ValueError(
            f"{path}: ffmpeg found no sound within {_PATIENCE} s"
        ) from error


def decode(path: str | Path, channels: int) -> Iterator[np.ndarray]:
    """
    Decode the first sound track of a file.

    :param path: the file.
    :param channels: how many it has.
    :return: blocks ``[samples, channels]``, float32, at the file's own rate.
    :raises ValueError: decoding fails.
    """
    if available() == "av":
        yield from _decode_av(path)
        return
    command = ["ffmpeg", "-v", "warning", "-xerror"]
    command += ["-format_whitelist", _CONTAINERS, "-i", f"file:{path}"]
    command += ["-map", "0:a:0", "-f", "f32le", "-acodec", "pcm_f32le", "-"]
    # A pipe that nobody reads would stop a program with much to say.
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
        ) as process,
    ):
        assert process.stdout is not None
        size = _BYTES // (4 * channels) * 4 * channels
        try:
            while block := process.stdout.read(size):
                samples = np.frombuffer(block, "<f4")
                whole = len(samples) // channels * channels
                yield samples[:whole].reshape(-1, channels)
        finally:
            if process.poll() is None:
                process.stdout.close()
                process.kill()
        failed = process.wait() > 0
        said.seek(0)
        reason = said.read().decode(errors="replace").strip()
        # A cut Matroska file is no error to ffmpeg.
        if failed or _BROKEN_OFF in reason:
            raise ValueError(
                f"{path} is truncated or damaged: ffmpeg stopped "
                f"({reason.splitlines()[-1] if reason else 'no reason'})"
            )


def _decode_av(path: str | Path) -> Iterator[np.ndarray]:
    import av

    level = av.logging.get_level()
    repeated = av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.WARNING)
    # Else a second broken file would not be spoken of.
    av.logging.set_skip_repeated(False)
    try:
        with (
            av.logging.Capture() as said,
            av.open(str(path), options=_ONLY) as container,
        ):
            track = container.streams.audio[0]
            to_float = av.AudioResampler("fltp", track.layout, track.rate)
            for frame in container.decode(track):
                for part in to_float.resample(frame):
                    yield np.ascontiguousarray(part.to_ndarray().T)
    except av.error.FFmpegError as error:
        raise ValueError(f"{path} is truncated or damaged ({error})") from error
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(repeated)
    if any(_BROKEN_OFF in message for _, _, message in said):
        raise ValueError(f"{path} is truncated or damaged ({_BROKEN_OFF})")
