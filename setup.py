"""What pyproject.toml cannot say: recipes in the wheel, links on an index.

Everything else is in pyproject.toml.
"""

import re
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
FILES = "https://github.com/speechbrain-opensed/speechbrain-opensed/blob/main/"
PICTURES = FILES.replace("/blob/", "/raw/")


class BuildWithRecipes(build_py):
    """Recipes stay at the top of the repository and travel in the package."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "speechbrain_opensed" / "recipes"
        shutil.rmtree(target, ignore_errors=True)
        for path in self._recipe_files():
            copy = target / path.relative_to(HERE / "recipes")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)

    def get_source_files(self):
        own = [str(path.relative_to(HERE)) for path in self._recipe_files()]
        return [*super().get_source_files(), *own]

    def _recipe_files(self):
        for pattern in ("*/*.py", "*/*.md", "*/hparams/*.yaml"):
            yield from sorted((HERE / "recipes").glob(pattern))


def readme():
    """README.md, with links that also lead somewhere elsewhere."""
    text = (HERE / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"(!\[[^]]*\])\((?!https?://)", rf"\1({PICTURES}", text)
    return re.sub(r"\]\((?!https?://|#|mailto:)", f"]({FILES}", text)


setup(
    cmdclass={"build_py": BuildWithRecipes},
    long_description=readme(),
    long_description_content_type="text/markdown",
)
