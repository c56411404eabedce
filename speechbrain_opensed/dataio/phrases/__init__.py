"""Banks of phrases, and the negatives drawn from them."""
