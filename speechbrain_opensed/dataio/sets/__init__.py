"""Cut sets and datasets of each task."""
