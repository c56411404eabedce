"""Examples of text, reference and sound."""
