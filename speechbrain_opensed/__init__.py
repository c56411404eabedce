"""Open-vocabulary sound event detection for SpeechBrain."""
