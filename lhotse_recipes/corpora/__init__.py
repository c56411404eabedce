"""One module for each corpus: `prepare_x`, perhaps `download_x`."""
