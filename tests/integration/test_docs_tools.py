"""Generated pages: the ledger, licences, the reference, what is included."""

import doctest
import importlib.util
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from docs.tools.example_folder import ROOT
from tests.browser import Browser, find_chromium

sys.path.insert(0, str(ROOT / "docs/tools"))

import claims  # noqa: E402
import docstrings  # noqa: E402
import included  # noqa: E402
import licences  # noqa: E402
import reference  # noqa: E402
import sbom  # noqa: E402
import upstream  # noqa: E402


def test_the_ledger_is_current():
    assert (ROOT / "docs/claims.md").read_text() == claims.page()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"verdict": "perhaps"}, "no verdict"),
        ({"verdict": "agrees"}, "ours, data"),
        ({"ours": "0.5"}, "not run"),
        ({"why": ""}, "why missing"),
        ({"colour": "red"}, "unknown"),
    ],
)
def test_bad_rows_of_the_ledger_are_refused(tmp_path, change, words):
    row = {"claim": "x", "paper": "1", "verdict": "not run", "why": "time"}
    file = tmp_path / "claims.yaml"
    papers = [{"paper": "P", "claims": [row]}]
    file.write_text(yaml.safe_dump(papers))
    assert claims.read_claims(file) == papers
    papers[0]["claims"] = [{**row, **change}]
    file.write_text(yaml.safe_dump(papers))
    with pytest.raises(ValueError, match=words):
        claims.read_claims(file)


_SHARE = re.compile(r"(\d+) % \((\d\.\d+) of (\d\.\d+)\)")


def strange_numbers(row, text):
    """Numbers of a row that its recipe's README does not have.

    A share is computed from the two numbers behind it.
    """
    said = f"{row.get('ours', '')}; {row.get('spread', '')}"
    for share, part, whole in _SHARE.findall(said):
        if round(100 * float(part) / float(whole)) != int(share):
            yield f"{share} % ({part} of {whole})"
    said = _SHARE.sub(r"\2 of \3", said)
    for number in re.findall(r"\d+\.\d+|\d+(?= ?%)", said):
        if not re.search(rf"(?<![\d.]){re.escape(number)}(?!\d|\.\d)", text):
            yield number


def test_numbers_of_the_ledger_are_those_of_the_recipes():
    missing = []
    for paper in claims.read_claims():
        text = (ROOT / f"recipes/{paper['paper']}/README.md").read_text("utf-8")
        for row in paper["claims"]:
            missing += [
                (paper["paper"], row["claim"], number)
                for number in strange_numbers(row, text)
            ]
    assert not missing


@pytest.mark.parametrize(
    ("ours", "strange"),
    [
        ("0.384 to 0.5", []),
        ("0.38", ["0.38"]),
        ("70 % (0.384 of 0.5)", ["70 % (0.384 of 0.5)"]),
        ("77 % (0.384 of 0.5)", []),
        ("43 %", ["43"]),
    ],
)
def test_strange_numbers_are_noticed(ours, strange):
    found = strange_numbers({"ours": ours}, "from 0.384 to 0.5, 9 %")
    assert list(found) == strange


def test_commands_of_the_ledger_exist():
    """Those of small runs and of the papers' scale name what is there."""
    from click import Context

    from speechbrain_opensed.commands.cli import opensed
    from tests.consistency.links import unknown_targets

    makefile = (ROOT / "Makefile").read_text("utf-8")
    known = opensed.list_commands(Context(opensed))
    for paper in claims.read_claims():
        told = [paper["command"], *(r.get("small") for r in paper["claims"])]
        for command in filter(None, told):
            program, first, *rest = command.split()
            if program == "make":
                assert unknown_targets(f"`{command}`", makefile) == []
            elif program == "opensed":
                assert first in known, command
                if first == "train":
                    hparams = f"recipes/{rest[0]}/hparams/{rest[1]}.yaml"
                    assert (ROOT / hparams).is_file(), command
            else:
                assert (ROOT / first).is_file(), command


def test_every_dependency_has_a_licence():
    page = (ROOT / "docs/licences.md").read_text()
    for name, extra in licences.requirements():
        if extra not in ("dev", "docs", "all"):
            assert f"| {name} |" in page, f"{name}: run `make docs`"
    assert "not stated" not in page


def test_the_bill_of_materials_is_closed():
    bill = sbom.bill_of_materials()
    refs = {one["bom-ref"] for one in bill["components"]}
    refs.add(bill["metadata"]["component"]["bom-ref"])
    names = {one["name"] for one in bill["components"]}
    assert {"torch", "lhotse", "speechbrain"} <= names
    assert not names & {"mkdocs", "pytest-timeout"}
    for line in bill["dependencies"]:
        assert line["ref"] in refs and refs.issuperset(line["dependsOn"])
    assert bill == sbom.bill_of_materials()


def test_included_pages_keep_their_links():
    text = included.expand("<!-- include: README.md -->", "index.md")
    assert "](recipes/flexsed.md)" in text
    text = included.expand(
        "<!-- include: recipes/FlexSED/README.md -->", "recipes/flexsed.md"
    )
    for link in re.findall(r"\]\((\.\./[^)#]+)", text):
        assert (ROOT / "docs/recipes" / link).is_file(), link
    for page in ROOT.glob("docs/**/*.md"):
        for file in included.parts_of(page.read_text()):
            assert (ROOT / file).is_file(), f"{page}: no {file}"


def test_docstrings_are_read():
    text = "X.\n\n    Arguments\n    ---------\n    a : int\n"
    assert "Parameters\n    ----------\n" in docstrings.as_numpydoc(text)
    assert docstrings.as_numpydoc("The Arguments\n") == "The Arguments\n"


def test_all_keys_of_the_yaml_files_are_shown():
    page = reference.yaml_page()
    for file in ROOT.glob("recipes/*/hparams/*.yaml"):
        keys = re.findall(r"^([a-z_]\w*):", file.read_text(), re.M)
        section = page.split(f"## {file.parts[-3]}: {file.name}\n")[1]
        shown = re.findall(r"^\| `(\w+)` \|", section.split("\n## ")[0], re.M)
        assert shown == keys, file


def test_all_commands_are_shown():
    from click import Context

    from speechbrain_opensed.commands.cli import SECTIONS, opensed

    grouped = [name for names in SECTIONS.values() for name in names]
    assert sorted(grouped) == sorted(opensed.list_commands(Context(opensed)))
    assert "opensed detect [OPTIONS]" in reference.cli_page()


def test_the_patch_fits_speechbrain(tmp_path):
    if not metadata.version("speechbrain").startswith("1.1."):
        pytest.skip("the patch is against SpeechBrain 1.1")
    import speechbrain

    target = tmp_path / "speechbrain/core.py"
    target.parent.mkdir()
    source = Path(speechbrain.__file__).with_name("core.py").read_text()
    target.write_text(source)
    patch = ROOT / "docs/upstream/speechbrain-clipping.patch"
    subprocess.run(
        ["git", "apply", str(patch)], cwd=tmp_path, check=True,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
    )  # fmt: skip
    assert 'group["params"]]' in target.read_text()


def applied(folder, package, *names, files=()):
    """A folder with some files of an installed package, and patches."""
    source = Path(importlib.import_module(package).__file__).parent
    for file in files:
        target = folder / package / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((source / file).read_text())
    for name in names:
        subprocess.run(
            ["git", "apply", str(ROOT / "docs/upstream" / name)],
            cwd=folder, check=True,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)},
        )  # fmt: skip
    return folder / package


def imported(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_cutloader_patch_is_ours_and_runs(tmp_path, monkeypatch):
    assert upstream.PATCH.read_text() == upstream.cutloader_patch()
    folder = applied(tmp_path, "speechbrain", upstream.PATCH.name)
    module = imported(folder / "integrations/lhotse/loader.py")
    monkeypatch.setitem(sys.modules, "loader", module)
    tested = doctest.testmod(module)
    assert tested.attempted and not tested.failed


def test_the_patches_fit_lhotse_and_run(tmp_path):
    if not metadata.version("lhotse").startswith("1.33"):
        pytest.skip("the patches are against Lhotse 1.33")
    registries = ("recipes/__init__.py", "bin/modes/recipes/__init__.py")
    folder = applied(
        tmp_path, "lhotse", "lhotse-esc50.patch", "lhotse-keep-empty.patch",
        files=(*registries, "qa.py"),
    )  # fmt: skip
    for file in registries:
        assert "esc50" in (folder / file).read_text()
    corpus = tmp_path / "ESC-50-master"
    (corpus / "audio").mkdir(parents=True)
    (corpus / "meta").mkdir()
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    for fold in (1, 2):
        soundfile.write(corpus / f"audio/{fold}.wav", np.zeros(800), 16000)
        rows.append(f"{fold}.wav,{fold},0,door_wood_knock,False,{fold},A")
    rows.append("gone.wav,2,0,dog,True,3,A")
    (corpus / "meta/esc50.csv").write_text("\n".join(rows) + "\n")
    prepare = imported(folder / "recipes/esc50.py").prepare_esc50
    parts = prepare(corpus, tmp_path / "out")
    assert sorted(parts) == ["fold1", "fold2"]
    (said,) = parts["fold2"]["supervisions"]
    assert said.text == "door wood knock" and said.custom["esc10"] is False
    assert len(list((tmp_path / "out").iterdir())) == 4
    recordings = parts["fold1"]["recordings"] + parts["fold2"]["recordings"]
    fix = imported(folder / "qa.py").fix_manifests
    some = parts["fold1"]["supervisions"]
    assert len(list(fix(recordings, some)[0])) == 1
    assert len(list(fix(recordings, some, keep_empty=True)[0])) == 2


@pytest.mark.slow
def test_the_site_works_from_files(tmp_path):
    """Built without a warning, it asks no network, and search answers."""
    subprocess.run(
        [
            *(sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"),
            *("--site-dir", str(tmp_path)),
        ],
        cwd=ROOT,
        check=True,
    )
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 60
    for page in pages:
        asked = re.findall(
            r'(?:src|data-src)="(https?://[^"]+)', page.read_text()
        )
        assert not asked, (page, asked)
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium to look at the pages with")
    # Of a server alone, for its addresses begin at the root.
    pages = [page for page in pages if page.name != "404.html"]
    # Each in a browser of its own, for one remembers its colours.
    for width, dark in ((390, False), (1280, True)):
        with Browser(program) as browser:
            browser.size(width, 1000, dark)
            for page in pages:
                browser.open(page.as_uri())
                wide, scheme, broken = browser.run(
                    "[document.documentElement.scrollWidth, "
                    "document.body.getAttribute('data-md-color-scheme'), "
                    "[...document.images].filter(i => !i.naturalWidth).length]"
                )
                assert wide <= width and not broken, (page, wide, broken)
                assert scheme == ("slate" if dark else "default")
            if not dark:
                continue
            browser.click(".md-search__input")
            browser.run(
                "(() => {"
                "const box = document.querySelector('.md-search__input');"
                "box.value = 'calibrate';"
                "box.dispatchEvent(new Event('input', {bubbles: true}));"
                "box.dispatchEvent("
                "new KeyboardEvent('keyup', {bubbles: true}));"
                "})()"
            )
            browser.wait(
                "document.querySelectorAll('.md-search-result__item').length"
            )
            assert browser.errors == []
