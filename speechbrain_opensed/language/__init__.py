"""What a language model or a lexicon knows about phrases."""
