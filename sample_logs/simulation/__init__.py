"""A simulated system of services whose calls leave the logs AWS would write; see `run.simulate`."""
