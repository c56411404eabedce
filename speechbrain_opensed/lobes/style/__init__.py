"""Generation in the style of a reference sound."""
