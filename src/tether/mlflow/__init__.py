"""What MLflow's clients ask of a tracking server: requests in, answers out, without a framework."""
