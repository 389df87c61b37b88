"""A service that never was: signals with rhythm, drift, bursts and failures, deployments among them, and the truth."""
