"""What every room builds on: time grid, levels, spectra, processes."""
