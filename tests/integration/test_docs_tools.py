"""Generated pages: the ledger, licences, the reference, what is included."""

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from docs.tools.example_folder import ROOT

sys.path.insert(0, str(ROOT / "docs/tools"))

import claims  # noqa: E402
import docstrings  # noqa: E402
import included  # noqa: E402
import licences  # noqa: E402
import reference  # noqa: E402
import sbom  # noqa: E402


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
