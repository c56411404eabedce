"""``python -m lhotse_recipes``: Lhotse's command line with our recipes."""

from lhotse_recipes.cli import lhotse_cli

if __name__ == "__main__":
    lhotse_cli()(prog_name="python -m lhotse_recipes")
