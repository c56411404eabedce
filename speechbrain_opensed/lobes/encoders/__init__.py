"""From waves to frames or clips."""
