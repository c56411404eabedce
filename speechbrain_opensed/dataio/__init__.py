"""From cuts to batches: targets, queries, datasets, loaders, augmentation."""
