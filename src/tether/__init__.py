"""Version control and collaboration for deep-learning data and models."""
