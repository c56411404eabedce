"""What the recipes of corpora are built from."""
