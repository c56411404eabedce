"""Rendered mixtures: whole, resumable, the same for any number of jobs."""

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import CutSet

from lhotse_recipes.outputs import locked
from lhotse_recipes.schema import events_of
from lhotse_recipes.soundscapes import audio as module
from lhotse_recipes.soundscapes import simulate_soundscapes, write_audio
from lhotse_recipes.soundscapes.render import render


@pytest.fixture(scope="module")
def cuts(bank):
    return simulate_soundscapes(
        bank, None, 7, seed=3, duration=2.0, snr=(0, 5), peak=0.9, captions=True
    )


def files_of(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("bits, step", [(16, 2**-15), (24, 2**-23)])
@pytest.mark.parametrize("form", ["flac", "shar"])
def test_files_are_the_mixtures(cuts, tmp_path, form, bits, step):
    written = write_audio(cuts, tmp_path, form, bits=bits, shard_size=3)
    assert [cut.id for cut in written] == [cut.id for cut in cuts]
    for file, cut in zip(written, cuts, strict=True):
        samples = file.load_audio()[0]
        assert np.abs(samples - render(cut)).max() <= step
        assert file.custom["vocabulary"] == cut.vocabulary
        assert file.events_complete is True
        ours = [(s.start, s.end, s.text, s.snr) for s in events_of(file)]
        assert ours == [(s.start, s.end, s.text, s.snr) for s in events_of(cut)]
        assert {s.recording_id for s in file.supervisions} == {cut.id}
        assert len(file.supervisions) == len(cut.supervisions)
    assert len(list((tmp_path / form).iterdir())) == (
        3 if form == "flac" else 6
    )


@pytest.mark.parametrize("form", ["flac", "shar"])
def test_jobs_change_nothing(cuts, tmp_path, form):
    lazy = tmp_path / "cuts.jsonl"
    cuts.to_file(lazy)
    for jobs in 1, 2:
        write_audio(
            CutSet.from_jsonl_lazy(lazy),
            tmp_path / str(jobs),
            form,
            shard_size=2,
            num_jobs=jobs,
        )
    one, two = files_of(tmp_path / "1" / form), files_of(tmp_path / "2" / form)
    assert one.keys() == two.keys()
    for name in one:
        if name.suffix != ".gz":
            assert one[name] == two[name]


@pytest.mark.parametrize("form", ["flac", "shar"])
def test_an_interrupted_call_goes_on(cuts, tmp_path, form, monkeypatch):
    rendered = []

    def failing(cut):
        if len(rendered) == 5:
            raise RuntimeError("power cut")
        rendered.append(cut.id)
        return render(cut)

    monkeypatch.setattr(module, "render", failing)
    with pytest.raises(RuntimeError, match="power cut"):
        write_audio(cuts, tmp_path / "a", form, shard_size=2)
    monkeypatch.setattr(
        module, "render", lambda cut: rendered.append(cut.id) or render(cut)
    )
    write_audio(cuts, tmp_path / "a", form, shard_size=2)
    assert len(rendered) == 5 + 3
    monkeypatch.undo()
    write_audio(cuts, tmp_path / "b", form, shard_size=2)
    again, whole = files_of(tmp_path / "a"), files_of(tmp_path / "b")
    assert again.keys() == whole.keys()
    audio = [n for n in whole if n.suffix in (".flac", ".tar")]
    assert len(audio) >= 4
    assert all(again[name] == whole[name] for name in audio)


def test_other_mixtures_need_another_folder(cuts, bank, tmp_path):
    write_audio(cuts, tmp_path, shard_size=2)
    fewer = CutSet.from_cuts(list(cuts)[:2])
    with pytest.raises(ValueError, match="more shards than 1, of other"):
        write_audio(fewer, tmp_path, shard_size=2)
    other = simulate_soundscapes(bank, None, 7, seed=4, duration=2.0)
    with pytest.raises(ValueError, match="000000.* made from other mixtures"):
        write_audio(other, tmp_path, shard_size=2)


def test_what_would_clip_is_scaled_and_told(bank, tmp_path):
    cuts = simulate_soundscapes(
        bank, None, 2, seed=3, duration=2.0, background_dbfs=(10.0, 10.0)
    )
    write_audio(cuts, tmp_path)
    told = json.loads((tmp_path / "rendered_report_all.json").read_text())
    assert told["notes"]["scaled to fit below full scale"] == list(cuts.ids)
    for path in (tmp_path / "flac").rglob("*.flac"):
        samples, _ = soundfile.read(path)
        assert np.abs(samples).max() == pytest.approx(1.0, abs=1e-3)
        assert np.sum(np.abs(samples) > 0.9999) < 5


def test_shar_holds_what_lhotse_expects(cuts, tmp_path):
    write_audio(cuts, tmp_path, "shar", shard_size=4)
    with tarfile.open(tmp_path / "shar/recording.000001.tar") as archive:
        names = archive.getnames()
    ids = [cut.id for cut in list(cuts)[4:]]
    assert names == [f"{i}.{s}" for i in ids for s in ("flac", "json")]
    shards = CutSet.from_shar(in_dir=tmp_path / "shar")
    assert len(list(shards)) == 7


@pytest.mark.parametrize(
    "settings, told",
    [
        ({"form": "mp3"}, "form 'mp3': choose from flac, shar"),
        ({"bits": 8}, "bits 8"),
        ({"shard_size": 0}, "shard_size 0"),
    ],
)
def test_bad_settings(cuts, tmp_path, settings, told):
    with pytest.raises(ValueError, match=told):
        write_audio(cuts, tmp_path, **settings)
    with pytest.raises(ValueError, match="no cuts"):
        write_audio([], tmp_path)


def test_ids_stay_in_the_folder_and_one_call_writes_at_a_time(cuts, tmp_path):
    escaping = CutSet.from_cuts([cuts[0].with_id("../../../escaped")])
    out = tmp_path / "a" / "b"
    (written,) = write_audio(escaping, out)
    assert written.id == "../../../escaped"
    assert out in Path(written.recording.sources[0].source).parents
    with pytest.raises(ValueError, match="Shar stores clips under their ids"):
        write_audio(escaping, tmp_path / "shar", "shar")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "shar"]
    with (
        locked(out / "flac"),
        pytest.raises(OSError, match="another process is writing"),
    ):
        write_audio(cuts, out)


def test_one_simulation_writes_a_manifest_at_a_time(bank, tmp_path):
    settings = dict(num_clips=1, seed=3, duration=2.0, output_dir=tmp_path)
    path = tmp_path / "soundscapes_cuts_all.jsonl.gz"
    with (
        locked(path),
        pytest.raises(OSError, match="another process is writing"),
    ):
        simulate_soundscapes(bank, None, **settings)
    assert len(simulate_soundscapes(bank, None, **settings).to_eager()) == 1


@pytest.mark.parametrize("form", ["flac", "shar"])
def test_ids_that_a_disk_takes_for_one(cuts, tmp_path, form, monkeypatch):
    from lhotse_recipes import names

    monkeypatch.setattr(names, "folds_case", lambda folder: True)
    first, second = list(cuts)[:2]
    alike = CutSet.from_cuts([first.with_id("Dog"), second.with_id("dog")])
    with pytest.raises(ValueError, match="'Dog' and 'dog' would be one file"):
        write_audio(alike, tmp_path, form)
