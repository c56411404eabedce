"""From phrases to embeddings."""
