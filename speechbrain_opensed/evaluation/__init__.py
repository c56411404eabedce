"""From cut sets to scores, annotations and tables."""
