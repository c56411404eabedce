"""Lhotse recipes and soundscape synthesis for sound event detection."""
