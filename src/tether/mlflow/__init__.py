"""What MLflow's clients ask a tracking server, answered from runs: requests in, answers out, without a framework."""
