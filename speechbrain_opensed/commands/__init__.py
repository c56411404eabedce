"""Subcommands of `opensed`, one module each; none imports torch on top."""
