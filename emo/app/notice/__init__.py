"""The notice that an AI system for emotion recognition runs, shown where a voice comes in."""
