"""``python -m speechbrain_opensed``: the `opensed` command."""

from speechbrain_opensed.commands.cli import main

if __name__ == "__main__":
    main()
